"""A burst, as plain frozen values: what runs, on what, where. Forecast and components read these alone."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from trainer.contract import RunConfig
from trainer.refusal import Refusal


class Target(StrEnum):
    """What can host a pool."""

    LOCAL = "local"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pool:
    """On what a burst runs, and where that stands."""

    target: Target
    region: str
    """`provider/region` of `burst.facts`: whose grid feeds the machines, e.g. `gcp/europe-west6` for Zurich."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dataset:
    """Showers to train on, known by their digest wherever they lie."""

    path: str
    sha256: str
    num_showers: int
    image_shape: tuple[int, int, int]
    """Cells in x, y and depth."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """3DGAN training: one run on one data set."""

    run: RunConfig
    dataset: Dataset

    def __post_init__(self) -> None:
        if self.steps_per_epoch < 1:
            num_training = self.dataset.num_showers - self.run.num_test_showers(self.dataset.num_showers)
            raise Refusal(
                f"a batch of {self.run.batch_per_rank} on each of {self.run.num_ranks} ranks is more than the "
                f"{num_training} training showers of {self.dataset.path}",
                expected=f"a batch per rank of {num_training // self.run.num_ranks} or less",
                remedy="lower the batch or the ranks, or give more data",
            )

    @property
    def steps_per_epoch(self) -> int:
        """Steps in one pass over the training showers."""
        return self.run.steps_per_epoch(self.dataset.num_showers)


@dataclass(frozen=True, slots=True, kw_only=True)
class Burst:
    """One run of a workload on a pool of machines."""

    name: str
    workload: Workload
    pool: Pool
