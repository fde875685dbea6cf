"""Claims 3 and 4: a pre-emptible v3-8 costs 2.4 times less than the equivalent V100s, and a training about 25 USD."""

from __future__ import annotations

from dataclasses import dataclass, replace

from burst import facts
from burst.facts import Offer
from burst.facts.epoch_times import GPUS_PER_FULL_NODE
from burst.forecast import Cost, Work, rented
from burst.forecast.fitting import GKE_ACCELERATOR
from burst.ranges import Range
from burst.spec import Purchase
from burst.worked_examples.runs import (
    CERN,
    OTHER_REGION,
    REGION,
    TPU,
    TPU_SLICE,
    V100_NODE,
    gpu_epoch,
    measured_batch,
    rental,
    tpu_epoch,
)

ON_DEMAND, SPOT = Purchase.ON_DEMAND, Purchase.SPOT


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """One way to compare V100s with a v3-8: how many times as much the V100s cost."""

    gpus: Offer
    tpu: Offer
    by_hour: float
    """Price of a node of eight over that of the slice."""
    by_training: Range
    """The same for V100s of equal speed, which is the same for equal work."""
    by_burst: float
    """Everything billed for 60 epochs, set-up and all."""


def equal_speed_gpus() -> Range:
    """V100s of one node that train as fast as a v3-8: eight, times the ratio of the epochs. The fits know nothing of each
    other, so that their ranges add in quadrature."""
    gpus, tpu = gpu_epoch(GPUS_PER_FULL_NODE, 1, measured_batch(GKE_ACCELERATOR)), tpu_epoch()
    inverse = Range(tpu.expected / tpu.high, 1.0, tpu.expected / tpu.low)
    spread = Range.independent(gpus * (1 / gpus.expected), inverse)
    return spread * (GPUS_PER_FULL_NODE * gpus.expected / tpu.expected)


def readings() -> list[Reading]:
    """Each way to read the claim: by purchase where both stand, then V100s where they are cheapest."""
    cheapest = cheapest_region(V100_NODE)
    return [
        _reading(REGION, ON_DEMAND, REGION, SPOT),
        _reading(REGION, SPOT, REGION, SPOT),
        _reading(OTHER_REGION, SPOT, OTHER_REGION, SPOT),
        _reading(REGION, ON_DEMAND, REGION, ON_DEMAND),
        _reading(cheapest, SPOT, REGION, SPOT),
        _reading(cheapest, SPOT, OTHER_REGION, SPOT),
    ]


def cheapest_region(shape: str) -> str:
    """Where a shape costs least as spot."""
    alike = [offer for offer in facts.market().sound if offer.shape.name == shape and offer.purchase is SPOT]
    return min(alike, key=lambda offer: offer.usd_per_hour).region


def _reading(gpu_region: str, gpu_purchase: Purchase, tpu_region: str, tpu_purchase: Purchase) -> Reading:
    gpus = rental(V100_NODE, gpu_region, gpu_purchase, 1, measured_batch(GKE_ACCELERATOR))
    tpu = rental(TPU_SLICE, tpu_region, tpu_purchase, 1, measured_batch(TPU))
    by_hour = gpus.offer.usd_per_hour / tpu.offer.usd_per_hour
    return Reading(
        gpus=gpus.offer,
        tpu=tpu.offer,
        by_hour=by_hour,
        by_training=equal_speed_gpus() * (by_hour / GPUS_PER_FULL_NODE),
        by_burst=rented.cost(gpus).usd.expected / rented.cost(tpu).usd.expected,
    )


def tpu_training(purchase: Purchase = SPOT, region: str = REGION, work: Work = CERN) -> Cost:
    """Everything billed for a training on a v3-8."""
    return rented.cost(rental(TPU_SLICE, region, purchase, 1, measured_batch(TPU), work))


def epochs_for(usd: float) -> int:
    """Whole epochs that an expected bill of `usd` buys on the pre-emptible v3-8; 0 where it does not buy one."""
    number = 0
    while tpu_training(work=replace(CERN, num_epochs=number + 1)).usd.expected <= usd:
        number += 1
    return number
