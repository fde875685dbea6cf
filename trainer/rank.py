"""One rank of a run, from its first breath to its exit status."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import FrameType

import torch

from trainer import lifeline
from trainer import ranks as all_ranks
from trainer.contract import EVENTS_FILE, RunConfig, RunStatus
from trainer.events import EventLog, NoEvents
from trainer.launch import EXIT_FAILED, EXIT_INTERRUPTED, EXIT_SUCCEEDED, GRACE_SECONDS
from trainer.loop import Training
from trainer.ranks import Ranks
from trainer.refusal import Refusal
from trainer.result import conclude

EXIT_STATUS = {
    RunStatus.SUCCEEDED: EXIT_SUCCEEDED,
    RunStatus.FAILED: EXIT_FAILED,
    RunStatus.INTERRUPTED: EXIT_INTERRUPTED,
}


M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # malloc.h of glibc


class StopRequest:
    """Whether SIGINT or SIGTERM came, or the process that HEPBURST_PARENT_PID names is gone."""

    def __init__(self) -> None:
        self._asked = False

    def __call__(self) -> bool:
        """Whether it did."""
        return self._asked

    def listen(self) -> None:
        """From now on the signals only ask; a rank without a launcher watches the parent itself."""
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._note)
        if lifeline.LAUNCHER_VARIABLE not in os.environ and lifeline.PARENT_VARIABLE in os.environ:
            threading.Thread(target=self._watch_parent, daemon=True).start()

    def _note(self, number: int, frame: FrameType | None) -> None:
        self._asked = True

    def _watch_parent(self) -> None:
        while not lifeline.parent_is_gone():
            time.sleep(lifeline.POLL_SECONDS)
        self._asked = True
        time.sleep(GRACE_SECONDS)
        os._exit(EXIT_INTERRUPTED)


def run(config: RunConfig, folder: Path, *, started_unix_seconds: float) -> int:
    """Train as this rank of the run in `folder`; returns the exit status."""
    stop = StopRequest()
    stop.listen()
    prepare(config.threads_per_rank)
    with _joined(config) as ranks, contextlib.ExitStack() as stack:
        events = stack.enter_context(EventLog(folder / EVENTS_FILE)) if ranks.rank == 0 else NoEvents()
        training = Training(config, folder, ranks, events, started_unix_seconds=started_unix_seconds)
        outcome = training.run(stop)
        conclude(training, outcome, folder, events)
        if outcome.status is RunStatus.FAILED and ranks.rank == 0:
            print(f"failed: {outcome.message}", file=sys.stderr)
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
