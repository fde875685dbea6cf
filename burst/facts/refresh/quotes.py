"""What an API asks for the products of the price table, in terms of the table."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

from burst.facts.refresh.table import Product
from burst.spec import Purchase

SAME = 1e-6
"""Prices that differ by less, relative to each other, are one price."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Quote:
    """The prices of one product in one region, USD per hour; None: not sold that way."""

    product: Product
    region: str
    usd_per_hour: float | None
    spot_usd_per_hour: float | None
    problem: str = ""
    """Why the API itself leaves the price in doubt; empty where it does not."""

    def price(self, purchase: Purchase) -> float | None:
        """The price of one way to buy."""
        return self.spot_usd_per_hour if purchase is Purchase.SPOT else self.usd_per_hour


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """All that was read of one provider."""

    source: str
    quotes: tuple[Quote, ...]
    covered: frozenset[Product]
    """Products that were asked for: one that has no quote in a region is no longer sold there."""
    notes: tuple[str, ...] = ()
    """What was not read, and why; those rows are carried over."""


@dataclass(slots=True)
class Heard:
    """Prices as they come, one or more for each region and purchase; several must agree."""

    _prices: dict[tuple[str, Purchase], set[float]] = field(default_factory=lambda: defaultdict(set))
    _doubts: dict[str, str] = field(default_factory=dict)

    def add(self, region: str, purchase: Purchase, usd_per_hour: float) -> None:
        """One price that the API lists."""
        self._prices[region, purchase].add(usd_per_hour)

    def doubt(self, region: str, problem: str) -> None:
        """Something that makes the region's price unusable."""
        self._doubts.setdefault(region, problem)

    def quotes(self, product: Product) -> Iterable[Quote]:
        """A quote for each region that was heard of."""
        for region in sorted({region for region, _ in self._prices} | set(self._doubts)):
            on_demand, spot = (self._prices.get((region, purchase), set()) for purchase in (Purchase.ON_DEMAND, Purchase.SPOT))
            yield Quote(
                product=product,
                region=region,
                usd_per_hour=next(iter(on_demand), None),
                spot_usd_per_hour=next(iter(spot), None),
                problem=self._doubts.get(region) or disagreement(on_demand) or disagreement(spot),
            )


def disagreement(prices: Iterable[float]) -> str:
    """Why several prices for one thing are none; empty where they agree, to a millionth of them.

    >>> disagreement([2.5]), disagreement([3.0, 2.5])
    ('', 'listed more than once, at $2.5 and $3')
    """
    different = sorted(prices)
    if len(different) < 2 or different[-1] - different[0] <= SAME * abs(different[0]):
        return ""
    return f"listed more than once, at ${different[0]:.7g} and ${different[-1]:.7g}"
