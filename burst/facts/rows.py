"""Reading a table of facts: every row names its source and date, or is refused."""

from __future__ import annotations

import csv
import datetime
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path

from trainer.refusal import Refusal

FOLDER = Path(__file__).parent
MAX_AGE_DAYS = 180
"""Older prices warn in forecasts, and keep their offers out of `burst plan` unless allowed."""

Row = Mapping[str, str]


@cache
def rows(name: str) -> tuple[Row, ...]:
    """The rows of `burst/facts/<name>`; refuses one without a source, or with a date that is none."""
    return read_rows(FOLDER / name)


def read_rows(path: Path) -> tuple[Row, ...]:
    """The rows of a table anywhere."""
    with path.open(encoding="utf-8", newline="") as file:
        table = csv.DictReader(file)
        found = [(table.line_num, row) for row in table]
    for number, row in found:
        if not (row.get("source") or "").strip() or not row.get("as_of"):
            raise Refusal(
                f"{path.name}, line {number}, has no source or date", expected="both", remedy="add them, or remove the row"
            )
        if _date(row["as_of"]) is None:
            raise Refusal(
                f"{path.name}, line {number}, is as of {row['as_of']}",
                expected="a date or year",
                remedy="write it as 2026-11-23 or 2024",
            )
    return tuple(row for _, row in found)


def optional_number(text: str) -> float | None:
    """A cell that may be empty: not sold, or not published.

    >>> optional_number("2.5"), optional_number("")
    (2.5, None)
    """
    return float(text) if text else None


def age_days(as_of: str, today: datetime.date) -> int:
    """Days from a row's date to `today`; a year counts from its end, and nothing is younger than today.

    >>> age_days("2026-07-30", datetime.date(2026, 11, 24)), age_days("2024", datetime.date(2026, 11, 24))
    (117, 693)
    """
    date = _date(as_of)
    assert date is not None, as_of
    return max(0, (today - date).days)


def oldest(dates: Iterable[str]) -> str:
    """The oldest of several `as_of`.

    >>> oldest(["2026-07-30", "2024"])
    '2024'
    """
    return min(dates, key=lambda as_of: _date(as_of) or datetime.date.max)


def _date(as_of: str) -> datetime.date | None:
    text = f"{as_of}-12-31" if len(as_of) == len("2024") else as_of
    try:
        return datetime.date.fromisoformat(text)
    except ValueError:
        return None
