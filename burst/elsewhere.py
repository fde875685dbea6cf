"""What the full published training would cost on each provider: for whoever has run the small one on a laptop."""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from functools import cache

from burst import advice, planner
from burst.forecast import Cost, Work, rented
from burst.wanted import Wanted

PROVIDERS = {"gcp": "Google Cloud", "azure": "Microsoft Azure", "oci": "Oracle Cloud"}
MAX_HOURS = 24.0
"""What a physicist will wait for at most: a day."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Elsewhere:
    """The cheapest plan of one provider."""

    provider: str
    plan: str
    is_extrapolated: bool
    """Nobody has measured its accelerator, or so many of them."""
    cost: Cost


@cache
def published_training() -> tuple[Elsewhere, ...]:
    """CERN's full training (124,987 showers, 60 epochs) with our trainer: each provider's cheapest plan within a day.

    Of the price snapshot as it is, whatever its age: the same page on any day.
    """
    found = []
    for provider, title in PROVIDERS.items():
        wanted = Wanted(providers=frozenset({provider}), max_age_days=None)
        front = planner.search(Work(), wanted, today=datetime.date.max)
        rental = front.rental(advice.recommended(front, advice.Limits(max_hours=MAX_HOURS)))
        found.append(
            Elsewhere(
                provider=title,
                plan=advice.name(rental),
                is_extrapolated=rental.is_extrapolated,
                cost=rented.cost(rental),
            )
        )
    return tuple(found)
