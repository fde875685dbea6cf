"""A burst on the machine that runs Pulumi: trains, waits, reports."""

from __future__ import annotations

import os
from typing import Any

import pulumi

from burst.forecast import actual, forecast
from burst.outputs import MEASURED_NAMES, measured_output, place_output
from burst.spec import Burst
from components.local.resources import Report
from components.local.run import LocalRun, LocalRunArgs
from trainer.contract import RunConfig, RunResult


def deploy(burst: Burst) -> None:
    """Declare the run and its report, and export `cost`, `run` and `report`."""
    expected = forecast(burst)  # first: what it refuses must be refused before anything is declared
    if warning := crowding(burst.workload.run, len(os.sched_getaffinity(0))):
        pulumi.log.warn(warning)
    folder = f".hepburst/{burst.name}"
    training = LocalRun("train", LocalRunArgs(workload=burst.workload, folder=folder))
    result = training.run.result.apply(RunResult.from_dict)
    run = burst.workload.run

    results_url = f"{folder}/runs/{run.lineage_id()}"
    measured = result.apply(lambda result: measured_output(result, results_url))
    cost: dict[str, Any] = {
        "forecast": expected.to_output(),
        "actual": result.apply(lambda result: actual(burst, result).to_output()),
    }
    report = Report(
        "report",
        path=f"{folder}/report.html",
        run_id=run.run_id(),
        run_folder=training.run.run_folder,
        checkpoint_sha256=result.apply(lambda result: result.checkpoint_sha256),
        cost=cost,
        opts=pulumi.ResourceOptions(parent=training),
    )

    pulumi.export("cost", cost)
    pulumi.export("run", {**place_output(run.run_id(), results_url), **{name: measured[name] for name in MEASURED_NAMES}})
    pulumi.export("report", report.path)


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
