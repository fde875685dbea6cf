"""The forecast of a pool that is rented: three passes of `estimate` for low, expected and high."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from burst import facts
from burst.facts import AFTER, BEFORE, Offer, PhaseName
from burst.forecast import accuracy, energy, epochs, estimate
from burst.forecast.cost import Cost
from burst.forecast.estimate import SECONDS_PER_HOUR, Times
from burst.forecast.pace import PLATFORMS, Pace, pace, relative_range
from burst.forecast.tariff import tariff
from burst.forecast.work import Work
from burst.ranges import Case, Range
from trainer.refusal import Refusal

MAX_SOURCE = 60
"""Letters of a source in a line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rental:
    """A training on `num_nodes` nodes of an offer."""

    work: Work
    offer: Offer
    num_nodes: int
    batch_per_rank: int

    @property
    def pace(self) -> Pace:
        """How fast its shape trains."""
        return pace(self.work, self.offer.shape)

    @property
    def is_extrapolated(self) -> bool:
        """Nobody measured its accelerator, or so many of them."""
        most = epochs.max_measured_ranks(PLATFORMS[self.offer.shape.target])
        return self.pace.is_extrapolated or self.num_ranks > most

    @property
    def num_ranks(self) -> int:
        """Horovod ranks, one a GPU or TPU core."""
        return self.num_nodes * self.pace.ranks_per_node

    @property
    def global_batch(self) -> int:
        """Showers in a step of all ranks."""
        return self.num_ranks * self.batch_per_rank


def check(rental: Rental) -> None:
    """Refuse what cannot run: nothing, several TPU slices, a batch beyond the memory, a global batch beyond the data."""
    shape = rental.offer.shape
    if not shape.accelerator:
        raise Refusal(f"{shape.name} has no accelerator", expected="a shape with GPUs or TPUs", remedy="choose another shape")
    for name in ("num_nodes", "batch_per_rank"):
        if getattr(rental, name) < 1:
            raise Refusal(f"{name} is {getattr(rental, name)}", expected="1 or more", remedy=f"correct {name}")
    if shape.is_tpu and rental.num_nodes > 1:
        raise Refusal(
            f"{rental.num_nodes} slices {shape.name}", expected="one: slices are not joined", remedy="take a larger slice"
        )
    largest = rental.pace.max_batch_per_rank
    if rental.batch_per_rank > largest:
        raise Refusal(
            f"a batch of {rental.batch_per_rank} on {rental.offer.shape.accelerator}",
            expected=f"{largest} or less, which the measurements show to fit its memory",
            remedy="lower the batch, or take an accelerator with more memory",
        )
    if rental.global_batch > rental.work.num_samples:
        raise Refusal(
            f"a global batch of {rental.global_batch:,} for {rental.work.num_samples:,} showers",
            expected="no more than the data",
            remedy="lower the batch or the number of nodes",
        )


def times(rental: Rental, case: Case) -> Times:
    """The times of one case, arrays of one."""
    factor = relative_range(rental.work, rental.offer.shape, num_nodes=rental.num_nodes, batch_per_rank=rental.batch_per_rank)
    return estimate.times(
        rental.work,
        rental.offer.shape,
        rental.pace,
        rental.offer.purchase,
        num_nodes=np.array([float(rental.num_nodes)]),
        batch_per_rank=np.array([float(rental.batch_per_rank)]),
        case=case,
        epoch_factor=factor.at(case),
    )


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
        usd[case] = _plain(estimate.usd_items(place, spent, nodes))
        kwh[case] = _plain(estimate.kwh_items(place, offer.shape, spent, nodes, case=case))
        hours[case] = _hours(rental, spent, case)
    items = {"usd": _ranges(usd), "hours": _ranges(hours), "kwh": _ranges(kwh)}
    energy_kwh = _sum(items["kwh"].values())
    return Cost(
        usd=_sum(items["usd"].values()),
        hours=_sum(items["hours"].values()),
        kwh=energy_kwh,
        kgco2e=energy.grid_kgco2e(energy_kwh, offer.place),
        kgco2e_market=energy.market_kgco2e(energy_kwh, offer.place),
        waiting_hours=facts.phases(offer.shape.target)[PhaseName.QUEUEING].seconds * (1 / SECONDS_PER_HOUR),
        basis=tuple(_basis(rental)),
        snapshot=facts.snapshot(),
        items=items,
    )


