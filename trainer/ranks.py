"""The ranks of a run as one value, so that one, two or N of them run the same loop.

`of_environment()` gives `SingleRank`, or `HorovodRanks` inside a rank environment (HOROVOD_RANK, set by `trainer.launch` and by
horovodrun, or OMPI_COMM_WORLD_RANK, set by mpirun). Only this file knows Horovod.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Protocol

import torch
from torch import Tensor

from trainer.launch import is_rank


class Ranks(Protocol):
    """What the training loop needs of its ranks. All ranks make the same calls in the same order."""

    rank: int
    size: int
    num_whole: int
    """Ranks of the run when none is missing, which the recipe and the global batch count by; elsewhere `size`."""

    def total(self, num: int) -> int:
        """Samples (or cells of samples) of all ranks, where this one has `num` of them."""

    def average_(self, tensors: Sequence[Tensor], name: str) -> None:
        """Replace float32 `tensors` (any shapes) by their means over the ranks, in one message."""

    def average(self, tensor: Tensor, name: str) -> Tensor:
        """The mean of a float32 tensor over the ranks, differentiable: its gradient is averaged the same way."""

    def sum(self, values: Mapping[str, float], name: str) -> dict[str, float]:
        """Sums over the ranks, in double precision."""

    def broadcast(self, value: Any, name: str) -> Any:
        """Rank 0's value, on every rank."""

    def shutdown(self) -> None:
        """Part from the other ranks."""


class SingleRank:
    """One process, no communication."""

    rank, size, num_whole = 0, 1, 1

    def total(self, num: int) -> int:
        """The number itself."""
        return num

    def average_(self, tensors: Sequence[Tensor], name: str) -> None:
        """Nothing to do."""

    def average(self, tensor: Tensor, name: str) -> Tensor:
        """The tensor itself."""
        return tensor

    def sum(self, values: Mapping[str, float], name: str) -> dict[str, float]:
        """The values themselves."""
        return dict(values)

    def broadcast(self, value: Any, name: str) -> Any:
        """The value itself."""
        return value

    def shutdown(self) -> None:
        """Nothing to do."""


class LostRanks(Exception):  # noqa: N818 - what happened, not whose error it is: the rank that is gone says why
    """Another rank of the run is gone, so that this one cannot go on."""


class RegroupRanks(Exception):  # noqa: N818 - no error
    """The ranks of an elastic run are to be counted anew; a checkpoint holds all that was done."""


class HorovodRanks:
    """Ranks of Horovod: Gloo on processors, NCCL where Horovod was built for it.

    Every collective has a name, because Horovod pairs messages of different ranks by name.
    """

    def __init__(self) -> None:
        import horovod.torch as horovod  # not needed, and half a second, in a single process

        horovod.init()
        self._horovod = horovod
        self.rank, self.size = int(horovod.rank()), int(horovod.size())
        self.num_whole = self.size

    def total(self, num: int) -> int:
        """All ranks have as many."""
        return self.size * num

    def average_(self, tensors: Sequence[Tensor], name: str) -> None:
        """One flat message: many small ones cost a millisecond of negotiation each, and a copy of a few MB costs less."""
        flat = torch.cat([tensor.reshape(-1) for tensor in tensors])
        with _with_the_others():
            self._horovod.allreduce_(flat, op=self._horovod.Average, name=name)
        for tensor, mean in zip(tensors, torch.split(flat, [tensor.numel() for tensor in tensors]), strict=True):
            tensor.copy_(mean.view_as(tensor))

    def average(self, tensor: Tensor, name: str) -> Tensor:
        """Horovod's own allreduce, whose backward pass is an allreduce."""
        with _with_the_others():
            averaged: Tensor = self._horovod.allreduce(tensor, op=self._horovod.Average, name=name)
        return averaged

    def sum(self, values: Mapping[str, float], name: str) -> dict[str, float]:
        """In double precision, keys in the order given, which must be the same everywhere."""
        packed = torch.tensor(list(values.values()), dtype=torch.float64)
        with _with_the_others():
            summed = self._horovod.allreduce(packed, op=self._horovod.Sum, name=name)
        return dict(zip(values, summed.tolist(), strict=True))

    def broadcast(self, value: Any, name: str) -> Any:
        """Pickled from rank 0; what other ranks pass is ignored."""
        with _with_the_others():
            return self._horovod.broadcast_object(value, root_rank=0, name=name)

    def shutdown(self) -> None:
        """Tell the other ranks that this one is done."""
        self._horovod.shutdown()


@contextmanager
def _with_the_others() -> Iterator[None]:
    from horovod.common.exceptions import HorovodInternalError

    try:
        yield
    except HorovodInternalError as problem:
        raise LostRanks(str(problem)) from None


def of_environment() -> Ranks:
    """The ranks that this process belongs to."""
    return HorovodRanks() if is_rank() else SingleRank()
