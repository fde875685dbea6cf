"""What is to be trained, apart from the machines: how much, by whose trainer, and of what image."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from burst import facts
from burst.facts.epoch_times import NUM_SAMPLES
from burst.forecast.step_model import num_steps
from burst.ranges import Range
from burst.spec import Workload
from trainer.refusal import Refusal

Vector = NDArray[np.float64]
CERN_NUM_EPOCHS = 60
"""Epochs of CERN's best published training (burst/facts/accuracy.csv)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """A training of 3DGAN: a number of epochs, or of updates whatever the batch, or until both are reached."""

    num_samples: int = NUM_SAMPLES
    """Training showers in an epoch."""
    num_epochs: int | None = CERN_NUM_EPOCHS
    num_updates: int | None = None
    """Steps of the optimiser."""
    implementation: str = facts.OURS
    compute: Range = Range(1.0, 1.0, 1.0)  # noqa: RUF009 - frozen
    """A shower's compute over that of the published network on 51 x 51 x 25 cells, which CERN measured."""

    def __post_init__(self) -> None:
        for name in ("num_samples", "num_epochs", "num_updates"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise Refusal(f"{name} is {value}", expected="1 or more", remedy=f"correct {name}")
        assert self.num_epochs is not None or self.num_updates is not None, self
        facts.implementation(self.implementation)

    @classmethod
    def of(cls, workload: Workload, compute: Range) -> Work:
        """A burst's workload with our trainer."""
        dataset = workload.dataset
        training = dataset.num_showers - workload.run.num_test_showers(dataset.num_showers)
        return cls(num_samples=training, num_epochs=workload.run.num_epochs, compute=compute)

    def keeps_last_batch(self, *, is_tpu: bool) -> bool:
        """Whether the last, partial batch of an epoch is trained on: by CERN's trainer, but for XLA's static shapes."""
        return self.implementation == facts.CERN and not is_tpu

    def steps_per_epoch(self, batch_per_rank: Vector, num_ranks: Vector, *, is_tpu: bool) -> Vector:
        """Updates in one pass over the data; 0 where the global batch is more than the data."""
        keeps = self.keeps_last_batch(is_tpu=is_tpu)
        return num_steps(np.full(1, float(self.num_samples)), batch_per_rank, num_ranks, keeps_last_batch=keeps)

    def epochs(self, steps_per_epoch: Vector) -> Vector:
        """Epochs to train: as given, or whole ones until the updates are done."""
        for_updates = np.ceil((self.num_updates or 0) / np.maximum(steps_per_epoch, 1.0))
        return np.maximum(for_updates, float(self.num_epochs or 0))
