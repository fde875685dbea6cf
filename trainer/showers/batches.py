"""Shuffled batches of a data set, for one rank of many.

The order of an epoch is a function of (seed, epoch); each rank takes its own stretch of it, all stretches equally long, so
that ranks never wait for one that has more to do, and see no shower twice. Small data sets are held in memory and shuffled
whole. Large ones are streamed: the file's chunks are shuffled, then the showers within a window of some chunks, and a separate
process reads ahead (a process, as h5py lets one thread in at a time).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
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

    `share`: instead of the batch of `rank`, these showers of each global batch, which is the batches of all `num_ranks` ranks
    one after the other: for runs in which ranks are missing. Refuses a batch larger than the data, and what `reader.inspect`
    refuses.
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
        share: range | None = None,
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
        own = range(rank * batch_per_rank, (rank + 1) * batch_per_rank)
        self._share = own if share is None else share
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
        if self._showers is None:
            windows = self._windows_left(number, first_batch)
            yield from prefetch.batches(self._path, windows, len(self._share))
            return
        order = np.random.default_rng([self._seed, number]).permutation(len(self._indices))
        for row in self._rows(lambda rank: order[self._stretch(rank)])[first_batch:]:
            yield self._showers[row]

    def _stretch(self, rank: int) -> slice:
        """A rank's part of an epoch's order."""
        per_rank = self.num_batches * self._batch
        return slice(rank * per_rank, (rank + 1) * per_rank)

    def _rows(self, order_of: Callable[[int], NDArray[np.int64]]) -> NDArray[np.int64]:
        """Our share of each global batch of an epoch, (batches, showers), from the orders of the ranks."""
        columns = []
        for rank in range(self._share.start // self._batch, (self._share.stop - 1) // self._batch + 1):
            first = rank * self._batch
            taken = slice(max(self._share.start - first, 0), min(self._share.stop - first, self._batch))
            columns.append(order_of(rank).reshape(self.num_batches, self._batch)[:, taken])
        return columns[0] if len(columns) == 1 else np.concatenate(columns, axis=1)

    def _windows_left(self, number: int, first_batch: int) -> list[NDArray[np.int64]]:
        """What to read in an epoch from a batch on, in pieces that lie together as far as they can.

        The share of one whole rank is read as it was shuffled, window by window; another share in pieces as large, of which
        each has parts of a few windows.
        """
        rank, offset = divmod(self._share.start, self._batch)
        if offset == 0 and len(self._share) == self._batch:
            windows, left_out = [], first_batch * self._batch
            for window in self._windows(number, rank):
                windows.append(window[left_out:])
                left_out = max(0, left_out - len(window))
            return [window for window in windows if len(window)]
        rows = self._rows(lambda rank: np.concatenate(list(self._windows(number, rank))))
        step = max(1, self._window_showers // len(self._share))
        return [rows[start : start + step].reshape(-1) for start in range(first_batch, self.num_batches, step)]

    def _windows(self, number: int, rank: int) -> Iterator[NDArray[np.int64]]:
        """A rank's showers of an epoch, window by window."""
        rng = np.random.default_rng([self._seed, number])
        order = np.concatenate([self._spans[span] for span in rng.permutation(len(self._spans))])[self._stretch(rank)]
        for start in range(0, len(order), self._window_showers):
            yield rng.permutation(order[start : start + self._window_showers])


def _grouped(indices: NDArray[np.int64], spans: list[range]) -> list[NDArray[np.int64]]:
    """The (rising) indices of each span that has any."""
    edges = np.searchsorted(indices, [span.stop for span in spans])
    return [group for group in np.split(indices, edges[:-1]) if len(group)]
