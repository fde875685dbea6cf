"""What is advised on a front: plans within limits, what limits cost, and settings with their reasons."""

from __future__ import annotations

import datetime
import re
from dataclasses import replace

import numpy as np
import pytest

from burst import advice, facts, planner
from burst.advice import Limits
from burst.forecast import Rental, Work
from burst.planner import Front
from burst.spec import Purchase
from burst.wanted import Wanted
from trainer.refusal import Refusal

TODAY = datetime.date(2026, 11, 24)


@pytest.fixture(scope="module")
def front() -> Front:
    return planner.search(Work(), Wanted(max_age_days=None), today=TODAY)


def test_without_limits_every_plan_is_within(front: Front) -> None:
    assert len(advice.within(front, Limits())) == len(front.usd)


def test_plans_within_limits_hold_each_of_them(front: Front) -> None:
    kept = advice.within(front, Limits(max_hours=3, max_usd=100, max_kgco2e=2))
    assert len(kept)
    assert np.all(front.hours[kept] <= 3)
    assert np.all(front.usd[kept] <= 100)
    assert np.all(front.kgco2e[kept] <= 2)
    assert np.all(np.diff(front.usd[kept]) >= 0)


def test_the_notable_plans_are_the_best_of_their_kind(front: Front) -> None:
    best = advice.notable(front, advice.within(front, Limits()))
    assert front.usd[best["cheapest"]] == front.usd.min()
    assert front.hours[best["fastest"]] == front.hours.min()
    assert front.kgco2e[best["least carbon"]] == front.kgco2e.min()


def test_a_deadline_asks_for_the_cheapest_and_a_budget_for_the_fastest(front: Front) -> None:
    to_a_deadline = advice.recommended(front, Limits(max_hours=2))
    assert front.usd[to_a_deadline] == front.usd[front.hours <= 2].min()
    in_a_budget = advice.recommended(front, Limits(max_usd=50))
    assert front.hours[in_a_budget] == front.hours[front.usd <= 50].min()


@pytest.mark.parametrize("count", [1, 2, 5, 12])
def test_no_more_plans_are_shown_than_asked_for(front: Front, count: int) -> None:
    indices = advice.within(front, Limits())
    shown = advice.shown(front, indices, count)
    assert 0 < len(shown) <= count
    assert shown == sorted(set(shown))


def test_the_notable_plans_are_among_those_shown(front: Front) -> None:
    indices = advice.within(front, Limits())
    assert set(advice.notable(front, indices).values()) <= set(advice.shown(front, indices, 12))


def test_an_hour_more_saves_what_the_front_says(front: Front) -> None:
    cheapest_in_2, cheapest_in_3 = (front.usd[front.hours <= hours].min() for hours in (2, 3))
    (sentence,) = advice.savings(front, Limits(max_hours=2))
    saved = re.search(r"1 hour more \(deadline\) would save ([\d.]+) USD", sentence)
    assert saved
    assert float(saved[1]) == pytest.approx(cheapest_in_2 - cheapest_in_3, rel=0.01)


def test_a_limit_that_does_not_bind_costs_nothing(front: Front) -> None:
    assert advice.savings(front, Limits(max_hours=1e6)) == []


def test_limits_that_nothing_holds_say_what_they_would_have_to_be(front: Front) -> None:
    limits = Limits(max_hours=1, max_usd=float(front.usd.min()) + 1)
    assert not len(advice.within(front, limits))
    told = advice.exclusions(front, limits)
    assert len(told) == 2
    needed = re.search(r"the deadline of 1 h: with the budget it would have to be ([\d.]+) h", told[0])
    assert needed
    enough = replace(limits, max_hours=float(needed[1]) * 1.01)
    assert len(advice.within(front, enough))


def test_a_limit_below_all_plans_says_the_least(front: Front) -> None:
    (told,) = advice.exclusions(front, Limits(max_hours=0.01))
    assert f"no plan takes less than {front.hours.min():.3g} h" in told


def test_the_nearest_plan_exceeds_the_limits_least(front: Front) -> None:
    limits = Limits(max_hours=0.5, max_usd=10)
    index = advice.nearest(front, limits)
    excess = np.maximum(front.hours / 0.5, front.usd / 10)
    assert excess[index] == excess.min()


@pytest.mark.parametrize("value", [0.0, -1.0, float("inf"), float("nan")])
def test_a_limit_that_is_none_is_refused(value: float) -> None:
    with pytest.raises(Refusal, match="expected a number above 0"):
        Limits(max_usd=value)


def test_each_setting_of_a_plan_has_its_reason(front: Front) -> None:
    for index in advice.shown(front, advice.within(front, Limits()), 12):
        settings = advice.settings(front.rental(index))
        assert [setting.name for setting in settings] == ["nodes", "ranks", "batch per rank", "prefetch", "checkpoint"]
        assert all(re.search(r"\d|network|device|slice", setting.reason) for setting in settings)


def test_several_nodes_say_what_fewer_gpus_a_node_would_cost() -> None:
    offer = facts.find("gcp", "n1-standard-96+8xV100-16GB", "us-central1", Purchase.ON_DEMAND)
    nodes, _, batch, prefetch, _ = advice.settings(
        Rental.of(work=Work(num_epochs=120), offer=offer, num_nodes=16, batch_per_rank=96)
    )
    assert nodes.value == "16 of 8 GPUs a node"
    assert "one GPU a node would cost 1.5 s a step instead of 0.18 s" in nodes.reason
    assert "ECAL error about 11.0%" in batch.reason
    assert "without it CERN's nodes got no more than 810 from the bucket" in prefetch.reason
