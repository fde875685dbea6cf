from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from burst.calibration import Confidence, from_run
from tests.burst.calibration.conftest import MakeEvents
from trainer.contract import EVENTS_FILE, RESULT_FILE, RUN_FILE, SHOWERS_FILE, Preset, RunConfig, RunResult, RunStatus, Segment
from trainer.physics import write_samples
from trainer.refusal import Refusal
from trainer.showers.schema import Showers

CONFIG = RunConfig(data_path="fixed.h5", data_sha256="ab" * 32, num_epochs=3, preset=Preset.PUBLISHED, threads_per_rank=4)


def run_folder(folder: Path, said: list[dict[str, Any]], *, status: RunStatus = RunStatus.SUCCEEDED) -> Path:
    """As the trainer leaves it, with showers of 5 x 5 x 4 cells."""
    CONFIG.write(folder / RUN_FILE)
    (folder / EVENTS_FILE).write_text("".join(json.dumps(event) + "\n" for event in said))
    RunResult(
        run_id=CONFIG.run_id(),
        lineage_id=CONFIG.lineage_id(),
        status=status,
        message="",
        num_epochs=3,
        num_steps=30,
        num_ranks=2,
        train_seconds=15.0,
        samples_per_second=64.0,
        segments=(Segment(started_unix_seconds=1000.0, seconds=90_000.0, cpu_seconds=50.0),),
        losses={},
        physics={},
        checkpoint="checkpoints/best.pt",
        checkpoint_sha256="cd" * 32,
        environment={"cpu": "Some CPU"},
    ).write(folder / RESULT_FILE)
    energy = np.linspace(10, 100, 4, dtype=np.float32)
    showers = Showers(ecal=np.ones((4, 5, 5, 4), np.float32), energy=energy, theta=np.full(4, np.pi / 2, np.float32))
    write_samples(folder / SHOWERS_FILE, showers, showers)
    return folder


def test_a_finished_run_is_a_measurement_of_the_machine_it_ran_on(events: MakeEvents, tmp_path: Path) -> None:
    measured = from_run(run_folder(tmp_path, events(num_epochs=3)))
    assert (measured.processor, measured.preset, measured.image_shape) == ("Some CPU", Preset.PUBLISHED, (5, 5, 4))
    assert (measured.batch_per_rank, measured.num_ranks, measured.threads_per_rank, measured.num_nodes) == (16, 2, 4, 1)
    assert measured.seconds_per_step == pytest.approx(0.5)
    assert measured.start_seconds == pytest.approx(11.0)
    assert measured.evaluation_seconds == pytest.approx(2.0)
    assert measured.as_of == "1970-01-02"
    assert measured.source == f"run {CONFIG.run_id()}, as its events tell"
    assert measured.confidence is Confidence.MEDIUM


@pytest.mark.parametrize("status", [RunStatus.INTERRUPTED, RunStatus.FAILED])
def test_a_run_that_has_not_succeeded_is_refused(events: MakeEvents, tmp_path: Path, status: RunStatus) -> None:
    with pytest.raises(Refusal, match="no run that has succeeded"):
        from_run(run_folder(tmp_path, events(), status=status))


def test_a_run_that_lost_its_result_its_showers_or_itself_is_refused(events: MakeEvents, tmp_path: Path) -> None:
    folder = run_folder(tmp_path, events())
    for name in (SHOWERS_FILE, RESULT_FILE, RUN_FILE):
        (folder / name).unlink()
        with pytest.raises(Refusal, match=str(tmp_path)):
            from_run(folder)


def test_a_run_of_a_few_steps_is_refused(events: MakeEvents, tmp_path: Path) -> None:
    with pytest.raises(Refusal, match="measure more steps, or a longer run"):
        from_run(run_folder(tmp_path, events(num_epochs=1)))
