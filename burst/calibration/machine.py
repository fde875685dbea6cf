"""The machine that is measured: what its processor is called, and how much of it others have used meanwhile."""

from __future__ import annotations

import os
import platform
import resource
import time
from pathlib import Path


def processor_name() -> str:
    """Model name of this machine's CPU, as the trainer writes it into its results."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    named = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "")
    return named or platform.processor() or platform.machine()


class OtherWork:
    """How many CPUs were busy, since this was made, with what is no work of this process and its ended children."""

    def __init__(self) -> None:
        self._since, self._busy, self._own = time.monotonic(), _busy_seconds(), _own_seconds()

    def num_cpus(self) -> float | None:
        """Mean over the time since; None where the system does not tell (no /proc)."""
        busy, own = _busy_seconds(), _own_seconds() - self._own
        if busy is None or self._busy is None:
            return None
        return max(0.0, busy - self._busy - own) / max(time.monotonic() - self._since, 1e-9)


def _busy_seconds() -> float | None:
    """Of all CPUs since the boot, with what a hypervisor took from them (proc(5), /proc/stat)."""
    try:
        line = Path("/proc/stat").read_text(encoding="utf-8").partition("\n")[0]
    except OSError:
        return None
    user, nice, system, _idle, _iowait, irq, softirq, steal = map(int, line.split()[1:9])
    return (user + nice + system + irq + softirq + steal) / os.sysconf("SC_CLK_TCK")


def _own_seconds() -> float:
    used = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in used)
