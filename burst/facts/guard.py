"""Listed prices that are none: what a price table claims is not yet what can be rented."""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache

from burst.facts import rows
from burst.spec import Purchase

PLACEHOLDER_USD = 700.0
"""Stands in a public catalog where no price was found."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Retirement:
    """Shapes that a provider has withdrawn."""

    provider: str
    shape_pattern: str
    retired_on: str
    """ISO date; later ones are announcements."""
    replacement: str
    """Shape that the provider names instead; empty where it names none."""
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Restriction:
    """Shapes that are listed but not sold in one way, or in one place."""

    provider: str
    shape_pattern: str
    region_pattern: str
    purchase: str
    """A `Purchase`, or `*`."""
    reason: str
    source: str


@cache
def retirements() -> tuple[Retirement, ...]:
    """All retirements that have a source."""
    return tuple(
        Retirement(
            provider=row["provider"],
            shape_pattern=row["shape_pattern"],
            retired_on=row["retired_on"],
            replacement=row["replacement"],
            source=row["source"],
        )
        for row in rows.rows("retirements.csv")
    )


@cache
def restrictions() -> tuple[Restriction, ...]:
    """All restrictions."""
    return tuple(
        Restriction(
            provider=row["provider"],
            shape_pattern=row["shape_pattern"],
            region_pattern=row["region_pattern"],
            purchase=row["purchase"],
            reason=row["reason"],
            source=row["source"],
        )
        for row in rows.rows("restrictions.csv")
    )


def price_problem(usd_per_hour: float | None, spot_usd_per_hour: float | None, purchase: Purchase) -> str | None:
    """Why a row's price for `purchase` is no price; None where it is one.

    >>> price_problem(0.0, None, Purchase.ON_DEMAND)
    '$0 is a gap in the list, not a price'
    >>> price_problem(2.0, 3.0, Purchase.ON_DEMAND)
    'spot at $3 is above on demand at $2: one of them belongs to another product'
    """
    price = spot_usd_per_hour if purchase is Purchase.SPOT else usd_per_hour
    if price is None:
        return None
    if not price > 0 or price == float("inf"):
        return f"${price:g} is a gap in the list, not a price"
    if price == PLACEHOLDER_USD:
        return f"${price:g} is the catalog's placeholder for a missing price"
    if usd_per_hour and spot_usd_per_hour and spot_usd_per_hour > usd_per_hour:
        return f"spot at ${spot_usd_per_hour:g} is above on demand at ${usd_per_hour:g}: one of them belongs to another product"
    return None


def retirement_of(provider: str, shape: str, *, on: str) -> Retirement | None:
    """The retirement that has withdrawn a shape by the ISO date `on`, if any."""
    return next(
        (
            retirement
            for retirement in retirements()
            if retirement.provider == provider and fnmatchcase(shape, retirement.shape_pattern) and retirement.retired_on <= on
        ),
        None,
    )


def restriction_of(provider: str, shape: str, region: str, purchase: Purchase) -> Restriction | None:
    """What keeps a shape from being bought so in a region, if anything."""
    return next(
        (
            found
            for found in restrictions()
            if found.provider == provider
            and fnmatchcase(shape, found.shape_pattern)
            and fnmatchcase(region, found.region_pattern)
            and found.purchase in ("*", purchase)
        ),
        None,
    )
