"""The forecast of nodes that are rented: three passes of `estimate` for low, expected and high."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Self

import numpy as np

from burst import facts
from burst.cluster import NewVolume
from burst.facts import Offer, ServicePrice
from burst.forecast import energy, estimate, layout
from burst.forecast.cost import Cost
from burst.forecast.estimate import Place, Times
from burst.forecast.layout import Layout
from burst.forecast.pace import Pace
from burst.forecast.tariff import tariff
from burst.forecast.work import Work
from burst.ranges import Case
from burst.spec import Purchase
from trainer.refusal import Refusal

REWORK = "checkpoints and interruptions"
LOCAL_SSDS, VOLUME = "local SSD", "Filestore"
MAX_FLEX_START_DAYS = 7
"""cloud.google.com/kubernetes-engine/docs/concepts/dws: nodes that are bought so end then."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Nodes:
    """Equal nodes of one offer."""

    offer: Offer
    num_nodes: int
    num_local_ssds: int = 0
    """Of each node; those that its machine type comes with cost nothing more."""

    @property
    def local_ssd_price(self) -> ServicePrice | None:
        """The line of the price list for its local SSDs; None where none are billed."""
        if not facts.num_billed_local_ssds(self.offer.shape, self.num_local_ssds):
            return None
        item = "spot" if self.offer.purchase is Purchase.SPOT else "on demand"
        return facts.service_price("gcp", "local_ssd", item, self.offer.region)

    @property
    def usd_per_local_ssd_hour(self) -> float:
        """Of all billed local SSDs of a node."""
        price = self.local_ssd_price
        return 0.0 if price is None else price.usd_per_hour * facts.GB_PER_LOCAL_SSD * self.num_local_ssds

    def failures_per_hour(self, case: Case) -> float:
        """Of any of these nodes."""
        offer = self.offer
        return self.num_nodes * facts.preemption(offer.shape, offer.purchase).per_node_hour.at(case)

    def place(self, case: Case) -> Place:
        """What its region adds: prices, the building's share of energy, the grid."""
        rates = tariff(self.offer.shape.target, self.offer.region, case)
        if self.usd_per_local_ssd_hour:
            rates = replace(rates, node_hour={**rates.node_hour, LOCAL_SSDS: self.usd_per_local_ssd_hour})
        return estimate.place([self.offer], [rates], case=case)

    def __str__(self) -> str:
        return f"{self.num_nodes} x {self.offer.shape.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rental:
    """A training on nodes of one offer, or of several in one region that have one accelerator and train together."""

    work: Work
    nodes: tuple[Nodes, ...]
    batch_per_rank: int
    volume: NewVolume | None = None
    """That the cluster makes for it, and removes: Filestore's."""

    def __post_init__(self) -> None:
        assert self.nodes, self
        alike = {(each.offer.place, each.offer.shape.target, each.offer.shape.accelerator) for each in self.nodes}
        assert len(alike) == 1, self

    @classmethod
    def of(cls, *, work: Work, offer: Offer, num_nodes: int, batch_per_rank: int) -> Self:
        """On nodes of one offer."""
        return cls(work=work, nodes=(Nodes(offer=offer, num_nodes=num_nodes),), batch_per_rank=batch_per_rank)

    @property
    def offer(self) -> Offer:
        """Its only offer."""
        (only,) = self.nodes
        return only.offer

    @property
    def num_nodes(self) -> int:
        """Of all offers together."""
        return sum(each.num_nodes for each in self.nodes)

    @property
    def layout(self) -> Layout:
        """What runs where, apart from who is paid for it."""
        shape = self.nodes[0].offer.shape
        ranks_per_accelerator = facts.ranks_per_chip(shape.accelerator) if shape.accelerator else 0
        return Layout(
            work=self.work,
            shape=shape,
            num_nodes=self.num_nodes,
            num_ranks=sum(each.num_nodes * each.offer.shape.num_accelerators for each in self.nodes) * ranks_per_accelerator,
            batch_per_rank=self.batch_per_rank,
        )

    @property
    def pace(self) -> Pace:
        """How fast its accelerator trains."""
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

    @property
    def volume_price(self) -> ServicePrice | None:
        """The line of the price list for its volume, by the storage class; refuses a class without one."""
        if self.volume is None:
            return None
        return facts.service_price("gcp", "filestore", self.volume.storage_class or "default class", self.nodes[0].offer.region)

    def __str__(self) -> str:
        return " + ".join(str(each) for each in self.nodes)


def check(rental: Rental) -> None:
    """Refuse what cannot run."""
    layout.check(rental.layout)
    for each in rental.nodes:
        facts.num_billed_local_ssds(each.offer.shape, each.num_local_ssds)
    hours = float(times(rental, Case.EXPECTED).wall[0]) / estimate.SECONDS_PER_HOUR
    if hours > MAX_FLEX_START_DAYS * 24 and any(each.offer.purchase is Purchase.FLEX_START for each in rental.nodes):
        raise Refusal(
            f"{hours:.0f} h on flex-start nodes",
            expected=f"{MAX_FLEX_START_DAYS * 24} h or less: Google ends such nodes after {MAX_FLEX_START_DAYS} days",
            remedy="take more GPUs, fewer epochs, spot or on-demand",
        )


