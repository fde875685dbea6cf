"""Simulates sets of showers: any number of processes, stopped and continued at will, always the same result.

Shower i is a function of (recipe, i), so blocks of showers can be made in any order by any process. Finished blocks lie in
`OUT.parts/` until the last one is there.
"""

from __future__ import annotations

import atexit
import fcntl
import json
import multiprocessing
import os
import shutil
import signal
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing.sharedctypes import Synchronized
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import TYPE_CHECKING

import h5py
import numpy as np

from trainer.refusal import Refusal
from trainer.showers import geant4, writing
from trainer.showers.calorimeter import NUM_CELLS
from trainer.showers.recipe import Recipe

if TYPE_CHECKING:
    from trainer.showers.simulation import Simulation

BLOCK_SHOWERS = 50
MAX_SHOWERS = 10_000_000

Progress = Callable[[int, int, float], None]
"""Called every half second with showers done, showers in all, and showers a second since the start."""


def generate(
    recipe: Recipe,
    num_showers: int,
    out: Path,
    *,
    num_processes: int | None = None,
    progress: Progress = lambda done, num_showers, showers_per_second: None,
) -> None:
    """Simulate `num_showers` showers into the HDF5 file `out`, on all cores by default.

    An interruption (KeyboardInterrupt, or a kill) keeps the finished blocks, and the next call with the same recipe goes on
    from them. Refused: an existing `out`, parts of another recipe, no Geant4.
    """
    num_processes = len(os.sched_getaffinity(0)) if num_processes is None else num_processes
    _check_request(num_showers, out, num_processes)
    geant4.load()  # so that a missing library is refused here, and not in each worker
    parts_folder = parts_folder_of(out)
    parts_folder.mkdir(exist_ok=True)
    with _claimed(parts_folder, recipe):
        _make(recipe, num_showers, out, num_processes, progress)
        shutil.rmtree(parts_folder)


def _make(recipe: Recipe, num_showers: int, out: Path, num_processes: int, progress: Progress) -> None:
    """Make the blocks that are missing, and join them all."""
    parts_folder = parts_folder_of(out)
    parts = [
        (parts_folder / f"block-{first // BLOCK_SHOWERS:06d}.h5", range(first, min(first + BLOCK_SHOWERS, num_showers)))
        for first in range(0, num_showers, BLOCK_SHOWERS)
    ]
    missing = [(path, indices) for path, indices in parts if not _is_done(path, indices)]
    num_done = num_showers - sum(len(indices) for _, indices in missing)
    if missing:
        _simulate_blocks(recipe, missing, num_processes, lambda made, speed: progress(num_done + made, num_showers, speed))
    joined = parts_folder / "joined.h5"
    writing.join([path for path, _ in parts], joined)
    joined.replace(out)


def parts_folder_of(out: Path) -> Path:
    """Where the finished blocks of an unfinished file lie."""
    return out.with_name(out.name + ".parts")


def _check_request(num_showers: int, out: Path, num_processes: int) -> None:
    if not 1 <= num_showers <= MAX_SHOWERS:
        raise Refusal(f"{num_showers} showers", expected=f"1 to {MAX_SHOWERS}", remedy="choose another --num-showers")
    if not 1 <= num_processes <= 1024:
        raise Refusal(f"{num_processes} processes", expected="1 to 1024", remedy="choose another --processes")
    if out.exists():
        raise Refusal(f"{out} exists", expected="a file that is not there yet", remedy="choose another --out, or remove it")
    if not out.parent.is_dir():
        raise Refusal(f"there is no folder {out.parent}", expected="a folder to write to", remedy="make it")


