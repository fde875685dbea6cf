"""Measurements and events as runs leave them, made up."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from burst.calibration import Calibration, Confidence
from trainer.contract import Precision, Preset

MakeCalibration = Callable[..., Calibration]
MakeEvents = Callable[..., list[dict[str, Any]]]


@pytest.fixture
def calibration() -> MakeCalibration:
    """One measurement, with changes."""

    def make(**changes: Any) -> Calibration:
        whole: dict[str, Any] = {
            "processor": "AMD EPYC",
            "preset": Preset.DEMO,
            "image_shape": (25, 25, 25),
            "precision": Precision.BF16,
            "batch_per_rank": 16,
            "num_ranks": 2,
            "threads_per_rank": 1,
            "seconds_per_step_low": 0.19,
            "seconds_per_step": 0.2,
            "seconds_per_step_high": 0.25,
            "num_steps": 50,
            "start_seconds": 10.0,
            "evaluation_seconds": 1.0,
            "source": "burst calibrate --preset demo, in a test",
            "as_of": "2026-11-24",
            "confidence": Confidence.HIGH,
        }
        return Calibration(**{**whole, **changes})

    return make


@pytest.fixture
def events() -> MakeEvents:
    """A run launched at 1000 s: 8 s to the first step; epochs of ten steps, told every other step; 2 s of evaluation."""

    def make(
        *, num_epochs: int = 2, seconds_of_step: Callable[[int], float] = lambda step: 0.5, judging_seconds: float | None = 3.0
    ) -> list[dict[str, Any]]:
        said: list[dict[str, Any]] = []
        now = 1000.0

        def say(event: str, after: float = 0.0, **members: Any) -> None:
            nonlocal now
            now += after
            said.append({"event": event, "unix_seconds": round(now, 3), **members})

        say("phase", 2.0, name="loading")
        say("checkpoint", 3.0, step=0)
        say("phase", name="training")
        say("epoch", 3.0, epoch=0)
        since = 0.0
        for step in range(1, 10 * num_epochs + 1):
            epoch = (step - 1) // 10 + 1
            since += seconds_of_step(step)
            if step % 2 == 0 or step % 10 == 1:
                say("step", since, epoch=epoch, step=step)
                since = 0.0
            if step % 10 == 0:
                say("checkpoint", 1.5, step=step)
                say("epoch", 0.5, epoch=epoch)
        if judging_seconds is not None:
            say("phase", name="evaluating")
            say("finished", judging_seconds, status="succeeded")
        return said

    return make
