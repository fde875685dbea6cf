from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from burst.calibration import Confidence, combine
from burst.calibration.pace import Pace
from burst.calibration.speed import MAX_SOURCES, confidence_in
from tests.burst.calibration.conftest import MakeCalibration
from trainer.refusal import Refusal


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"seconds_per_step": 0.0}, "0 < low <= seconds_per_step <= high"),
        ({"seconds_per_step_low": 0.21}, "seconds_per_step is 0.2 between 0.21 and 0.25"),
        ({"seconds_per_step_high": float("nan")}, "seconds_per_step is 0.2"),
        ({"start_seconds": -1.0}, "start_seconds is -1.0"),
        ({"evaluation_seconds": float("inf")}, "evaluation_seconds is inf"),
        ({"num_ranks": 0}, "num_ranks is 0"),
        ({"processor": ""}, "processor is empty"),
    ],
)
def test_a_number_that_cannot_have_been_measured_is_refused(
    calibration: MakeCalibration, changes: dict[str, Any], words: str
) -> None:
    with pytest.raises(Refusal, match=words):
        calibration(**changes)


def test_a_speed_is_also_told_in_showers_a_second(calibration: MakeCalibration) -> None:
    assert calibration().showers_per_second_per_rank == pytest.approx(80)


def test_measurements_weigh_by_their_steps(calibration: MakeCalibration) -> None:
    short = calibration(num_steps=50)
    long = calibration(
        num_steps=150, seconds_per_step=0.24, start_seconds=14.0, evaluation_seconds=2.0, confidence=Confidence.MEDIUM
    )
    both = combine([short, long])
    assert both.num_steps == 200
    assert both.seconds_per_step == pytest.approx(0.23)
    assert both.start_seconds == pytest.approx(13.0)
    assert both.evaluation_seconds == pytest.approx(1.75)
    assert both.confidence is Confidence.MEDIUM
    assert both.key == short.key


def test_what_lies_between_two_measurements_widens_the_range(calibration: MakeCalibration) -> None:
    narrow = calibration(seconds_per_step_low=0.2, seconds_per_step_high=0.2)
    slower = calibration(seconds_per_step_low=0.3, seconds_per_step=0.3, seconds_per_step_high=0.3)
    both = combine([narrow, slower])
    assert (both.seconds_per_step_low, both.seconds_per_step_high) == (0.2, 0.3)


def test_one_measurement_stays_what_it_is_and_equal_ones_only_gain_steps(calibration: MakeCalibration) -> None:
    one = calibration()
    assert combine([one]) == one
    twice = combine([one, one])
    assert twice.seconds_per_step == pytest.approx(one.seconds_per_step)
    assert twice.num_steps == 2 * one.num_steps


def test_measurements_of_different_things_are_never_combined(calibration: MakeCalibration) -> None:
    with pytest.raises(AssertionError):
        combine([calibration(), calibration(batch_per_rank=32)])


def test_the_sources_of_many_measurements_stay_short(calibration: MakeCalibration) -> None:
    combined = calibration(source="run 0")
    for number in range(1, 20):
        combined = combine([combined, calibration(source=f"run {number}")])
    assert combined.source == "run 0 | ... | run 17 | run 18 | run 19"
    assert combined.source.count("run") == MAX_SOURCES


@pytest.mark.parametrize(
    ("changes", "other_work", "confidence"),
    [
        ({}, 0.01, Confidence.HIGH),
        ({}, None, Confidence.MEDIUM),
        ({}, 0.1, Confidence.MEDIUM),
        ({}, 0.5, Confidence.LOW),
        ({"num_steps": 20}, 0.01, Confidence.MEDIUM),
        ({"num_steps": 5}, 0.01, Confidence.LOW),
        ({"seconds_per_step_high": 1.4}, 0.01, Confidence.MEDIUM),
        ({"seconds_per_step_high": 3.0}, 0.01, Confidence.LOW),
    ],
)
def test_confidence_needs_many_steps_alike_on_a_quiet_machine(
    changes: dict[str, Any], other_work: float | None, confidence: Confidence
) -> None:
    steady = Pace(
        seconds_per_step_low=0.95,
        seconds_per_step=1.0,
        seconds_per_step_high=1.1,
        num_steps=50,
        num_blocks=50,
        start_seconds=1.0,
        evaluation_seconds=1.0,
    )
    assert confidence_in(dataclasses.replace(steady, **changes), other_work=other_work) is confidence
