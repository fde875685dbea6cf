"""The speed of a run that has finished, so that every run refines what the probe has measured."""

from __future__ import annotations

import datetime
from pathlib import Path

from burst.calibration.pace import pace_of
from burst.calibration.speed import Calibration
from trainer.contract import RESULT_FILE, RunStatus
from trainer.refusal import Refusal


def from_run(run_folder: Path) -> Calibration:
    """What the run in this folder measured on the machine it ran on; refuses one that has not succeeded, or was too short.

    Steps are timed from the run's events and not by `RunResult.train_seconds`, which leaves out the reading of batches and says
    nothing of the spread. How busy the machine was is not known, so its confidence is never high.
    """
    from burst.report.record import read_record  # with matplotlib, for which a forecast need not wait

    record = read_record(run_folder)
    config, result = record.config, record.result
    if result is None or result.status is not RunStatus.SUCCEEDED or record.samples is None:
        raise Refusal(
            f"{run_folder} holds no run that has succeeded",
            expected=f"a folder with run.json, events.jsonl, {RESULT_FILE} and showers.npz",
            remedy="let the run finish, or measure with a probe (burst calibrate)",
        )
    began, last = result.segments[0], result.segments[-1]
    measured = pace_of(record.events, started_unix_seconds=began.started_unix_seconds)
    ended = datetime.datetime.fromtimestamp(last.started_unix_seconds + last.seconds, datetime.UTC)
    x, y, depth = record.samples[0].ecal.shape[1:]
    return Calibration.of(
        config,
        measured,
        image_shape=(x, y, depth),
        processor=result.environment.get("cpu", ""),
        source=f"run {result.run_id}, as its events tell",
        date=ended.date(),
        other_work=None,
    )
