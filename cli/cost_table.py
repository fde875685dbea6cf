"""A forecast as a table: every quantity and its items, low, expected and high."""

from __future__ import annotations

from typing import Any

from rich import box
from rich.table import Table

from burst.forecast.cost import Cost
from burst.numerals import number
from burst.plan_view.words import NAMES, unit_of
from burst.ranges import Range


def cost_table(cost: Cost) -> Table:
    """The figures as stack outputs round them, each quantity in a unit that fits; items add up to their quantity."""
    shown: dict[str, Any] = cost.to_output()
    found = plain_table("what", figures=("low", "expected", "high"), texts=("unit",))
    for name in NAMES:
        if shown[name] is None:
            found.add_row(NAMES[name], "", "not published", "", "", style="bold")
            continue
        total = Range(**shown[name])
        unit, factor = unit_of(name, [total])
        found.add_row(NAMES[name], *_ends(shown[name], factor), unit, style="bold")
        for item, ends in shown.get("items", {}).get(name, {}).items():
            found.add_row(f"  {item}", *_ends(ends, factor), unit)
    return found


def _ends(ends: dict[str, float], factor: float) -> list[str]:
    return [number(ends[end] * factor) for end in ("low", "expected", "high")]


def plain_table(first: str, *, figures: tuple[str, ...] = (), texts: tuple[str, ...] = ()) -> Table:
    """An empty table in the command's one style: a name, figures to the right, texts that may wrap."""
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False, show_edge=False)
    table.add_column(first, overflow="fold")
    for title in figures:
        table.add_column(title, justify="right", no_wrap=True)
    for title in texts:
        table.add_column(title, overflow="fold")
    return table
