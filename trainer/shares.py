"""Unequal shares of the global batch, for elastic runs in which ranks are missing.

The global batch stays `batch_per_rank x num_ranks` however many ranks there are, so that steps, learning rate and epochs are
those of the whole run. With fewer ranks each takes a larger share of it, and as shares may differ by one, what is averaged over
the ranks is weighted by them: the mean of the gradients is that of the global batch. (BatchNorm's own batches are larger then;
with batchnorm = global they are the same.)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from trainer.ranks import Ranks


def share_of(rank: int, size: int, global_batch: int) -> range:
    """Which showers of the global batch a rank takes.

    >>> [share_of(rank, 3, 8) for rank in range(3)]
    [range(0, 2), range(2, 5), range(5, 8)]
    """
    return range(rank * global_batch // size, (rank + 1) * global_batch // size)


class SharingRanks:
    """Ranks of which each has its share of a global batch: averages are weighted, all else is as it was."""

    def __init__(self, ranks: Ranks, *, num_whole: int, global_batch: int) -> None:
        self._ranks, self.num_whole, self._global_batch = ranks, num_whole, global_batch
        self.rank, self.size = ranks.rank, ranks.size
        self._num_own = len(share_of(ranks.rank, ranks.size, global_batch))
        self._weight = self._num_own * ranks.size / global_batch
        """1 where all shares are equal."""

    def total(self, num: int) -> int:
        """In proportion to the share."""
        return num * self._global_batch // self._num_own

    def average_(self, tensors: Sequence[Tensor], name: str) -> None:
        """The mean over the showers of all ranks, where each tensor is a mean over those of one."""
        if self._weight != 1:
            for tensor in tensors:
                tensor.mul_(self._weight)
        self._ranks.average_(tensors, name)

    def average(self, tensor: Tensor, name: str) -> Tensor:
        """The same, differentiable.

        A rank's loss counts by its weight once, when gradients are averaged in the end. So on the way back the other ranks'
        part must bring its own weight, and this rank's must not be weighted again.
        """
        if self._weight == 1:
            return self._ranks.average(tensor, name)
        weighted = _scaled(tensor, self._weight, 1.0)
        return _scaled(self._ranks.average(weighted, name), 1.0, self._weight)

    def sum(self, values: Mapping[str, float], name: str) -> dict[str, float]:
        """Not weighted."""
        return self._ranks.sum(values, name)

    def broadcast(self, value: Any, name: str) -> Any:
        """Rank 0's value."""
        return self._ranks.broadcast(value, name)

    def shutdown(self) -> None:
        """Part from the other ranks."""
        self._ranks.shutdown()


class _Scale(torch.autograd.Function):
    @staticmethod
    def forward(context: Any, tensor: Tensor, forth: float, back: float) -> Tensor:
        context.back = back
        return tensor * forth

    @staticmethod
    def backward(context: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        return gradient * context.back, None, None


def _scaled(tensor: Tensor, forth: float, back: float) -> Tensor:
    """The tensor times `forth`; its gradient times `back`."""
    scaled: Tensor = _Scale.apply(tensor, forth, back)  # type: ignore[no-untyped-call]
    return scaled