def _plain(items: Mapping[str, estimate.Vector]) -> dict[str, float]:
    return {name: float(np.broadcast_to(value, (1,))[0]) for name, value in items.items()}


def _hours(rental: Rental, spent: Times, case: Case) -> dict[str, float]:
    phases = facts.phases(rental.offer.shape.target)
    before = {name: phases[name].seconds.at(case) for name in BEFORE if name in phases and name is not PhaseName.QUEUEING}
    after = [phases[name].seconds.at(case) for name in AFTER if name in phases]
    training, first = float(spent.training[0]), _first_epoch(rental).at(case)
    seconds = {
        "set-up": sum(before.values()),
        "first epoch, beyond the others": first,
        "training": training - first,
        "checkpoints and interruptions": float(spent.rework[0]),
        "teardown": sum(after),
    }
    return {name: value / SECONDS_PER_HOUR for name, value in seconds.items()}


def _first_epoch(rental: Rental) -> Range:
    is_measured = rental.work.implementation == facts.CERN
    return estimate.first_epoch_seconds(PLATFORMS[rental.offer.shape.target], is_measured=is_measured)


def _ranges(cases: Mapping[Case, Mapping[str, float]]) -> dict[str, Range]:
    """Items of three cases as ranges; what gets less where all else gets more keeps its order."""
    found = {}
    for name in cases[Case.EXPECTED]:
        low, expected, high = (cases[case][name] for case in (Case.LOW, Case.EXPECTED, Case.HIGH))
        found[name] = Range(min(low, expected), expected, max(expected, high))
    return found


def _sum(parts: Iterable[Range]) -> Range:
    total = Range.exactly(0.0)
    for part in parts:
        total = total + part
    return total


def _basis(rental: Rental) -> Iterable[str]:
    offer, work = rental.offer, rental.work
    trainer = facts.implementation(work.implementation)
    price = f"{offer.usd_per_hour:g} USD/h ({_short(offer.source)}, {offer.as_of})"
    yield f"money: {offer.shape.name}, {offer.region}, {offer.purchase}, {price}"
    rates = facts.preemption(offer.shape, offer.purchase)
    rate = rates.per_node_hour
    yield (
        f"interruptions: {rate.low:g} to {rate.high:g}, expected {rate.expected:g} a node and hour "
        f"({_short(rates.source)}, {rates.as_of})"
    )
    yield "time: step model fitted to CERN's published epoch times (ISC_HPC_3DGAN@0653114, 2021)"
    if rental.pace.is_extrapolated:
        yield f"time: {offer.shape.accelerator} is extrapolated by memory bandwidth from measured ones: nobody measured it"
    elif rental.is_extrapolated:
        most = epochs.max_measured_ranks(PLATFORMS[offer.shape.target])
        yield f"time: {rental.num_ranks} ranks are extrapolated: nobody measured more than {most} there"
    factor = rental.pace.trainer
    if rental.pace.is_trainer_measured:
        measured = f"{factor.low:.2f} to {factor.high:.2f} of CERN's trainer"
        yield f"time: {measured}, measured on {offer.shape.accelerator} (burst calibrate)"
    elif work.implementation != facts.CERN:
        yield f"time: {factor.low:g} to {factor.high:g} of CERN's trainer ({_short(trainer.source)}, {trainer.as_of})"
    spent = times(rental, Case.EXPECTED)
    yield f"physics: {accuracy.sentence(float(spent.num_updates[0]), float(spent.num_epochs[0]))}"
    pue, grid = facts.pue(offer.shape.provider, offer.region), facts.grid_carbon(offer.place)
    yield f"energy: PUE {pue.value.expected:g} ({_short(pue.source)}, {pue.as_of}); watts as in docs/forecast.md"
    yield f"carbon: {grid.gco2e_per_kwh:g} gCO2e/kWh, location-based, grid of {grid.location} ({grid.source}, {grid.as_of})"


def _short(source: str) -> str:
    """A source in a line: what kind it is, or its first words."""
    if source.startswith("assumption:"):
        return "an assumption, burst/facts"
    return source if len(source) <= MAX_SOURCE else source[: MAX_SOURCE - 3].rsplit(" ", 1)[0] + " ..."