@contextmanager
def _claimed(folder: Path, recipe: Recipe) -> Iterator[None]:
    """Hold the folder of finished blocks, which must be of this very recipe and no other process's."""
    wanted = json.dumps({"generator_version": writing.GENERATOR_VERSION, **recipe.attributes()})
    with (folder / "recipe.json").open("a+") as claim:
        try:
            fcntl.flock(claim, fcntl.LOCK_EX | fcntl.LOCK_NB)  # the kernel lets go when the process ends, however it ends
        except BlockingIOError:
            raise Refusal(
                f"another process is writing to {folder}",
                expected="one at a time",
                remedy="wait for it, or choose another --out",
            ) from None
        claim.seek(0)
        if (found := claim.read()) not in ("", wanted):
            raise Refusal(
                f"{folder} holds showers of another recipe: {found}",
                expected="blocks of the same command, interrupted",
                remedy=f"give the same arguments again, choose another --out, or remove {folder}",
            )
        if not found:
            claim.write(wanted)
            claim.flush()
        yield


def _is_done(path: Path, indices: range) -> bool:
    """Blocks appear whole but for a power cut; only the last one of a shorter set can be of another length."""
    try:
        with h5py.File(path) as file:
            return len(file["energy"]) == len(indices)
    except OSError:
        return False


def _simulate_blocks(
    recipe: Recipe, blocks: list[tuple[Path, range]], num_processes: int, progress: Callable[[int, float], None]
) -> None:
    """Have the worker processes make all blocks."""
    context = multiprocessing.get_context("spawn")  # Geant4's state must not be inherited
    num_made, stop = context.Value("l", 0), context.Event()
    num_processes = min(num_processes, len(blocks))
    start = time.monotonic()
    with ProcessPoolExecutor(
        num_processes, mp_context=context, initializer=_start_worker, initargs=(recipe, num_made, stop, os.getpid())
    ) as pool:
        try:
            pending: set[Future[None]] = {pool.submit(_make_block, path, indices) for path, indices in blocks}
            while pending:
                finished, pending = wait(pending, timeout=0.5, return_when=FIRST_COMPLETED)
                for block in finished:
                    block.result()
                progress(num_made.value, num_made.value / (time.monotonic() - start))
        except BrokenProcessPool:
            raise Refusal(
                "a Geant4 process died", expected="enough memory (0.2 GB a process)", remedy="run the same command: it goes on"
            ) from None
        finally:
            stop.set()
            pool.shutdown(wait=True, cancel_futures=True)


class _StoppedError(Exception):
    """The parent no longer wants the block."""


class _Worker:
    """What a worker process holds from `_start_worker` on."""

    recipe: Recipe
    simulation: Simulation
    attributes: dict[str, str | int | float]
    num_made: Synchronized[int]
    stop: Event


def _start_worker(recipe: Recipe, num_made: Synchronized[int], stop: Event, parent_pid: int) -> None:
    threading.Thread(target=_exit_without, args=(parent_pid,), daemon=True).start()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the parent decides
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # Geant4's banner
    from trainer.showers.simulation import Simulation, geant4_version

    atexit.register(os._exit, 0)  # Geant4 and Python would both free the objects that they share
    _Worker.recipe, _Worker.num_made, _Worker.stop = recipe, num_made, stop
    _Worker.simulation, _Worker.attributes = Simulation(), writing.attributes(recipe, geant4_version())


def _exit_without(parent_pid: int) -> None:
    """End this process soon after its parent, also while it waits for work that will never come."""
    while os.getppid() == parent_pid:
        time.sleep(0.5)
    os._exit(1)


def _make_block(path: Path, indices: range) -> None:
    recipe = _Worker.recipe
    num_x = recipe.geometry.image_shape[0]
    margin = (NUM_CELLS - num_x) // 2
    central = slice(margin, margin + num_x)
    electrons = [recipe.electron(index) for index in indices]
    ecal_mev = np.empty((len(electrons), *recipe.geometry.image_shape), np.float32)
    for number, electron in enumerate(electrons):
        if _Worker.stop.is_set():
            raise _StoppedError
        ecal_mev[number] = _Worker.simulation.shower(electron)[central, central]
        with _Worker.num_made.get_lock():
            _Worker.num_made.value += 1
    writing.write(
        path,
        ecal_mev,
        [electron.energy_gev for electron in electrons],
        [electron.theta_rad for electron in electrons],
        _Worker.attributes,
    )
