"""One rank of an elastic run: goes on with whatever ranks there are, from group to group.

A group is a set of ranks that train together. It ends when one of them is lost, or when the launcher says that others have
come; the next group resumes from the newest checkpoint in the run folder, as a new start of the run would. So a rank that comes
back costs nothing but the start of the group (a checkpoint is written first), and a lost rank costs the work since the last
checkpoint: at most an epoch, or `loop.COMMIT_SECONDS` of it. The global batch, and with it steps and learning rate, stays that
of all ranks (`trainer.shares`).
"""

from __future__ import annotations

import contextlib
import sys
import time
from pathlib import Path

from trainer.contract import EVENTS_FILE, RunConfig, RunStatus
from trainer.events import EventLog, NoEvents
from trainer.launch import EXIT_LOST
from trainer.loop import Training
from trainer.rank import EXIT_STATUS, prepare
from trainer.ranks import HorovodRanks, LostRanks, RegroupRanks
from trainer.result import conclude
from trainer.shares import SharingRanks, share_of
from trainer.stop import StopRequest


def run_elastic(config: RunConfig, folder: Path, *, request: StopRequest, started_unix_seconds: float) -> int:
    """Train in one group after the other, to the end of the run or a request to stop; returns the exit status."""
    prepare(config.threads_per_rank)
    cpu_seconds_before = 0.0
    while True:
        request.regrouped()
        try:
            ranks = HorovodRanks()
        except ValueError as problem:  # too few ranks came in time, or this host is not among them
            print(f"no group to train in: {problem}", file=sys.stderr, flush=True)
            return EXIT_LOST
        try:
            status = _in_group(
                config, folder, ranks, request, started_unix_seconds=started_unix_seconds, cpu_before=cpu_seconds_before
            )
        except LostRanks:
            print(f"rank {ranks.rank} of {ranks.size} misses another; regrouping", file=sys.stderr, flush=True)
        except RegroupRanks:
            pass
        else:
            ranks.shutdown()
            return EXIT_STATUS[status]
        ranks.shutdown()
        started_unix_seconds, cpu_seconds_before = time.time(), time.process_time()


def _in_group(
    config: RunConfig,
    folder: Path,
    ranks: HorovodRanks,
    request: StopRequest,
    *,
    started_unix_seconds: float,
    cpu_before: float,
) -> RunStatus:
    global_batch = config.batch_per_rank * config.num_ranks
    sharing = SharingRanks(ranks, num_whole=config.num_ranks, global_batch=global_batch)
    with contextlib.ExitStack() as stack:
        events = stack.enter_context(EventLog(folder / EVENTS_FILE)) if ranks.rank == 0 else NoEvents()
        if ranks.rank == 0:
            print(f"{ranks.size} of {config.num_ranks} ranks", file=sys.stderr, flush=True)
        training = Training(
            config,
            folder,
            sharing,
            events,
            started_unix_seconds=started_unix_seconds,
            share=share_of(ranks.rank, ranks.size, global_batch),
            cpu_seconds_before=cpu_before,
        )
        outcome = training.run(request, request.regroup)
        conclude(training, outcome, folder, events)
        if outcome.status is RunStatus.FAILED and ranks.rank == 0:
            print(f"failed: {outcome.message}", file=sys.stderr, flush=True)
        ranks.sum({"done": 1.0}, "end")
        return outcome.status
