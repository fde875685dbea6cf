"""The search for the best ways to run a training: every shape, region, node count, batch and purchase that can be rented.

All candidates of one shape and purchase are one array (offers x node counts x batches), so that a million take less than a
second. What is on the front of money, time and carbon answers every question on limits: whatever limits are set, the best plan
within them is on the front of all.
"""

from __future__ import annotations

import datetime
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from burst import facts
from burst.facts import Offer
from burst.forecast import accuracy, energy, epochs, estimate
from burst.forecast.pace import PLATFORMS, Pace, pace
from burst.forecast.rented import Rental
from burst.forecast.tariff import Tariff, tariff
from burst.forecast.work import Work
from burst.pareto import undominated
from burst.ranges import Case
from burst.spec import Purchase, Shape
from burst.wanted import Wanted, allowed, check_names
from trainer.refusal import Refusal

Vector = NDArray[np.float64]
NUM_PIVOTS = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Front:
    """The plans that no other beats in money, time and carbon at once; arrays of one length, cheapest first."""

    work: Work
    offers: tuple[Offer, ...]
    """Each plan's."""
    num_nodes: NDArray[np.int64]
    batch_per_rank: NDArray[np.int64]
    usd: Vector
    hours: Vector
    kgco2e: Vector
    num_candidates: int
    """So many were evaluated,"""
    num_too_few_updates: int
    """and so many of them left out, because they make fewer updates than wanted."""
    set_aside: Counter[str]
    """Offers that were not, by the reason."""

    def rental(self, index: int) -> Rental:
        """A plan as the forecast takes it."""
        return Rental.of(
            work=self.work,
            offer=self.offers[index],
            num_nodes=int(self.num_nodes[index]),
            batch_per_rank=int(self.batch_per_rank[index]),
        )


def search(work: Work, wanted: Wanted, *, today: datetime.date) -> Front:
    """The front of all candidates that `wanted` allows. Refuses names that are not known, and a choice that leaves nothing."""
    check_names(wanted)
    set_aside: Counter[str] = Counter()
    best = _Best(_min_updates(work, wanted))
    for group in groups(work, wanted, today, set_aside):
        best.add(group, evaluate(work, group))
    if best.num_too_few_updates and not best.num_kept:
        raise Refusal(
            f"all {best.num_candidates:,} candidates make fewer than {best.min_updates:,} updates",
            expected="as many as the published training with the fewest",
            remedy="more epochs or showers, smaller batches, or --min-updates",
        )
    if not best.num_kept:
        raise Refusal(
            "nothing to rent is left of what was asked for",
            expected="an offer that is sold, with a recent price",
            remedy=_remedy(set_aside),
        )
    return best.front(work, set_aside)


def _min_updates(work: Work, wanted: Wanted) -> int:
    if wanted.min_updates is not None:
        return wanted.min_updates
    return min(accuracy.fewest_updates(), work.num_updates or accuracy.fewest_updates())


