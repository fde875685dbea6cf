"""Nothing outlives what started it: ranks die with their launcher, the launcher stops with its parent.

A process that is killed with SIGKILL tells nobody, so its children look: each polls whether the process it hangs on still
lives, and on Linux the kernel is asked to kill it as well (PR_SET_PDEATHSIG), which also works while Python is busy in C.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import threading
import time
from pathlib import Path

LAUNCHER_VARIABLE = "HEPBURST_LAUNCHER_PID"
"""Set by the launcher for its ranks."""
PARENT_VARIABLE = "HEPBURST_PARENT_PID"
"""Set by whatever starts the launcher and wants it stopped when it is gone itself."""
POLL_SECONDS = 0.5
PR_SET_PDEATHSIG = 1  # linux/prctl.h


def is_alive(pid: int) -> bool:
    """Whether a process runs; one that died and was not yet waited for (a zombie) does not."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    try:
        status = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return True  # no /proc: macOS
    return status.rpartition(")")[2].split()[0] not in ("Z", "X")


def die_with_launcher() -> None:
    """In a rank that `trainer.launch` started: exit at once when the launcher is gone. Elsewhere: nothing."""
    launcher = os.environ.get(LAUNCHER_VARIABLE, "")
    if not launcher.isdigit():
        return
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    threading.Thread(target=_watch, args=(int(launcher),), daemon=True).start()


def parent_is_gone() -> bool:
    """Whether HEPBURST_PARENT_PID names a process that no longer runs."""
    parent = os.environ.get(PARENT_VARIABLE, "")
    return parent.isdigit() and not is_alive(int(parent))


def _watch(launcher: int) -> None:
    while os.getppid() == launcher:
        time.sleep(POLL_SECONDS)
    os._exit(1)
