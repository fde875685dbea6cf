"""A burst on the machine that runs Pulumi: trains, waits, reports."""

from __future__ import annotations

import datetime
import os
import sys
from typing import Any

import pulumi

from burst.forecast import actual, forecast, warnings
from burst.outputs import MEASURED_NAMES, PLACE_NAMES, measured_output, place_output
from burst.spec import Burst
from components.local.resources import Report
from components.local.run import LocalRun, LocalRunArgs
from stacks.settings import EXIT_AFTER_MESSAGE
from trainer.contract import RunConfig, RunResult
from trainer.refusal import Refusal


def deploy(burst: Burst) -> None:
    """Declare the run and its report, and export `cost`, `run` and `report`."""
    expected = forecast(burst)  # first: what it refuses must be refused before anything is declared
    crowded = crowding(burst.workload.run, len(os.sched_getaffinity(0)))
    for warning in (*([crowded] if crowded else ()), *warnings(burst, datetime.date.today())):
        pulumi.log.warn(warning)
    folder = f".hepburst/{burst.name}"
    training = LocalRun("train", LocalRunArgs(workload=burst.workload, folder=folder))
    run_id, run_folder = training.run.run_id, training.run.run_folder
    result = training.run.result.apply(_result)

    place = pulumi.Output.all(run_id, run_folder).apply(lambda values: place_output(*values))
    measured = pulumi.Output.all(result, run_folder).apply(lambda values: measured_output(*values))
    cost: dict[str, Any] = {
        "forecast": expected.to_output(),
        "actual": result.apply(lambda result: actual(burst, result).to_output()),
    }
    report = Report(
        "report",
        path=f"{folder}/report.html",
        run_id=run_id,
        run_folder=run_folder,
        checkpoint_sha256=result.apply(lambda result: result.checkpoint_sha256),
        cost=cost,
        opts=pulumi.ResourceOptions(parent=training),
    )

    pulumi.export("cost", cost)
    pulumi.export(
        "run",
        {**{name: place[name] for name in PLACE_NAMES}, **{name: measured[name] for name in MEASURED_NAMES}},
    )
    pulumi.export("report", report.path)


def _result(values: dict[str, Any]) -> RunResult:
    """The run's result. An `up` of some resources alone (`--target`) can meet one that is unfinished, or of another version."""
    try:
        return RunResult.from_dict(values)
    except Refusal as refusal:
        pulumi.log.error(
            f"the run in the stack's state has no result to show ({refusal}): `pulumi up` without --target mends it"
        )
        sys.exit(EXIT_AFTER_MESSAGE)


def crowding(run: RunConfig, num_cpus: int) -> str | None:
    """A warning where more threads compute than this machine has CPUs, which makes each step slower.

    >>> crowding(RunConfig(data_path="", data_sha256="", num_epochs=1, num_ranks=4, threads_per_rank=2), num_cpus=2)
    '4 ranks of 2 threads share 2 CPUs and wait for each other: lower num_ranks or threads_per_rank'
    """
    if run.num_ranks * run.threads_per_rank <= num_cpus:
        return None
    return (
        f"{run.num_ranks} ranks of {run.threads_per_rank} threads share {num_cpus} CPUs and wait for each other: "
        "lower num_ranks or threads_per_rank"
    )
