"""Launchers of training runs as processes: knowing them again after a crash, and stopping them and all that they started."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import time
from dataclasses import asdict, dataclass
from pathlib import Path

POLL_SECONDS = 0.1
_children: dict[int, Launcher] = {}


@dataclass(frozen=True, slots=True)
class Launcher:
    """A launcher by its pid and the time at which it started, because pids are used again. It leads its own process group."""

    pid: int
    start_ticks: int
    """Field 22 of /proc/PID/stat: clock ticks from the boot to the start."""

    @classmethod
    def of(cls, pid: int) -> Launcher:
        """The process that has this pid now."""
        return cls(pid, _start_ticks(pid))

    @classmethod
    def read(cls, path: Path) -> Launcher | None:
        """What `write` wrote, or None where there is no such file."""
        try:
            return cls(**json.loads(path.read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):
            return None

    def write(self, path: Path) -> None:
        """Leave word of it for whoever comes after a crash."""
        path.write_text(json.dumps(asdict(self)), encoding="utf-8")

    def is_alive(self) -> bool:
        """Whether it still runs; a zombie does not."""
        return _start_ticks(self.pid) == self.start_ticks

    def stop(self, seconds: float) -> None:
        """SIGTERM, `seconds` for its checkpoint, then SIGKILL to its whole group. Blocks."""
        if self.is_alive():
            self.send(signal.SIGTERM)
        deadline = time.monotonic() + seconds
        while self.is_alive() and time.monotonic() < deadline:
            time.sleep(POLL_SECONDS)
        if self.is_alive():
            self.send_to_group(signal.SIGKILL)

    def send(self, number: signal.Signals) -> None:
        """To the launcher alone, which stops its ranks in order."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, number)

    def send_to_group(self, number: signal.Signals) -> None:
        """To the launcher and everything in its group."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, number)


def adopt_child(launcher: Launcher) -> None:
    """Remember a launcher that this process started, for `stop_all_children`."""
    _children[launcher.pid] = launcher


def forget_child(launcher: Launcher) -> None:
    """It has ended."""
    _children.pop(launcher.pid, None)


def stop_all_children(seconds: float) -> None:
    """Stop every remembered launcher, all at once, within `seconds`. Blocks."""
    launchers = list(_children.values())
    for launcher in launchers:
        launcher.send(signal.SIGTERM)
    deadline = time.monotonic() + seconds
    for launcher in launchers:
        launcher.stop(max(0.0, deadline - time.monotonic()))


def _start_ticks(pid: int) -> int:
    """Start time of a running process, -1 if there is none or it is a zombie."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8")
    except OSError:
        return -1
    # The name, field 2, stands in parentheses and may hold spaces; field 3 is the state.
    fields = stat[stat.rindex(")") + 2 :].split()
    return -1 if fields[0] in "ZX" else int(fields[19])
