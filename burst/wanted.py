"""What may be rented: the names, numbers and ages that a user allows, and the offers that they leave."""

from __future__ import annotations

import datetime
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from burst import facts
from burst.facts import Offer
from burst.spec import Purchase
from trainer.refusal import Refusal

BATCHES = (8, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512)
"""Batches per rank that are tried, as far as they fit the memory."""
MAX_ACCELERATORS = 128
"""CERN's largest run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What may be rented. An empty set allows all."""

    providers: frozenset[str] = frozenset()
    regions: frozenset[str] = frozenset()
    shapes: frozenset[str] = frozenset()
    accelerators: frozenset[str] = frozenset()
    purchases: frozenset[Purchase] = frozenset()
    batches: tuple[int, ...] = BATCHES
    max_accelerators: int = MAX_ACCELERATORS
    """GPUs or TPU chips, all nodes together."""
    quota: Mapping[str, int] = field(default_factory=dict)
    """Of an accelerator, how many at most."""
    measured_only: bool = False
    """Only accelerators that CERN measured, and no more of them."""
    min_updates: int | None = None
    """Plans with fewer updates are left out. None: fewer than any published training had, unless the work itself asks for
    less: nobody knows what they would reach."""
    max_age_days: int | None = facts.MAX_AGE_DAYS
    """Older prices are set aside; None allows them."""

    def limit(self, accelerator: str) -> int:
        """How many of an accelerator may be rented."""
        return min(self.max_accelerators, self.quota.get(accelerator, self.max_accelerators))


def check_names(wanted: Wanted) -> None:
    """Refuse a provider, region, shape, accelerator or quota that no offer has, with the closest that one has."""
    market = facts.market()
    offers = [*market.sound, *(unsound.offer for unsound in market.unsound)]
    known = {
        "provider": {offer.shape.provider for offer in offers},
        "region": {offer.region for offer in offers},
        "shape": {offer.shape.name for offer in offers},
        "accelerator": {offer.shape.accelerator for offer in offers} - {""},
    }
    asked = {
        "provider": wanted.providers,
        "region": wanted.regions,
        "shape": wanted.shapes,
        "accelerator": {*wanted.accelerators, *wanted.quota},
    }
    for kind, names in asked.items():
        for name in sorted(names):
            facts.check_name(kind, name, known[kind])
    for batch in wanted.batches:
        if batch < 1:
            raise Refusal(f"a batch of {batch}", expected="1 or more", remedy="correct it")
    for unsound in market.unsound:
        if unsound.offer.shape.name in wanted.shapes and not any(
            offer.shape.name == unsound.offer.shape.name for offer in market.sound
        ):
            raise unsound.refusal()


def allowed(wanted: Wanted, today: datetime.date, set_aside: Counter[str]) -> Iterator[Offer]:
    """The sound offers that are wanted; counts in `set_aside` those that are wanted and are not sound, or too old."""
    market = facts.market()
    for unsound in market.unsound:
        if _is_wanted(unsound.offer, wanted):
            set_aside[unsound.reason] += 1
    for offer in market.sound:
        if not _is_wanted(offer, wanted):
            continue
        if wanted.max_age_days is not None and facts.age_days(offer.as_of, today) > wanted.max_age_days:
            set_aside[f"prices of {offer.shape.provider} from {offer.as_of}, older than {wanted.max_age_days} days"] += 1
        else:
            yield offer


def _is_wanted(offer: Offer, wanted: Wanted) -> bool:
    shape = offer.shape
    return bool(shape.accelerator) and all(
        not allowed or value in allowed
        for value, allowed in (
            (shape.provider, wanted.providers),
            (offer.region, wanted.regions),
            (shape.name, wanted.shapes),
            (shape.accelerator, wanted.accelerators),
            (offer.purchase, wanted.purchases),
        )
    )
