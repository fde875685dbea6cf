"""What a machine must have before anything is set up on it. Every lack is told at once, each with its remedy."""

from __future__ import annotations

import importlib.util
import os
import platform
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from trainer.refusal import Refusal

COMPILER_REMEDY = "install one (Debian, Ubuntu: apt install build-essential; Fedora: dnf install gcc-c++ make)"
NEEDED_MEMORY_GB = 4.0
"""Two compilers and Go's linker at work at once (1.7 GB for the linker alone), and later two ranks of the demo run."""


@dataclass(frozen=True)
class Work:
    """What a set-up is about to do: it decides what must be there and how much room it takes."""

    builds_engine: bool
    fetches_go: bool
    syncs_python: bool
    fetches_uv: bool


@dataclass(frozen=True)
class Room:
    """Disk space that something takes, and the folder that it goes to."""

    folder: Path
    gigabytes: float


def problems(work: Work, rooms: list[Room], environ: Mapping[str, str]) -> list[Refusal]:
    """Everything that stands in the way of `work`; empty if nothing does."""
    found = [*_platform(), *room_problems(rooms), *_memory(_memory_gb())]
    if (work.fetches_go or work.fetches_uv) and not (
        importlib.util.find_spec("venv") and importlib.util.find_spec("ensurepip")
    ):
        found.append(
            Refusal(
                "python3 cannot make virtual environments",
                expected="its modules venv and ensurepip",
                remedy="install them (Debian, Ubuntu: apt install python3-venv)",
            )
        )
    if work.syncs_python:
        found += _compiler(environ)
    return found


def _platform() -> list[Refusal]:
    if platform.system() == "Linux" and platform.machine() in ("x86_64", "aarch64"):
        return []
    return [
        Refusal(
            f"this is {platform.system()} on {platform.machine()}",
            expected="Linux on x86_64 or aarch64",
            remedy="use a Linux machine, a container or WSL 2",
        )
    ]


def _compiler(environ: Mapping[str, str]) -> list[Refusal]:
    """Horovod is compiled for the torch of the lock, whose headers need C++17."""
    path = environ.get("PATH", "")
    missing = [name for name in ("make", "bash", "cc") if not shutil.which(name, path=path)]
    found = [
        Refusal(f"there is no {name} on PATH", expected="make, bash, cc and c++", remedy=COMPILER_REMEDY) for name in missing
    ]
    compiler = environ.get("CXX") or next((name for name in ("c++", "g++", "clang++") if shutil.which(name, path=path)), None)
    if compiler is None:
        return [*found, Refusal("there is no C++ compiler on PATH", expected="one that knows C++17", remedy=COMPILER_REMEDY)]
    program = "#include <optional>\n#include <string_view>\nint main() { return std::optional<int>{0}.value(); }\n"
    command = [*compiler.split(), "-std=c++17", "-fsyntax-only", "-x", "c++", "-"]
    try:
        answer = subprocess.run(command, input=program, env=dict(environ), capture_output=True, text=True, check=False)
        compiles, why = answer.returncode == 0, next(iter(answer.stderr.splitlines()), "")
    except OSError as problem:
        compiles, why = False, str(problem)
    if not compiles:
        got = f"{compiler} does not compile a C++17 program ({why})"
        found.append(Refusal(got, expected="GCC 9, Clang 9 or newer", remedy=COMPILER_REMEDY))
    return found


def room_problems(rooms: list[Room]) -> list[Refusal]:
    """Where the disk is too small. Folders on one file system share its free space, so what they take is added up."""
    needed: dict[int, float] = {}
    places: dict[int, Path] = {}
    for room in rooms:
        number = device(room.folder)
        needed[number] = needed.get(number, 0.0) + room.gigabytes
        places.setdefault(number, _existing(room.folder))
    found = []
    for number, gigabytes in needed.items():
        free = shutil.disk_usage(places[number]).free / 1e9
        if free < gigabytes:
            found.append(
                Refusal(
                    f"{free:.1f} GB are free where {places[number]} lies",
                    expected=f"{gigabytes:.1f} GB",
                    remedy="free some, or put the caches elsewhere (XDG_CACHE_HOME, UV_CACHE_DIR, GOPATH, GOCACHE)",
                )
            )
    return found


def device(folder: Path) -> int:
    """The number of the file system that a folder is on, or will be."""
    return _existing(folder).stat().st_dev


def _existing(folder: Path) -> Path:
    return next(place for place in (folder, *folder.absolute().parents) if place.exists())


def _memory(gigabytes: float) -> list[Refusal]:
    if gigabytes >= NEEDED_MEMORY_GB:
        return []
    return [
        Refusal(
            f"the machine has {gigabytes:.1f} GB of memory",
            expected=f"{NEEDED_MEMORY_GB:.0f} GB",
            remedy="use a larger machine",
        )
    ]


def _memory_gb() -> float:
    """Memory of the machine, or what a container's limit leaves of it."""
    gigabytes = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 1e9
    limit = Path("/sys/fs/cgroup/memory.max")
    if limit.exists():
        text = limit.read_text(encoding="ascii").strip()
        if text.isdigit():
            gigabytes = min(gigabytes, int(text) / 1e9)
    return gigabytes
