"""`burst calibrate`: what is measured, stored and said. No trainer is started here; tests/burst/calibration does."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from burst import calibration
from burst.calibration import Calibration, Confidence
from burst.facts import speeds
from tests.cli.command import Run
from trainer.contract import Precision, Preset


@pytest.fixture
def probed(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What probes were asked for; each takes 0.1 s a step more than the one before."""
    seen: list[dict[str, Any]] = []

    def probe(**given: Any) -> Calibration:
        given.pop("progress")("training", 3, given["num_steps"])
        seen.append(given)
        return measured(seconds=0.1 + 0.1 * len(seen), source=f"probe {len(seen)}", **given)

    monkeypatch.setattr(calibration, "probe", probe)
    return seen


def measured(*, seconds: float, source: str, **given: Any) -> Calibration:
    return Calibration(
        processor="A CPU",
        **given,
        seconds_per_step_low=0.9 * seconds,
        seconds_per_step=seconds,
        seconds_per_step_high=1.1 * seconds,
        start_seconds=10.0,
        evaluation_seconds=1.0,
        source=source,
        as_of="2026-11-24",
        confidence=Confidence.MEDIUM,
    )


def test_a_probe_is_stored_and_a_second_one_refines_it(burst: Run, probed: list[dict[str, Any]]) -> None:
    first, second = burst("calibrate"), burst("calibrate")
    assert first.status == second.status == 0
    assert "before:   not measured" in first.out
    assert "now:      0.2 (" in first.out
    assert "before:   0.2 (" in second.out
    assert "measured: 0.3 (" in second.out
    assert "now:      0.25 (" in second.out
    (kept,) = calibration.read(speeds.OWN)
    assert kept.num_steps == 100
    assert len(probed) == 2


def test_the_probe_is_what_the_options_say(burst: Run, probed: list[dict[str, Any]]) -> None:
    burst(
        "calibrate", "--preset", "published", "--precision", "fp32",
        "--batch", "8", "--ranks", "1", "--threads", "2", "--steps", "30",
    )  # fmt: skip
    burst("calibrate", "--preset", "published", "--image", "25x25x25")
    assert probed[0] == {
        "preset": Preset.PUBLISHED,
        "image_shape": (51, 51, 25),
        "precision": Precision.FP32,
        "batch_per_rank": 8,
        "num_ranks": 1,
        "threads_per_rank": 2,
        "num_steps": 30,
    }
    assert probed[1]["image_shape"] == (25, 25, 25)


def test_a_finished_run_is_a_measurement(burst: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run: dict[str, Any] = {
        "preset": Preset.DEMO,
        "image_shape": (25, 25, 25),
        "precision": Precision.BF16,
        "batch_per_rank": 16,
        "num_ranks": 2,
        "threads_per_rank": 1,
        "num_steps": 296,
    }
    monkeypatch.setattr(calibration, "from_run", lambda folder: measured(seconds=0.2, source=f"run in {folder}", **run))
    found = burst("calibrate", "--run", str(tmp_path))
    assert found.status == 0
    assert "296 steps" in found.out
    assert calibration.read(speeds.OWN)[0].source == f"run in {tmp_path}"


def test_a_folder_that_holds_no_run_is_refused(burst: Run, tmp_path: Path) -> None:
    found = burst("calibrate", "--run", str(tmp_path))
    assert found.status == 2
    assert str(tmp_path) in found.refusals[0]
    assert not speeds.OWN.exists()


def test_all_mistakes_are_told_at_once_and_nothing_is_started(burst: Run, probed: list[dict[str, Any]]) -> None:
    found = burst(
        "calibrate", "--preset", "demmo", "--precision", "bf61", "--image", "5", "--batch", "1", "--ranks", "0", "--steps", "2"
    )
    assert found.status == 2
    assert len(found.refusals) == 6
    assert "did you mean demo?" in found.refusals[0]
    assert probed == []


def test_an_interrupted_probe_ends_quietly(burst: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def probe(**given: Any) -> Calibration:
        raise KeyboardInterrupt

    monkeypatch.setattr(calibration, "probe", probe)
    found = burst("calibrate")
    assert (found.status, found.out, found.err) == (130, "", "")
