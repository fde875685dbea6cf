"""Claim 1: near-linear from 1 to 128 V100."""

from __future__ import annotations

from dataclasses import dataclass

from burst import facts
from burst.facts.epoch_times import GPUS_PER_FULL_NODE, Platform
from burst.forecast import Cost, rented
from burst.forecast.fitting import GKE_ACCELERATOR
from burst.ranges import Range
from burst.spec import Purchase
from burst.worked_examples.claims import best_published
from burst.worked_examples.runs import (
    REGION,
    V100_ALONE,
    V100_NODE,
    gpu_counts,
    gpu_epoch,
    measured_batch,
    most_nodes,
    rental,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scaling:
    """A number of V100s against fewer."""

    num_gpus: int
    num_nodes: int
    batch_per_rank: int
    epoch_seconds: Range
    speed_up: Range
    """The fewest's epoch, as expected, over this one."""
    efficiency: Range
    """Speed-up over the ratio of their numbers."""


def weak_scaling(gpus_per_node: int = GPUS_PER_FULL_NODE) -> list[Scaling]:
    """1 to 128 V100, CERN's batch of 96 on each: the global batch grows with their number."""
    return _against_the_fewest([(number, measured_batch(GKE_ACCELERATOR)) for number in gpu_counts()], gpus_per_node)


def strong_scaling() -> list[Scaling]:
    """The same at the global batch of the best published training, which its accuracy needs; from the fewest that hold it."""
    whole, most = best_published().global_batch, measured_batch(GKE_ACCELERATOR)
    return _against_the_fewest(
        [(number, whole // number) for number in gpu_counts() if number * most >= whole], GPUS_PER_FULL_NODE
    )


def _against_the_fewest(layouts: list[tuple[int, int]], gpus_per_node: int) -> list[Scaling]:
    found: list[Scaling] = []
    for num_gpus, batch in layouts:
        num_nodes = -(-num_gpus // gpus_per_node)
        seconds = gpu_epoch(num_gpus, num_nodes, batch)
        first = found[0].epoch_seconds.expected if found else seconds.expected
        speed_up = Range(first / seconds.high, first / seconds.expected, first / seconds.low)
        found.append(
            Scaling(
                num_gpus=num_gpus,
                num_nodes=num_nodes,
                batch_per_rank=batch,
                epoch_seconds=seconds,
                speed_up=speed_up,
                efficiency=speed_up * (layouts[0][0] / num_gpus),
            )
        )
    return found


def measured_speed_up(fewest: int, most: int) -> float:
    """Of two runs that CERN measured, with prefetch, at the largest batch, on full nodes: how many times faster."""
    seconds = {
        row.num_ranks: row.epoch_seconds
        for row in facts.epoch_times.cern()
        if row.platform is Platform.GKE
        and row.has_prefetch
        and row.batch_per_rank == measured_batch(GKE_ACCELERATOR)
        and row.num_nodes == -(-row.num_ranks // GPUS_PER_FULL_NODE)
    }
    return seconds[fewest] / seconds[most]


def whole_bursts(purchase: Purchase = Purchase.ON_DEMAND) -> tuple[Cost, Cost]:
    """From the grant of the machines to nothing left: 60 epochs on one V100, and on 128."""
    batch = measured_batch(GKE_ACCELERATOR)
    alone = rental(V100_ALONE, REGION, purchase, 1, batch)
    together = rental(V100_NODE, REGION, purchase, most_nodes(), batch)
    return rented.cost(alone), rented.cost(together)
