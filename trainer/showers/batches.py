"""Shuffled batches of a data set, for one rank of many.

The order of an epoch is a function of (seed, epoch); each rank takes its own stretch of it, all stretches equally long, so
that ranks never wait for one that has more to do, and see no shower twice. Small data sets are held in memory and shuffled
whole. Large ones are streamed: the file's chunks are shuffled, then the showers within a window of some chunks, and a separate
process reads ahead (a process, as h5py lets one thread in at a time).
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from trainer.refusal import Refusal
from trainer.showers import prefetch, reader
from trainer.showers.schema import Showers

IN_MEMORY_BYTES = 10**9
"""Of float32 images; a larger data set is streamed."""
WINDOW_BYTES = 128 * 2**20
"""Of float32 images: the showers that are shuffled together in a stream, and what the reading process holds."""


class Batches:
    """Batches of `batch_per_rank` showers from the given ones of a data set; the last, partial batch of an epoch is dropped.

    Refuses a batch larger than the data, and what `reader.inspect` refuses.
    """

    def __init__(
        self,
        path: str | Path,
        indices: NDArray[np.int64],
        *,
        batch_per_rank: int,
        seed: int,
        rank: int = 0,
        num_ranks: int = 1,
        in_memory_bytes: int = IN_MEMORY_BYTES,
        window_bytes: int = WINDOW_BYTES,
    ) -> None:
        assert 0 <= rank < num_ranks
        self.num_batches = len(indices) // (batch_per_rank * num_ranks)
        """Of one rank in one epoch."""
        if self.num_batches == 0:
            raise Refusal(
                f"a batch of {batch_per_rank} showers on each of {num_ranks} ranks",
                expected=f"at most the {len(indices)} showers there are to train on",
                remedy="lower batch_per_rank or num_ranks, or use a larger data set",
            )
        self._path, self._batch, self._seed = path, batch_per_rank, seed
        per_rank = self.num_batches * batch_per_rank
        self._mine = slice(rank * per_rank, (rank + 1) * per_rank)
        image_bytes = 4 * int(np.prod(reader.image_shape(path)))
        self._indices = np.sort(indices)
        self._window_showers = max(batch_per_rank, window_bytes // image_bytes)
        self._showers: Showers | None = None
        if len(indices) * image_bytes <= in_memory_bytes:
            self._showers = reader.read(path, self._indices)
        else:
            self._spans = _grouped(self._indices, reader.spans_of(path))

    def epoch(self, number: int, first_batch: int = 0) -> Iterator[Showers]:
        """The batches of epoch `number`, from `first_batch` on: a resumed epoch goes on exactly where it was left."""
        rng = np.random.default_rng([self._seed, number])
        first_shower = first_batch * self._batch
        if self._showers is None:
            windows = [window[first:] for window, first in self._windows(rng, first_shower)]
            yield from prefetch.batches(self._path, windows, self._batch)
            return
        order = rng.permutation(len(self._indices))[self._mine]
        for start in range(first_shower, len(order), self._batch):
            yield self._showers[order[start : start + self._batch]]

    def _windows(self, rng: np.random.Generator, first_shower: int) -> Iterator[tuple[NDArray[np.int64], int]]:
        """This rank's showers of an epoch, window by window, each with the number of its showers to leave out."""
        order = np.concatenate([self._spans[number] for number in rng.permutation(len(self._spans))])[self._mine]
        for start in range(0, len(order), self._window_showers):
            window = rng.permutation(order[start : start + self._window_showers])
            if first_shower < start + len(window):
                yield window, max(0, first_shower - start)


def _grouped(indices: NDArray[np.int64], spans: list[range]) -> list[NDArray[np.int64]]:
    """The (rising) indices of each span that has any."""
    edges = np.searchsorted(indices, [span.stop for span in spans])
    return [group for group in np.split(indices, edges[:-1]) if len(group)]
