"""One rank of a run, from its first breath to its exit status."""

from __future__ import annotations

import contextlib
import ctypes
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import torch

from trainer import ranks as all_ranks
from trainer.contract import EVENTS_FILE, RunConfig, RunStatus
from trainer.events import EventLog, NoEvents
from trainer.launch import EXIT_FAILED, EXIT_INTERRUPTED, EXIT_LOST, EXIT_SUCCEEDED
from trainer.loop import Training
from trainer.ranks import LostRanks, Ranks
from trainer.refusal import Refusal
from trainer.result import conclude

EXIT_STATUS = {
    RunStatus.SUCCEEDED: EXIT_SUCCEEDED,
    RunStatus.FAILED: EXIT_FAILED,
    RunStatus.INTERRUPTED: EXIT_INTERRUPTED,
}


M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # malloc.h of glibc


def run(config: RunConfig, folder: Path, *, should_stop: Callable[[], bool], started_unix_seconds: float) -> int:
    """Train as this rank of the run in `folder`, until `should_stop` at the latest; returns the exit status."""
    prepare(config.threads_per_rank)
    with _joined(config) as ranks, contextlib.ExitStack() as stack:
        events = stack.enter_context(EventLog(folder / EVENTS_FILE)) if ranks.rank == 0 else NoEvents()
        try:
            training = Training(config, folder, ranks, events, started_unix_seconds=started_unix_seconds)
            outcome = training.run(should_stop)
            conclude(training, outcome, folder, events)
            if outcome.status is RunStatus.FAILED and ranks.rank == 0:
                print(f"failed: {outcome.message}", file=sys.stderr, flush=True)
            ranks.sum({"done": 1.0}, "end")  # a failed run ends its ranks; none may go before rank 0 has written its result
        except LostRanks:
            return EXIT_LOST
        return EXIT_STATUS[outcome.status]


def prepare(num_threads: int) -> None:
    """Threads of torch, and an allocator that keeps freed memory instead of handing it back to the kernel page by page.

    Each step allocates and frees the same images of some megabytes. With glibc's defaults that costs 4,000 page faults a step,
    a tenth of the speed where two ranks share a machine. Other C libraries ignore it.
    """
    torch.set_num_threads(num_threads)
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(M_MMAP_THRESHOLD, 32 * 2**20)
        mallopt(M_TRIM_THRESHOLD, 2**31 - 1)


@contextlib.contextmanager
def _joined(config: RunConfig) -> Iterator[Ranks]:
    """The ranks of this run, parted from in the end; not after a failure, as the others may be waiting for this one."""
    ranks = all_ranks.of_environment()
    if ranks.size != config.num_ranks:
        raise Refusal(f"{ranks.size} ranks were started", expected=f"num_ranks = {config.num_ranks}", remedy="start as many")
    yield ranks
    ranks.shutdown()
