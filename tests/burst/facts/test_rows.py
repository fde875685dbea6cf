"""Every row of facts names its source and its date, or is refused by file and line."""

from __future__ import annotations

import csv
import datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from burst import facts
from burst.facts import rows
from trainer.refusal import Refusal

TABLES = sorted(rows.FOLDER.glob("*.csv"))
DATES = st.dates(min_value=datetime.date(2000, 1, 1), max_value=datetime.date(2100, 12, 31))
HEADER = "name,value,source,as_of"


def table(folder: Path, *lines: str) -> Path:
    path = folder / "made_up.csv"
    path.write_text("\n".join((HEADER, *lines)) + "\n", encoding="utf-8")
    return path


@pytest.mark.parametrize("path", TABLES, ids=lambda path: path.name)
def test_every_shipped_row_has_a_source_and_a_date(path: Path) -> None:
    found = rows.read_rows(path)
    assert found, f"{path.name} is empty"
    for row in found:
        assert row["source"].strip()
        assert row["as_of"].strip()


@pytest.mark.parametrize("path", TABLES, ids=lambda path: path.name)
def test_every_shipped_confidence_is_one_of_three(path: Path) -> None:
    for row in rows.read_rows(path):
        assert row.get("confidence", "high") in ("high", "medium", "low")


@pytest.mark.parametrize("path", TABLES, ids=lambda path: path.name)
def test_every_shipped_row_has_as_many_cells_as_its_header(path: Path) -> None:
    with path.open(encoding="utf-8", newline="") as file:
        header, *lines = csv.reader(file, strict=True)
    assert len(set(header)) == len(header)
    assert {len(line) for line in lines} == {len(header)}


@pytest.mark.parametrize("path", TABLES, ids=lambda path: path.name)
def test_no_shipped_row_is_dated_after_the_snapshot_year(path: Path) -> None:
    year = int(facts.snapshot().date[:4])
    assert all(int(row["as_of"][:4]) <= year for row in rows.read_rows(path))


def test_an_assumption_is_never_of_high_confidence() -> None:
    for path in TABLES:
        for row in rows.read_rows(path):
            if row["source"].startswith("assumption"):
                assert row["confidence"] == "low", f"{path.name}: {row}"


@pytest.mark.parametrize("line", ["b,2,,2026-11-23", "b,2,a paper,", "b,2,a paper", "b"])
def test_a_row_without_source_or_date_is_refused_with_its_line(tmp_path: Path, line: str) -> None:
    with pytest.raises(Refusal, match=r"^made_up\.csv, line 3, has no source or date"):
        rows.read_rows(table(tmp_path, "a,1,a paper,2024", line))


@pytest.mark.parametrize("date", ["yesterday", "2026-13-01", "2026-02-30", "23.11.2026", "202", "20x4"])
def test_a_date_that_is_none_is_refused_with_its_line(tmp_path: Path, date: str) -> None:
    with pytest.raises(Refusal, match=rf"^made_up\.csv, line 2, is as of {date}; expected a date or year"):
        rows.read_rows(table(tmp_path, f"a,1,a paper,{date}"))


def test_the_line_of_a_refusal_is_the_line_in_the_file(tmp_path: Path) -> None:
    path = table(tmp_path, '"a\nb",1,a paper,2024', "", "c,2,,2024")
    with pytest.raises(Refusal, match=r"^made_up\.csv, line 5,"):
        rows.read_rows(path)


def test_a_source_of_blanks_is_none(tmp_path: Path) -> None:
    with pytest.raises(Refusal, match=r"^made_up\.csv, line 2, has no source or date"):
        rows.read_rows(table(tmp_path, "a,1,  ,2024"))


@given(as_of=DATES, days=st.integers(0, 10_000))
def test_the_age_of_a_row_is_its_days(as_of: datetime.date, days: int) -> None:
    assert rows.age_days(as_of.isoformat(), as_of + datetime.timedelta(days=days)) == days


@given(as_of=DATES, days=st.integers(1, 10_000))
def test_nothing_is_younger_than_today(as_of: datetime.date, days: int) -> None:
    assert rows.age_days(as_of.isoformat(), as_of - datetime.timedelta(days=days)) == 0


@given(year=st.integers(2000, 2100), today=DATES)
def test_a_year_counts_from_its_last_day(year: int, today: datetime.date) -> None:
    assert rows.age_days(str(year), today) == rows.age_days(f"{year}-12-31", today)


@given(dates=st.lists(DATES, min_size=1, max_size=5), today=DATES)
def test_of_several_dates_the_oldest_counts(dates: list[datetime.date], today: datetime.date) -> None:
    oldest = rows.oldest(date.isoformat() for date in dates)
    assert rows.age_days(oldest, today) == max(rows.age_days(date.isoformat(), today) for date in dates)


@pytest.mark.parametrize(("text", "number"), [("", None), ("0", 0.0), ("2.5", 2.5)])
def test_an_empty_cell_is_no_number_and_a_zero_is_one(text: str, number: float | None) -> None:
    assert rows.optional_number(text) == number
