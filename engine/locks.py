"""Locks of Pulumi's file backend: whether the process that took one is still alive.

An `up` that was killed leaves its lock file behind, and every later one is refused until `pulumi cancel`. The file names its
process and host, so on the same host it can be told whether anyone still works.
"""

from __future__ import annotations

import json
import os
import socket
import time
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

START_TOLERANCE_SECONDS = 2.0
"""The kernel counts a process's start in ticks since boot; both clocks together are good to about a second."""


@dataclass(frozen=True)
class Lock:
    """One lock file: who took it, where and when."""

    file: Path
    pid: int
    host: str
    unix_seconds: float

    @property
    def is_here(self) -> bool:
        """Whether its process is or was one of this machine."""
        return self.host == socket.gethostname()

    @property
    def is_held(self) -> bool:
        """Whether its process lives. A process that began after the lock was taken only bears the same number."""
        began = process_start(self.pid)
        return began is not None and began <= self.unix_seconds + START_TOLERANCE_SECONDS


def locks(state: Path, project: str, stack: str) -> list[Lock]:
    """The locks on a stack in the file backend in the folder `state`; what cannot be read as a lock is left out."""
    files = sorted((state / ".pulumi" / "locks" / "organization" / project / stack).glob("*.json"))
    return [lock for lock in map(_read, files) if lock is not None]


def _read(file: Path) -> Lock | None:
    try:
        values = json.loads(file.read_text(encoding="utf-8"))
        # Pulumi writes nanoseconds, which datetime does not read everywhere: whole seconds will do.
        moment = values["timestamp"]
        whole = datetime.fromisoformat(moment[:19] + _offset(moment))
        return Lock(file, int(values["pid"]), values["hostname"], whole.timestamp())
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _offset(moment: str) -> str:
    """The offset at the end of a time, in the form that every Python reads.

    >>> _offset("2026-11-23T17:38:28.123456789+02:00"), _offset("2026-11-23T17:38:28.1Z")
    ('+02:00', '+00:00')
    """
    return "+00:00" if moment.endswith("Z") else moment[-6:]


def process_start(pid: int) -> float | None:
    """When a process of this machine began, in Unix seconds; None if there is none, or only one that nobody waited for."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
    except OSError:
        return None
    state, start_ticks = fields[0], int(fields[19])
    if state in "ZX":
        return None
    boot = time.time() - time.clock_gettime(time.CLOCK_BOOTTIME)
    return boot + start_ticks / os.sysconf("SC_CLK_TCK")
