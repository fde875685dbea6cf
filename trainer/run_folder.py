"""The folder of a run: one run at a time works in it, and leaves its result there."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from trainer.contract import EVENTS_FILE, RESULT_FILE, RUN_FILE, EventName, RunConfig, RunResult, RunStatus
from trainer.events import EventLog, unwritable
from trainer.refusal import Refusal

LOCK_FILE = "lock"
POLL_SECONDS = 0.5


@contextmanager
def locked(folder: Path, *, wait_seconds: float = 0.0) -> Iterator[int]:
    """Hold the folder's lock, and yield its file descriptor. Makes the folder; refuses one in which a run is at work.

    The lock is the kernel's (flock): it goes when the last process that holds the descriptor dies, however it dies, so a lock
    file alone means nothing. The file holds the process id for a person to read. `wait_seconds`: for a run that is ending.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(folder / LOCK_FILE, os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as problem:
        raise unwritable(folder, problem) from None
    try:
        if not _is_taken(descriptor, wait_seconds):
            holder = os.pread(descriptor, 32, 0).decode(errors="replace").strip() or "unknown"
            raise Refusal(
                f"process {holder} is already at work in {folder}",
                expected="one run at a time in a run folder",
                remedy="wait for it, stop it, or give --out another folder",
            )
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        yield descriptor
    finally:
        os.close(descriptor)


def _is_taken(descriptor: int, wait_seconds: float) -> bool:
    deadline = time.monotonic() + wait_seconds
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            if time.monotonic() >= deadline:
                return False
            time.sleep(POLL_SECONDS)
        else:
            return True


def begin(config: RunConfig, folder: Path) -> bool:
    """Write run.json into the (locked) folder; False if this very run has succeeded already, which its last event says again.

    Refuses a folder that belongs to another run, before its run.json is written over.
    """
    run_file = folder / RUN_FILE
    if run_file.exists() and RunConfig.read(run_file).lineage_id() != config.lineage_id():
        raise Refusal(
            f"{folder} holds run {RunConfig.read(run_file).lineage_id()}",
            expected=f"run {config.lineage_id()}, or no run",
            remedy="give --out another folder",
        )
    try:
        config.write(run_file)
    except OSError as problem:
        raise unwritable(run_file, problem) from None
    return not _is_done(config, folder)


def _is_done(config: RunConfig, folder: Path) -> bool:
    try:
        result = RunResult.read(folder / RESULT_FILE)
    except Refusal:
        return False
    if result.run_id != config.run_id() or result.status is not RunStatus.SUCCEEDED:
        return False
    with EventLog(folder / EVENTS_FILE) as events:
        events.emit(EventName.FINISHED, status=result.status, message=result.message)
    return True
