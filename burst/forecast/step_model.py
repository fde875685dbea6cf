"""What a training step takes, as few physical constants: compute, overhead, and the wait for the other nodes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

Number = TypeVar("Number", float, NDArray[np.float64])
"""One number, or an array of them: each formula of the forecast serves a single burst and a million candidates alike."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StepModel:
    """Constants of one accelerator on one platform.

    An epoch takes `seconds_per_epoch + samples of a rank x seconds_per_sample + steps x (seconds_per_step +
    (nodes - 1) x seconds_per_step_and_node)`: compute grows with the batch; each step adds an overhead that does not
    (kernel launches, the all-reduce inside a node), and the latency of a ring through the nodes, which grows with their number
    and holds the waiting for the slowest; each epoch starts its input anew.
    """

    seconds_per_sample: float
    """Compute, for one sample on one rank."""
    seconds_per_step: float
    seconds_per_step_and_node: float
    """Each node after the first."""
    seconds_per_epoch: float
    keeps_last_batch: bool
    """Whether the last, partial batch of an epoch is trained on; XLA's static shapes and our trainer drop it."""

    def step_seconds(self, batch_per_rank: Number, num_nodes: Number) -> Number:
        """Seconds of one full step.

        >>> model = StepModel(seconds_per_sample=0.025, seconds_per_step=0.3, seconds_per_step_and_node=0.01,
        ...                   seconds_per_epoch=3, keeps_last_batch=False)
        >>> round(model.step_seconds(96.0, 4.0), 3)
        2.73
        """
        return (
            batch_per_rank * self.seconds_per_sample
            + self.seconds_per_step
            + (num_nodes - 1.0) * self.seconds_per_step_and_node
        )

    def epoch_seconds(self, num_samples: Number, batch_per_rank: Number, num_ranks: Number, num_nodes: Number) -> Number:
        """Seconds of an epoch after the first. An epoch without a full batch where that is dropped has no steps.

        >>> model = StepModel(seconds_per_sample=0.025, seconds_per_step=0.3, seconds_per_step_and_node=0.01,
        ...                   seconds_per_epoch=3, keeps_last_batch=False)
        >>> round(model.epoch_seconds(124_987.0, 96.0, 32.0, 4.0), 1)
        112.2
        """
        steps = num_steps(num_samples, batch_per_rank, num_ranks, keeps_last_batch=self.keeps_last_batch)
        samples = num_samples / num_ranks if self.keeps_last_batch else steps * batch_per_rank
        overhead = self.seconds_per_step + (num_nodes - 1.0) * self.seconds_per_step_and_node
        return self.seconds_per_epoch + samples * self.seconds_per_sample + steps * overhead


def num_steps(num_samples: Number, batch_per_rank: Number, num_ranks: Number, *, keeps_last_batch: bool) -> Number:
    """Steps in one pass over the data.

    >>> num_steps(124_987.0, 96.0, 128.0, keeps_last_batch=True), num_steps(124_987.0, 96.0, 128.0, keeps_last_batch=False)
    (11.0, 10.0)
    """
    batches = num_samples / (batch_per_rank * num_ranks)
    rounded = np.ceil(batches) if keeps_last_batch else np.floor(batches)
    return rounded if isinstance(batches, np.ndarray) else float(rounded)
