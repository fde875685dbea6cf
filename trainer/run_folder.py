"""The folder of a run: one run at a time works in it, and leaves its result there."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from trainer.events import unwritable
from trainer.refusal import Refusal

LOCK_FILE = "lock"


@contextmanager
def locked(folder: Path) -> Iterator[int]:
    """Hold the folder's lock, and yield its file descriptor. Makes the folder; refuses one in which a run is at work.

    The lock is the kernel's (flock): it goes when the last process that holds the descriptor dies, however it dies, so a lock
    file alone means nothing. The file holds the process id for a person to read.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(folder / LOCK_FILE, os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as problem:
        raise unwritable(folder, problem) from None
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            holder = os.read(descriptor, 32).decode(errors="replace").strip() or "unknown"
            raise Refusal(
                f"process {holder} is already at work in {folder}",
                expected="one run at a time in a run folder",
                remedy="wait for it, stop it, or give --out another folder",
            ) from None
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        yield descriptor
    finally:
        os.close(descriptor)
