"""The stack output `cost` as rows of a table: forecast beside actual, each low, expected, high."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from burst.numerals import number
from burst.ranges import Range
from trainer.contract import Json
from trainer.refusal import Refusal

QUANTITIES = {
    "usd": ("money", "USD"),
    "hours": ("time", "h"),
    "kwh": ("electrical energy", "kWh"),
    "kgco2e": ("greenhouse gas", "kg CO₂e"),
}
SIDES = ("forecast", "actual")
_SMALLER = {"h": ("min", 60), "kWh": ("Wh", 1000), "kg CO₂e": ("g CO₂e", 1000)}


@dataclass(frozen=True, slots=True)
class Cell:
    """One quantity on one side, ready to print."""

    expected: str
    between: str
    """`low to high`, or empty where they are one."""


@dataclass(frozen=True, slots=True)
class CostTable:
    """Rows (quantity, unit, cell a side or None), and the sentences on which both, forecast and actual rest."""

    rows: tuple[tuple[str, str, tuple[Cell | None, ...]], ...]
    basis: dict[str, tuple[str, ...]]


def cost_table(cost: Mapping[str, Json]) -> CostTable:
    """Read `cost`; a side that is null or missing stays empty. Refuses what has another shape."""
    sides = [_side(cost, name) for name in SIDES]
    rows = []
    for key, (quantity, unit) in QUANTITIES.items():
        ranges = [_range(side, key, name) if side else None for name, side in zip(SIDES, sides, strict=True)]
        unit, scale = _unit(unit, [found for found in ranges if found])
        rows.append((quantity, unit, tuple(cell(Range(*found) * scale) if found else None for found in ranges)))
    return CostTable(tuple(rows), _basis(sides))


def _basis(sides: list[Mapping[str, Any] | None]) -> dict[str, tuple[str, ...]]:
    """The sentences by whom they serve, those of both sides once."""
    of_forecast, of_actual = ([str(line) for line in (side or {}).get("basis") or ()] for side in sides)
    shared = [line for line in of_forecast if line in of_actual]
    groups = {"both": shared, "forecast": of_forecast, "actual": of_actual}
    return {name: tuple(line for line in lines if name == "both" or line not in shared) for name, lines in groups.items()}


def _side(cost: Mapping[str, Json], name: str) -> Mapping[str, Any] | None:
    side = cost.get(name)
    if side is None:
        return None
    if not isinstance(side, Mapping):
        raise _refusal(f"cost: {name} is a {type(side).__name__}")
    return side


def _range(side: Mapping[str, Any], key: str, name: str) -> tuple[float, float, float]:
    try:
        low, expected, high = (float(side[key][edge]) for edge in ("low", "expected", "high"))
    except (KeyError, TypeError, ValueError) as problem:
        raise _refusal(f"cost: {name}.{key} cannot be read ({type(problem).__name__}: {problem})") from None
    if not (math.isfinite(low) and low <= expected <= high and math.isfinite(high)):
        raise _refusal(f"cost: {name}.{key} is {low} / {expected} / {high}")
    return low, expected, high


def _refusal(got: str) -> Refusal:
    return Refusal(
        got,
        expected="forecast and actual, each with usd, hours, kwh and kgco2e as finite low <= expected <= high",
        remedy="pass the stack output `cost`",
    )


def _unit(unit: str, ranges: list[tuple[float, float, float]]) -> tuple[str, float]:
    """A smaller unit where all is below a tenth of the given one."""
    if unit in _SMALLER and ranges and 0 < max(high for _, _, high in ranges) < 0.1:
        return _SMALLER[unit]
    return unit, 1


def cell(found: Range) -> Cell:
    """A range, ready to print."""
    between = "" if found.low == found.high else f"{number(found.low)} to {number(found.high)}"
    return Cell(number(found.expected), between)
