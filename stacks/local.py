"""A burst on the machine that runs Pulumi: trains, waits, reports."""

from __future__ import annotations

from typing import Any

import pulumi

from burst.forecast import actual, forecast
from burst.outputs import MEASURED_NAMES, measured_output, place_output
from burst.spec import Burst
from components.local.resources import Report
from components.local.run import LocalRun, LocalRunArgs
from trainer.contract import RunResult


def deploy(burst: Burst) -> None:
    """Declare the run and its report, and export `cost`, `run` and `report`."""
    folder = f".hepburst/{burst.name}"
    training = LocalRun("train", LocalRunArgs(workload=burst.workload, folder=folder))
    result = training.run.result.apply(RunResult.from_dict)
    run = burst.workload.run

    results_url = f"{folder}/runs/{run.lineage_id()}"
    measured = result.apply(lambda result: measured_output(result, results_url))
    cost: dict[str, Any] = {
        "forecast": forecast(burst).to_output(),
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
