"""The control group that holds the cluster's pods, in every hierarchy: one with version 2, many with version 1."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from pathlib import Path

from sandbox.cluster.processes import Identity, end, identify

ROOT = Path("/sys/fs/cgroup")
GONE_SECONDS = 10.0
VERSION_2 = "cgroup.controllers"
"""A file that only a hierarchy of version 2 has at its root."""


def hierarchies(root: Path = ROOT) -> list[Path]:
    """The folders under which control groups of this machine are made."""
    if (root / VERSION_2).exists():
        return [root]
    return sorted({folder.resolve() for folder in root.iterdir() if folder.is_dir()})


def make(name: str) -> None:
    """Make the group everywhere. kubelet will not start without."""
    for hierarchy in hierarchies():
        group = hierarchy / name
        group.mkdir(exist_ok=True)
        for given in ("cpuset.cpus", "cpuset.mems"):  # empty in a new group of version 1, and then no process may enter
            with contextlib.suppress(OSError):
                if not (group / given).read_text(encoding="ascii").strip():
                    (group / given).write_text((hierarchy / given).read_text(encoding="ascii"), encoding="ascii")


def processes(name: str) -> Iterator[Identity]:
    """Every process in the group or under it."""
    numbers: set[int] = set()
    for hierarchy in hierarchies():
        for file in (hierarchy / name).rglob("cgroup.procs"):
            with contextlib.suppress(OSError):
                numbers.update(int(line) for line in file.read_text(encoding="ascii").split())
    yield from filter(None, map(identify, numbers))


def remove(name: str) -> None:
    """Kill what is in the group, and remove it with those under it."""
    deadline = time.monotonic() + GONE_SECONDS
    while there(name) and time.monotonic() < deadline:
        end(list(processes(name)), seconds=0)
        for group in there(name):
            for inner in sorted(group.rglob("*"), reverse=True):
                if inner.is_dir():
                    with contextlib.suppress(OSError):  # its last process is still ending: the next round has it
                        inner.rmdir()
            with contextlib.suppress(OSError):
                group.rmdir()


def there(name: str) -> list[Path]:
    """The group's folders, one a hierarchy that has it."""
    return [hierarchy / name for hierarchy in hierarchies() if (hierarchy / name).exists()]
