"""A quantity that is not known exactly: low, expected, high."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import Enum

from burst.outputs import rounded
from trainer.contract import Json


class Case(Enum):
    """Which end of every range a calculation takes."""

    LOW = "low"
    EXPECTED = "expected"
    HIGH = "high"


@dataclass(frozen=True, slots=True)
class Range:
    """Low, expected and high of one quantity; the unit stands in the name that holds it.

    Products take low with low and high with high: what is uncertain together stays uncertain together, so a range is never
    narrower than it should be.

    >>> Range(1, 2, 4) * 3 * Range(0.5, 1, 1)
    Range(low=1.5, expected=6, high=12)
    """

    low: float
    expected: float
    high: float

    def __post_init__(self) -> None:
        assert 0 <= self.low <= self.expected <= self.high, self

    @classmethod
    def exactly(cls, value: float) -> Range:
        """A measured or agreed number."""
        return cls(value, value, value)

    def __mul__(self, other: Range | float) -> Range:
        if isinstance(other, Range):
            return Range(self.low * other.low, self.expected * other.expected, self.high * other.high)
        return Range(self.low * other, self.expected * other, self.high * other)

    def __add__(self, other: Range) -> Range:
        return Range(self.low + other.low, self.expected + other.expected, self.high + other.high)

    @classmethod
    def independent(cls, *factors: Range) -> Range:
        """The product of factors around 1 whose deviations have nothing to do with each other: their logarithms' distances add
        in quadrature.

        >>> Range.independent(Range(0.5, 1, 2), Range(0.5, 1, 2)).to_output()
        {'low': 0.375, 'expected': 1.0, 'high': 2.67}
        """
        low, high = (
            math.sqrt(sum(math.log(end) ** 2 for end in ends)) for ends in zip(*((f.low, f.high) for f in factors), strict=True)
        )
        return cls(math.exp(-low), float(math.prod(factor.expected for factor in factors)), math.exp(high))

    def at(self, case: Case) -> float:
        """The end that `case` asks for.

        >>> Range(1, 2, 4).at(Case.HIGH)
        4
        """
        return {Case.LOW: self.low, Case.EXPECTED: self.expected, Case.HIGH: self.high}[case]

    def __contains__(self, value: float) -> bool:
        return self.low <= value <= self.high

    def to_output(self) -> dict[str, Json]:
        """As a stack output shows it.

        >>> Range(0.012345, 1.23456, 123456).to_output()
        {'low': 0.0123, 'expected': 1.23, 'high': 123000.0}
        """
        return {name: rounded(getattr(self, name)) for name in ("low", "expected", "high")}
