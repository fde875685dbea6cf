"""`make setup`: check, say what will be done, do it once."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

from engine import go_modules, machine, python_environment
from engine.choice import Engine, choose
from engine.machine import Room, Work
from engine.places import OWN, PROJECT, VENV, cache, shown
from engine.progress import Screen, Step, clock, run_together
from engine.shell import variables
from engine.stamp import Stamp, environment_digest

STAMP = OWN / ".setup.json"

# Measured on 2 cores from empty caches (docs/adr/0001-engine.md): what is downloaded, what stays on the disk.
ENGINE_DOWNLOAD_GB, ENGINE_DISK_GB, GO_DISK_GB = 0.3, 3.4, 0.3
PYTHON_DOWNLOAD_GB, PYTHON_DISK_GB = 3.4, 8.0


def set_up(environ: Mapping[str, str], *, groups: Sequence[str] = (), extras: Sequence[str] = ()) -> dict[str, str]:
    """Bring the machine to where `pulumi up` works, doing only what is missing, and give the environment to run it in.

    Raises Refusal, or the first of several as `Refusals`, before anything is changed if the machine lacks something.
    """
    began = time.monotonic()
    engine = choose(environ)
    wanted = Stamp(environment_digest(), tuple(groups), tuple(extras))
    before = Stamp.read(STAMP)
    has_python = before.covers(wanted) and (VENV / "bin" / "python").exists()
    if not (engine.is_there and has_python):
        _work(engine, environ, has_python=has_python, wanted=wanted.joined(before))
        print(f"Set up in {clock(time.monotonic() - began)}.")
    return {**environ, **variables(engine, environ)}


def _work(engine: Engine, environ: Mapping[str, str], *, has_python: bool, wanted: Stamp) -> None:
    uv = python_environment.machine_uv(environ)
    work = Work(
        builds_engine=not engine.is_there,
        fetches_go=not engine.is_there and go_modules.machine_go(environ) is None,
        syncs_python=not has_python,
        fetches_uv=not has_python and uv is None,
    )
    refused = machine.problems(work, _rooms(work, environ), environ)
    if refused:
        raise Refusals(refused)
    screen = Screen()
    _announce(work, engine, screen)
    total = work.builds_engine + work.syncs_python + work.fetches_uv + 1
    screen.line(f"[1/{total}] machine: compiler, disk and memory are enough")
    number = 2
    if work.fetches_uv:
        run_together({"uv": partial(_fetch_uv, environ)}, screen, first=number, total=total)
        number += 1
    steps = {}
    if work.syncs_python:
        uv = python_environment.machine_uv(environ)
        assert uv is not None
        python = python_environment.interpreter(uv, environ)
        if python is not None:
            python_environment.check_headers(python)
        steps["packages"] = partial(_sync, uv, environ, wanted)
    if work.builds_engine:
        steps["engine"] = partial(_build, engine, environ)
    run_together(steps, screen, first=number, total=total)


def _fetch_uv(environ: Mapping[str, str], step: Step) -> str:
    return f"{python_environment.UV_PACKAGE} in {shown(python_environment.fetch_uv(step, environ).parents[1])}"


def _sync(uv: Path, environ: Mapping[str, str], wanted: Stamp, step: Step) -> str:
    told = python_environment.sync(uv, step, environ, groups=wanted.groups, extras=wanted.extras)
    wanted.write(STAMP)
    return told


def _build(engine: Engine, environ: Mapping[str, str], step: Step) -> str:
    return go_modules.build(engine, step, environ)


def _rooms(work: Work, environ: Mapping[str, str]) -> list[Room]:
    rooms = []
    if work.syncs_python:
        rooms.append(Room(PROJECT, PYTHON_DISK_GB))
        uv_cache = Path(environ.get("UV_CACHE_DIR") or cache().parent / "uv")
        if machine.device(uv_cache) != machine.device(PROJECT):  # on one disk, uv links what it has cached
            rooms.append(Room(uv_cache, PYTHON_DISK_GB))
    if work.builds_engine:
        rooms.append(Room(cache(), ENGINE_DISK_GB + (GO_DISK_GB if work.fetches_go else 0.0)))
    return rooms


def _announce(work: Work, engine: Engine, screen: Screen) -> None:
    """Say what will be done, how much is downloaded and how long it takes."""
    cores = os.cpu_count() or 1
    gigabytes = 0.0
    screen.line("hepburst sets itself up here. This is done once.")
    if work.builds_engine:
        gigabytes += ENGINE_DOWNLOAD_GB
        lent = ", with a Go toolchain fetched for it" if work.fetches_go else ""
        screen.line(f"  Pulumi engine    no `pulumi` is on PATH: {engine.version} is built from its Go modules{lent}")
    else:
        kind = "built here earlier" if engine.is_ours else "yours"
        screen.line(f"  Pulumi engine    {engine.version} in {shown(engine.folder)} ({kind})")
    if work.syncs_python:
        gigabytes += PYTHON_DOWNLOAD_GB
        lent = ", with uv fetched for it" if work.fetches_uv else ""
        screen.line(f"  Python packages  torch, Horovod (compiled here) and the rest of uv.lock, into .venv{lent}")
    else:
        screen.line("  Python packages  are there")
    minutes = 8 if work.builds_engine and work.syncs_python else 6 if work.builds_engine else 3
    free = shutil.disk_usage(PROJECT).free / 1e9
    screen.line(
        f"  It downloads {gigabytes:.1f} GB, less what caches hold, and takes about {minutes} minutes on 2 idle cores (here:"
    )
    screen.line(f"  {cores} cores, {free:.0f} GB of disk free). Ctrl-C is safe: the next time goes on from there.")


class Refusals(Exception):  # noqa: N818 - as Refusal
    """Several refusals at once, so that a user need not meet them one by one."""

    def __init__(self, refusals: Sequence[Exception]) -> None:
        super().__init__("\n".join(str(refusal) for refusal in refusals))
