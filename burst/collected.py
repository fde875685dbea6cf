"""What was brought home of a run in a cluster: its files, in the stack's folder, as a run on this machine leaves them."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from burst.outputs import headline_physics
from trainer.contract import RESULT_FILE, RunConfig, RunResult
from trainer.refusal import Refusal


def stack_folder(stack: str) -> Path:
    """All that a stack keeps here, relative to the project."""
    return Path(".hepburst") / stack


def run_folder(stack: str, run: RunConfig) -> Path:
    """Of one run, and of its longer continuations."""
    return stack_folder(stack) / "runs" / run.lineage_id()


def report_path(stack: str) -> Path:
    """The page of the stack's last run."""
    return stack_folder(stack) / "report.html"


def result_of(folder: Path, run: RunConfig) -> RunResult | None:
    """The result in a run folder, its physics cut to the headlines; None where there is none, or of another run."""
    try:
        result = RunResult.read(folder / RESULT_FILE)
    except Refusal:
        return None
    if result.run_id != run.run_id():
        return None
    return dataclasses.replace(result, physics=headline_physics(result.physics))