def times(rental: Rental, case: Case) -> Times:
    """The times of one case, arrays of one."""
    failures = sum(each.failures_per_hour(case) for each in rental.nodes)
    return layout.times(rental.layout, case, failures_per_hour=failures)


def cost(rental: Rental) -> Cost:
    """What it costs, from the grant of the machines to nothing left. Refuses what cannot run, and what no fact is known of."""
    check(rental)
    usd: dict[Case, dict[str, float]] = {}
    kwh: dict[Case, dict[str, float]] = {}
    hours: dict[Case, dict[str, float]] = {}
    for case in Case:
        spent = times(rental, case)
        usd[case] = usd_items(rental, spent, case)
        kwh[case] = kwh_items(rental, spent, case)
        hours[case] = layout.hour_items(rental.layout, spent, case, rework=REWORK)
    items = {"usd": layout.ranges(usd), "hours": layout.ranges(hours), "kwh": layout.ranges(kwh)}
    energy_kwh, place = layout.total(items["kwh"].values()), rental.nodes[0].offer.place
    return Cost(
        usd=layout.total(items["usd"].values()),
        hours=layout.total(items["hours"].values()),
        kwh=energy_kwh,
        kgco2e=energy.grid_kgco2e(energy_kwh, place),
        kgco2e_market=energy.market_kgco2e(energy_kwh, place),
        waiting_hours=layout.waiting_hours(rental.layout),
        basis=tuple(_basis(rental)),
        snapshot=facts.snapshot(),
        items=items,
    )


def usd_items(rental: Rental, spent: Times, case: Case) -> dict[str, float]:
    """The bill of one case, item by item: of each offer what grows with its nodes, the rest once."""
    nodes = _summed(estimate.node_items(each.place(case), spent, _number(each.num_nodes)) for each in rental.nodes)
    shared = estimate.shared_items(rental.nodes[0].place(case), spent, _number(rental.num_nodes))
    if rental.volume is not None and rental.volume_price is not None:
        usd_per_hour = rental.volume_price.usd_per_hour * rental.volume.size_gib
        shared[VOLUME] = usd_per_hour * spent.cluster / estimate.SECONDS_PER_HOUR
    return layout.plain({**nodes, **shared})


def kwh_items(rental: Rental, spent: Times, case: Case) -> dict[str, float]:
    """The energy of one case, item by item, the last the building's share."""
    nodes = _summed(
        estimate.kwh_node_items(each.offer.shape, spent, _number(each.num_nodes), case=case) for each in rental.nodes
    )
    target = rental.layout.shape.target
    return layout.plain(estimate.kwh_with_building(rental.nodes[0].place(case), nodes, target, spent, case=case))


def _summed(parts: Iterable[Mapping[str, estimate.Vector]]) -> dict[str, estimate.Vector]:
    """Item by item."""
    found: dict[str, estimate.Vector] = {}
    for items in parts:
        for name, value in items.items():
            found[name] = found[name] + value if name in found else value
    return found


def _number(of_nodes: int) -> estimate.Vector:
    return np.array([float(of_nodes)])


def _basis(rental: Rental) -> Iterable[str]:
    yield from money_basis(rental)
    for rates in dict.fromkeys(facts.preemption(each.offer.shape, each.offer.purchase) for each in rental.nodes):
        rate = rates.per_node_hour
        yield (
            f"interruptions: {rate.low:g} to {rate.high:g}, expected {rate.expected:g} a node and hour "
            f"({layout.short(rates.source)}, {rates.as_of})"
        )
    yield from layout.time_basis(rental.layout, times(rental, Case.EXPECTED))
    offer = rental.nodes[0].offer
    pue = facts.pue(offer.shape.provider, offer.region)
    yield f"energy: PUE {pue.value.expected:g} ({layout.short(pue.source)}, {pue.as_of}); watts as in docs/forecast.md"
    yield layout.grid_basis(offer.place)


def money_basis(rental: Rental) -> Iterator[str]:
    """At which prices nodes and volume are reckoned."""
    for each in rental.nodes:
        yield from _nodes_basis(each)
    price = rental.volume_price
    if rental.volume is not None and price is not None:
        size = f"{rental.volume.size_gib:g} GiB of Filestore ({price.item})"
        yield f"money: {size}, {price.usd:g} USD a GiB-month ({layout.short(price.source)}, {price.as_of})"


def _nodes_basis(nodes: Nodes) -> Iterator[str]:
    offer = nodes.offer
    price = f"{offer.usd_per_hour:g} USD/h ({layout.short(offer.source)}, {offer.as_of})"
    if offer.purchase is not Purchase.FLEX_START:
        yield f"money: {offer.shape.name}, {offer.region}, {offer.purchase}, {price}"
    else:
        share = facts.coefficient(facts.FLEX_START_PRICE)
        yield (
            f"money: {offer.shape.name}, {offer.region}, flex-start: the price on demand, {price}, or less: "
            f"{share.value.low:.0%} with the largest published discount ({layout.short(share.source)}, {share.as_of})"
        )
    ssd = nodes.local_ssd_price
    if ssd is not None:
        yield (
            f"money: {nodes.num_local_ssds} local SSDs a node, {ssd.usd:g} USD a GB-month, {ssd.item} "
            f"({layout.short(ssd.source)}, {ssd.as_of})"
        )