def _remedy(set_aside: Counter[str]) -> str:
    reasons = "; ".join(f"{reason} ({count} offers)" for reason, count in set_aside.most_common(3))
    return f"allow more{': ' if reasons else ''}{reasons}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """The candidates of one shape, bought one way."""

    shape: Shape
    purchase: Purchase
    pace: Pace
    offers: list[Offer]
    tariffs: list[Tariff]
    num_nodes: Vector
    batch_per_rank: Vector


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluated:
    """Expected values, each of the shape (offers, node counts, batches)."""

    usd: Vector
    hours: Vector
    kgco2e: Vector
    num_updates: Vector


def evaluate(work: Work, group: Group) -> Evaluated:
    """All candidates of a group; those whose global batch is more than the data make no updates."""
    nodes, batches = group.num_nodes[None, :, None], group.batch_per_rank[None, None, :]
    times = estimate.times(
        work,
        group.shape,
        group.pace,
        num_nodes=nodes,
        num_ranks=nodes * group.pace.ranks_per_node,
        batch_per_rank=batches,
        failures_per_hour=nodes * facts.preemption(group.shape, group.purchase).per_node_hour.expected,
        case=Case.EXPECTED,
        epoch_factor=1.0,
    )
    place = estimate.place(group.offers, group.tariffs, case=Case.EXPECTED, axes=2)
    kwh = estimate.kwh_total(place, group.shape, times, nodes)
    usd = estimate.usd_total(place, times, nodes)
    shape = (len(group.offers), len(group.num_nodes), len(group.batch_per_rank))
    return Evaluated(
        usd=np.broadcast_to(usd, shape),
        hours=np.broadcast_to(times.wall / estimate.SECONDS_PER_HOUR, shape),
        kgco2e=np.broadcast_to(kwh * place.kgco2e_per_kwh, shape),
        num_updates=np.broadcast_to(times.num_updates, shape),
    )


def groups(work: Work, wanted: Wanted, today: datetime.date, set_aside: Counter[str]) -> Iterator[Group]:
    """The candidates that are wanted, shape by shape; counts in `set_aside` the offers that are not, by the reason."""
    grouped: dict[tuple[Shape, Purchase], list[tuple[Offer, Tariff]]] = defaultdict(list)
    for offer in allowed(wanted, today, set_aside):
        try:
            energy.node_power(offer.shape)
            facts.grid_carbon(offer.place)
            rates = tariff(offer.shape.target, offer.region)
        except Refusal as refusal:
            set_aside[refusal.got] += 1
            continue
        grouped[offer.shape, offer.purchase].append((offer, rates))
    for (shape, purchase), offers in grouped.items():
        speed = pace(work, shape)
        most = 1 if shape.is_tpu else wanted.limit(shape.accelerator) // shape.num_accelerators
        if wanted.measured_only:
            measured = epochs.max_measured_ranks(PLATFORMS[shape.target]) // speed.ranks_per_node
            most = 0 if speed.is_extrapolated else min(most, measured)
            if not most:
                set_aside["accelerators that nobody measured, or not so many"] += len(offers)
                continue
        batches = [batch for batch in wanted.batches if batch <= speed.max_batch_per_rank]
        if shape.num_accelerators > wanted.limit(shape.accelerator):
            set_aside["larger than the quota, or than the most accelerators asked for"] += len(offers)
            continue
        if not batches:
            set_aside["too little memory for the batch"] += len(offers)
            continue
        yield Group(
            shape=shape,
            purchase=purchase,
            pace=speed,
            offers=[offer for offer, _ in offers],
            tariffs=[rates for _, rates in offers],
            num_nodes=np.arange(1, most + 1, dtype=np.float64),
            batch_per_rank=np.array(batches, dtype=np.float64),
        )


class _Best:
    """The front so far: each group adds its own."""

    def __init__(self, min_updates: int) -> None:
        self.min_updates = min_updates
        self._offers: list[Offer] = []
        self._rows = np.zeros((0, 6))
        self.num_candidates = self.num_too_few_updates = 0

    @property
    def num_kept(self) -> int:
        """Plans on the front so far."""
        return len(self._rows)

    def add(self, group: Group, evaluated: Evaluated) -> None:
        """Most of a group is beaten by a few plans of those before it: these are asked first, the rest compared in full."""
        columns = (evaluated.usd.ravel(), evaluated.hours.ravel(), evaluated.kgco2e.ravel())
        enough = evaluated.num_updates.ravel() >= max(self.min_updates, 1)
        self.num_candidates += enough.size
        self.num_too_few_updates += enough.size - int(np.count_nonzero(enough))
        kept = np.flatnonzero(enough)
        for pivot in self._rows[:: max(1, len(self._rows) // NUM_PIVOTS), :3]:
            usd, hours, kgco2e = (column[kept] for column in columns)
            kept = kept[(usd <= pivot[0]) | (hours <= pivot[1]) | (kgco2e <= pivot[2])]
        values = np.column_stack([column[kept] for column in columns])
        best = undominated(values)
        offer, node, batch = np.unravel_index(kept[best], evaluated.usd.shape)
        first = len(self._offers)
        self._offers.extend(group.offers)
        own = np.column_stack([values[best], first + offer, group.num_nodes[node], group.batch_per_rank[batch]])
        rows = np.concatenate([self._rows, own])
        rows = rows[undominated(rows[:, :3])]
        self._rows = rows[np.lexsort((rows[:, 2], rows[:, 1], rows[:, 0]))]

    def front(self, work: Work, set_aside: Counter[str]) -> Front:
        rows = self._rows
        return Front(
            work=work,
            offers=tuple(self._offers[int(index)] for index in rows[:, 3]),
            num_nodes=rows[:, 4].astype(np.int64),
            batch_per_rank=rows[:, 5].astype(np.int64),
            usd=rows[:, 0],
            hours=rows[:, 1],
            kgco2e=rows[:, 2],
            num_candidates=self.num_candidates,
            num_too_few_updates=self.num_too_few_updates,
            set_aside=set_aside,
        )
