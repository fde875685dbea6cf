"""What is shown of a front: which rows, in which order, with which marks."""

from __future__ import annotations

import datetime
import json
from functools import cache

import pytest

from burst import advice, planner
from burst.advice import Limits
from burst.forecast import Work, rented
from burst.plan_view.answer import SORTS, Answer, answer
from burst.plan_view.document import explanation_document, plans_document
from burst.planner import Front
from burst.wanted import Wanted

TODAY = datetime.date(2026, 11, 24)
WANTED = Wanted(providers=frozenset({"gcp"}), accelerators=frozenset({"V100-16GB", "TPU-v3"}))


@cache
def front() -> Front:
    return planner.search(Work(), WANTED, today=TODAY)


def found(limits: Limits = Limits(), *, count: int = 12, sort: str = "usd", today: datetime.date = TODAY) -> Answer:  # noqa: B008 - frozen
    return answer(front(), WANTED, limits, count=count, sort=sort, today=today)


@pytest.mark.parametrize("count", [1, 2, 5, 1000])
def test_no_more_rows_than_asked_for_and_the_recommended_one_among_them(count: int) -> None:
    shown = found(count=count)
    assert 1 <= len(shown.rows) <= count
    assert shown.best in shown.rows
    assert shown.best.index == advice.recommended(front(), Limits())


def test_all_plans_are_shown_where_so_many_rows_are_asked_for() -> None:
    assert [row.index for row in found(count=1000).rows] == list(range(len(front().offers)))


@pytest.mark.parametrize("sort", SORTS)
def test_rows_are_numbered_in_their_order(sort: str) -> None:
    rows = found(count=1000, sort=sort).rows
    values = [float(getattr(front(), sort)[row.index]) for row in rows]
    assert values == sorted(values)
    assert [row.number for row in rows] == list(range(1, len(rows) + 1))


def test_a_row_holds_the_full_forecast_of_its_plan() -> None:
    for row in found().rows:
        assert row.cost == rented.cost(front().rental(row.index))
        assert row.cost.usd.expected == pytest.approx(float(front().usd[row.index]))
        assert row.cost.hours.expected == pytest.approx(float(front().hours[row.index]))


def test_each_mark_is_on_one_row() -> None:
    marks = [mark for row in found().rows for mark in row.marks]
    assert sorted(marks) == ["balanced", "cheapest", "fastest", "least carbon"]


def test_where_nothing_is_within_the_limits_the_nearest_is_the_one_row() -> None:
    limits = Limits(max_hours=0.1)
    shown = found(limits)
    assert not shown.is_possible
    assert [row.index for row in shown.rows] == [advice.nearest(front(), limits)]
    assert shown.exclusions
    assert shown.savings == ()


def test_old_prices_of_machines_are_told_by_row() -> None:
    shown = found(today=datetime.date(2028, 1, 1))
    numbers = ", ".join(str(row.number) for row in shown.rows)
    assert any(warning.endswith(f"rows {numbers}") for warning in shown.warnings)
    assert shown.rows == found().rows


def test_documents_are_json_and_hold_no_infinity() -> None:
    shown = found(count=1000)
    document = json.loads(json.dumps(plans_document(shown), allow_nan=False))
    assert len(document["plans"]) == len(shown.rows)
    row = shown.rows[-1]
    explained = json.loads(json.dumps(explanation_document(row, advice.settings(row.rental), []), allow_nan=False))
    assert explained["plan"] == document["plans"][-1]
