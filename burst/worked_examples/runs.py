"""The study's trainer on V100s and on a TPU slice: what its examples have in common."""

from __future__ import annotations

from burst import facts
from burst.facts.epoch_times import GPUS_PER_FULL_NODE, EpochTime, Platform
from burst.forecast import Rental, Work, epochs
from burst.forecast.fitting import GKE_ACCELERATOR
from burst.ranges import Range
from burst.spec import Purchase
from burst.worked_examples.claims import claim

REGION = "us-central1"
"""Sells V100, v3-8 and n1-highmem; `OTHER_REGION` is the only other one that sells the first two."""
OTHER_REGION = "europe-west4"
V100_NODE, V100_ALONE = "n1-standard-96+8xV100-16GB", "n1-standard-8+1xV100-16GB"
TPU_SLICE, TPU = "v3-8", "TPU-v3"
CERN = Work(implementation=facts.CERN)
"""The study's own trainer: 60 epochs of 124,987 showers."""


def measured_batch(accelerator: str) -> int:
    """The largest batch per rank that CERN measured on it.

    >>> measured_batch("V100-16GB"), measured_batch("TPU-v3")
    (96, 128)
    """
    return max(row.batch_per_rank for row in facts.epoch_times.cern() if row.accelerator == accelerator)


def gpu_counts() -> list[int]:
    """1, 2, 4, ... to the most V100s of the study."""
    most = int(claim("GAN: largest number of GPUs").number)
    return [2**power for power in range(most.bit_length())]


def most_nodes() -> int:
    """Full nodes of eight that hold the most V100s of the study."""
    return gpu_counts()[-1] // GPUS_PER_FULL_NODE


def gpu_epoch(num_gpus: int, num_nodes: int, batch: int) -> Range:
    """Seconds of an epoch of CERN's trainer on V100s of GKE, its input fetched ahead."""
    return epochs.predict(layout(Platform.GKE, GKE_ACCELERATOR, num_gpus, num_nodes, batch))


def tpu_epoch() -> Range:
    """The same on a v3-8, at the batch that CERN measured."""
    chips = facts.find("gcp", TPU_SLICE, REGION, Purchase.SPOT).shape.num_accelerators
    return epochs.predict(layout(Platform.TPU, TPU, chips * facts.ranks_per_chip(TPU), 1, measured_batch(TPU)))


def layout(platform: Platform, accelerator: str, num_ranks: int, num_nodes: int, batch: int) -> EpochTime:
    """A run with prefetch that is to be predicted: `burst.forecast.epochs.predict` does not look at what it measured."""
    return EpochTime(
        platform=platform,
        accelerator=accelerator,
        num_ranks=num_ranks,
        num_nodes=num_nodes,
        batch_per_rank=batch,
        has_prefetch=True,
        epoch_seconds=1.0,
        first_epoch_seconds=None,
        source="",
    )


def rental(shape: str, region: str, purchase: Purchase, num_nodes: int, batch: int, work: Work = CERN) -> Rental:
    """A training on nodes of a Google Cloud shape."""
    offer = facts.find("gcp", shape, region, purchase)
    return Rental.of(work=work, offer=offer, num_nodes=num_nodes, batch_per_rank=batch)
