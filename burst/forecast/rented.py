"""The forecast of a pool that is rented: three passes of `estimate` for low, expected and high."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from burst import facts
from burst.facts import Offer
from burst.forecast import energy, estimate, layout
from burst.forecast.cost import Cost
from burst.forecast.estimate import Times
from burst.forecast.layout import Layout
from burst.forecast.pace import Pace
from burst.forecast.tariff import tariff
from burst.forecast.work import Work
from burst.ranges import Case

REWORK = "checkpoints and interruptions"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rental:
    """A training on `num_nodes` nodes of an offer."""

    work: Work
    offer: Offer
    num_nodes: int
    batch_per_rank: int

    @property
    def layout(self) -> Layout:
        """What runs where, apart from who is paid for it."""
        return Layout(work=self.work, shape=self.offer.shape, num_nodes=self.num_nodes, batch_per_rank=self.batch_per_rank)

    @property
    def pace(self) -> Pace:
        """How fast its shape trains."""
        return self.layout.pace

    @property
    def is_extrapolated(self) -> bool:
        """Nobody measured its accelerator, or so many of them."""
        return self.layout.is_extrapolated

    @property
    def num_ranks(self) -> int:
        """Horovod ranks, one a GPU or TPU core."""
        return self.layout.num_ranks

    @property
    def global_batch(self) -> int:
        """Showers in a step of all ranks."""
        return self.layout.global_batch


def check(rental: Rental) -> None:
    """Refuse what cannot run."""
    layout.check(rental.layout)


def times(rental: Rental, case: Case) -> Times:
    """The times of one case, arrays of one."""
    return layout.times(rental.layout, rental.offer.purchase, case)


def cost(rental: Rental) -> Cost:
    """What it costs, from the grant of the machines to nothing left. Refuses what cannot run, and what no fact is known of."""
    check(rental)
    offer = rental.offer
    usd: dict[Case, dict[str, float]] = {}
    kwh: dict[Case, dict[str, float]] = {}
    hours: dict[Case, dict[str, float]] = {}
    for case in Case:
        spent = times(rental, case)
        place = estimate.place([offer], [tariff(offer.shape.target, offer.region, case)], case=case)
        nodes = np.array([float(rental.num_nodes)])
        usd[case] = layout.plain(estimate.usd_items(place, spent, nodes))
        kwh[case] = layout.plain(estimate.kwh_items(place, offer.shape, spent, nodes, case=case))
        hours[case] = layout.hour_items(rental.layout, spent, case, rework=REWORK)
    items = {"usd": layout.ranges(usd), "hours": layout.ranges(hours), "kwh": layout.ranges(kwh)}
    energy_kwh = layout.total(items["kwh"].values())
    return Cost(
        usd=layout.total(items["usd"].values()),
        hours=layout.total(items["hours"].values()),
        kwh=energy_kwh,
        kgco2e=energy.grid_kgco2e(energy_kwh, offer.place),
        kgco2e_market=energy.market_kgco2e(energy_kwh, offer.place),
        waiting_hours=layout.waiting_hours(rental.layout),
        basis=tuple(_basis(rental)),
        snapshot=facts.snapshot(),
        items=items,
    )


def _basis(rental: Rental) -> Iterable[str]:
    offer = rental.offer
    price = f"{offer.usd_per_hour:g} USD/h ({layout.short(offer.source)}, {offer.as_of})"
    yield f"money: {offer.shape.name}, {offer.region}, {offer.purchase}, {price}"
    rates = facts.preemption(offer.shape, offer.purchase)
    rate = rates.per_node_hour
    yield (
        f"interruptions: {rate.low:g} to {rate.high:g}, expected {rate.expected:g} a node and hour "
        f"({layout.short(rates.source)}, {rates.as_of})"
    )
    yield from layout.time_basis(rental.layout, times(rental, Case.EXPECTED))
    pue = facts.pue(offer.shape.provider, offer.region)
    yield f"energy: PUE {pue.value.expected:g} ({layout.short(pue.source)}, {pue.as_of}); watts as in docs/forecast.md"
    yield layout.grid_basis(offer.place)
