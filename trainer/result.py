"""From the end of a training to its RunResult and the showers of its report."""

from __future__ import annotations

import importlib.metadata
import os
import platform
from pathlib import Path
from typing import Any

from trainer import checkpoint
from trainer.contract import CHECKPOINTS_FOLDER, RESULT_FILE, SHOWERS_FILE, EventName, Json, RunResult, RunStatus
from trainer.events import Events, unwritable
from trainer.loop import Outcome, Training
from trainer.physics import write_samples

PACKAGES = ("torch", "horovod", "numpy", "h5py", "hepburst-trainer")


def conclude(training: Training, outcome: Outcome, folder: Path, events: Events) -> RunResult | None:
    """Judge the best checkpoint, unless the run was interrupted, and write result.json and showers.npz. All ranks call it.

    Only rank 0 writes, and has a result to return.
    """
    physics: dict[str, Json] = {}
    best = training.checkpoints.best() if training.ranks.rank == 0 else None
    if best is not None and outcome.status is not RunStatus.INTERRUPTED:
        events.emit(EventName.PHASE, name="evaluating")
        physics = _judge(training, best, folder / SHOWERS_FILE)
    training.account()
    if training.ranks.rank != 0:
        return None
    result = _result(training, outcome, physics)
    try:
        result.write(folder / RESULT_FILE)
    except OSError as problem:
        raise unwritable(folder / RESULT_FILE, problem) from None
    events.emit(EventName.FINISHED, status=outcome.status, message=outcome.message)
    return result


def _judge(training: Training, best: dict[str, Any], samples_path: Path) -> dict[str, Json]:
    physics, generated = training.evaluation.judge(best["product"], training.test_showers)
    try:
        write_samples(samples_path, training.test_showers, generated)
    except OSError as problem:
        raise unwritable(samples_path, problem) from None
    return physics


def _result(training: Training, outcome: Outcome, physics: dict[str, Json]) -> RunResult:
    progress, checkpoints = training.progress, training.checkpoints
    path = checkpoints.best_path if checkpoints.best_path.exists() else checkpoints.newest_first()[0]
    return RunResult(
        run_id=training.config.run_id(),
        lineage_id=training.config.lineage_id(),
        status=outcome.status,
        message=outcome.message,
        num_epochs=training.num_epochs_done,
        num_steps=progress.step,
        num_ranks=training.config.num_ranks,
        train_seconds=progress.train_seconds,
        samples_per_second=progress.samples_per_second(),
        segments=progress.contract_segments(),
        losses=dict(progress.losses),
        physics=physics,
        checkpoint=f"{CHECKPOINTS_FOLDER}/{path.name}",
        checkpoint_sha256=checkpoint.sha256(path),
        environment=_environment(training.config.threads_per_rank),
    )


def _environment(num_threads: int) -> dict[str, str]:
    versions = {name: importlib.metadata.version(name) for name in PACKAGES}
    return {
        **versions,
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "cpu": _cpu_model(),
        "num_cpus": str(os.cpu_count()),
        "threads_per_rank": str(num_threads),
    }


def _cpu_model() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.processor())
