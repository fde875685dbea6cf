"""Numbers, units and ranges as text."""

from __future__ import annotations

from collections.abc import Iterable

from burst.numerals import number
from burst.ranges import Range

DASH = "\N{EN DASH}"
UNITS = {"usd": "USD", "hours": "h", "kwh": "kWh", "kgco2e": "kgCO2e"}
"""Of the quantities of a forecast."""
NAMES = {"usd": "money", "hours": "time", "kwh": "energy", "kgco2e": "carbon", "kgco2e_market": "carbon, market-based"}
_SMALLER = {"h": ("min", 60.0), "kWh": ("Wh", 1000.0), "kgCO2e": ("gCO2e", 1000.0)}
SMALL = 0.1
"""Where all is below this, a unit is too large for it."""


def between(value: Range, digits: int = 2) -> str:
    """The ends of a range, or nothing where they are one.

    >>> between(Range(3.41, 7.6, 60.1)), between(Range.exactly(0))
    ('3.4–60', '')
    """
    return "" if value.low == value.high else f"{number(value.low, digits)}{DASH}{number(value.high, digits)}"


def with_range(value: Range) -> str:
    """Expected, and the ends behind it.

    >>> with_range(Range(3.41, 7.6, 60.1)), with_range(Range.exactly(2))
    ('7.6 (3.4–60)', '2')
    """
    ends = between(value)
    return f"{number(value.expected)} ({ends})" if ends else number(value.expected)


def unit_of(quantity: str, values: Iterable[Range]) -> tuple[str, float]:
    """The unit for a quantity of a forecast and the factor to it: a smaller one where all of `values` are small.

    >>> unit_of("hours", [Range(0.01, 0.02, 0.05)]), unit_of("hours", [Range(1, 2, 3)])
    (('min', 60.0), ('h', 1.0))
    """
    unit = UNITS[quantity.removesuffix("_market")]
    largest = max((value.high for value in values), default=0.0)
    return _SMALLER[unit] if unit in _SMALLER and 0 < largest < SMALL else (unit, 1.0)


def percent(share: float) -> str:
    """A share, to a whole percent where it has two digits.

    >>> percent(0.123), percent(0.0123), percent(-0.004), percent(1e-5)
    ('12%', '1.2%', '-0.4%', '0.001%')
    """
    return f"{share:.0%}" if abs(share) >= 0.1 else f"{number(100 * share, 2)}%"


def error_percent(value: float | None, worst: float) -> str:
    """An ECAL error; `worst` is the largest that anybody has published, for a plan beyond it.

    >>> error_percent(8.34, 11.0), error_percent(None, 11.0)
    ('8.3%', '>11%')
    """
    return f">{worst:g}%" if value is None else f"{value:.1f}%"


def count(how_many: int, what: str) -> str:
    """So many of something whose plural ends in s.

    >>> count(1, "plan"), count(1200, "plan")
    ('1 plan', '1,200 plans')
    """
    return f"{how_many:,} {what}{'' if how_many == 1 else 's'}"
