"""What more GPUs bring: expected time, money and efficiency for 1, 2, 4, ... up to those that a burst declares."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from burst import facts
from burst.forecast import rented
from burst.forecast.of_burst import rental_of
from burst.forecast.rented import Nodes, Rental
from burst.outputs import rounded
from burst.ranges import Case, Range
from burst.spec import Burst
from trainer.contract import Json
from trainer.refusal import Refusal


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One number of GPUs, with the same epochs and the same batch per rank: the global batch grows with them."""

    rental: Rental
    hours: Range
    usd: Range
    epoch_seconds: Range

    @property
    def num_gpus(self) -> int:
        """Of all nodes together; one rank each."""
        return self.rental.num_ranks

    def speedup_over(self, first: Step) -> float:
        """Of an expected epoch, over one GPU. Where none of the family has one GPU alone, `first` is taken for ideal."""
        return first.num_gpus * first.epoch_seconds.expected / self.epoch_seconds.expected


def speedup(burst: Burst) -> list[dict[str, Json]]:
    """The stack output `speedup`, fewest GPUs first: the declared groups, as far as they are needed.

    A number below the smallest node is one node with so many of the accelerator, bought like the first group; a number that no
    such nodes make is left out. Rests on the step model alone, as the forecast does: `basis` says how far it was measured.
    """
    steps = [_step(rental) for rental in _rentals(burst)]
    return [_to_output(step, steps[0]) for step in steps]


def _rentals(burst: Burst) -> Iterator[Rental]:
    assert burst.gke is not None, burst
    declared = rental_of(burst)
    for num_gpus in _powers_of_two(below=declared.num_ranks):
        nodes = _whole_nodes(declared, num_gpus) or _one_node(declared.nodes[0], num_gpus, burst.gke.zone)
        if nodes and _runs(fewer := replace(declared, nodes=nodes)):
            yield fewer
    yield declared


def _runs(rental: Rental) -> bool:
    """Flex-start nodes end after a week, which may be too short for few GPUs."""
    try:
        rented.check(rental)
    except Refusal:
        return False
    return True


def _powers_of_two(*, below: int) -> Iterator[int]:
    number = 1
    while number < below:
        yield number
        number *= 2


def _whole_nodes(declared: Rental, num_gpus: int) -> tuple[Nodes, ...]:
    """Of the declared nodes so many that they have `num_gpus`, the largest first; () where whole nodes cannot have them."""
    chosen, missing = [], num_gpus
    for nodes in sorted(declared.nodes, key=lambda each: -each.offer.shape.num_accelerators):
        number = min(nodes.num_nodes, missing // nodes.offer.shape.num_accelerators)
        missing -= number * nodes.offer.shape.num_accelerators
        if number:
            chosen.append(replace(nodes, num_nodes=number))
    return () if missing else tuple(chosen)


def _one_node(like: Nodes, num_gpus: int, zone: str) -> tuple[Nodes, ...]:
    offer = like.offer
    try:
        shape = facts.gke_shape(offer.shape.accelerator, num_gpus, zone)
        smaller = facts.find("gcp", shape.name, offer.region, offer.purchase, zone=zone)
    except Refusal:
        return ()
    return (Nodes(offer=smaller, num_nodes=1),)


def _step(rental: Rental) -> Step:
    cost = rented.cost(rental)
    seconds = Range(*(float(rented.times(rental, case).epoch[0]) for case in Case))
    return Step(rental=rental, hours=cost.hours, usd=cost.usd, epoch_seconds=seconds)


def _to_output(step: Step, first: Step) -> dict[str, Json]:
    speedup_over_one = step.speedup_over(first)
    return {
        "num_gpus": step.num_gpus,
        "num_nodes": step.rental.num_nodes,
        "nodes": str(step.rental),
        "hours": step.hours.to_output(),
        "usd": step.usd.to_output(),
        "epoch_seconds": step.epoch_seconds.to_output(),
        "speedup": rounded(speedup_over_one),
        "efficiency": rounded(speedup_over_one / step.num_gpus),
        "basis": _basis(step.rental),
    }


def _basis(rental: Rental) -> str:
    there = rental.layout
    if there.pace.is_extrapolated:
        return f"extrapolated: nobody measured {there.shape.accelerator}"
    if there.is_extrapolated:
        return f"extrapolated: nobody measured more than {there.max_measured_ranks} ranks there"
    return "step model, fitted to measured epoch times"
