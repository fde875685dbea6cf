"""Measured epoch times against the model: errors, shares, and what passes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from burst.facts import epoch_times, rows
from burst.facts.epoch_times import EpochTime, Platform
from burst.forecast import epochs
from burst.forecast.check_timing import EVERYTHING, Checked, Summary, check, check_runs
from burst.ranges import Range
from trainer.refusal import Refusal

RUN = epoch_times.cern()[0]


def checked(error: float, *, is_inside: bool) -> Checked:
    """A measurement of 100 s that was predicted with this error."""
    expected = 100 * (1 + error)
    ends = (min(expected, 99.0), max(expected, 101.0)) if is_inside else (expected, expected)
    run = replace(RUN, epoch_seconds=100.0)
    return Checked(run=run, predicted=Range(ends[0], expected, ends[1]), is_extrapolated=False)


def test_the_error_is_above_0_where_the_epoch_was_faster_than_predicted() -> None:
    assert checked(0.1, is_inside=False).error == pytest.approx(0.1)
    assert checked(-0.2, is_inside=False).error == pytest.approx(-0.2)


def test_a_summary_takes_absolute_errors() -> None:
    rows_of_it = [checked(error, is_inside=True) for error in (-0.3, 0.01, 0.02)]
    summary = Summary.of("gke", rows_of_it)
    assert summary.mean_error == pytest.approx(0.11)
    assert summary.median_error == pytest.approx(0.02)
    assert summary.worst_error == pytest.approx(0.3)


@pytest.mark.parametrize(
    ("errors", "num_outside", "passes"),
    [([0.04] * 20, 0, True), ([0.06] * 20, 0, False), ([0.04] * 20, 3, True), ([0.04] * 20, 4, False)],
)
def test_both_the_median_and_the_share_inside_decide(errors: list[float], num_outside: int, passes: bool) -> None:
    rows_of_it = [checked(error, is_inside=number >= num_outside) for number, error in enumerate(errors)]
    assert Summary.of(EVERYTHING, rows_of_it).passes is passes


def test_cerns_own_measurements_pass_over_all_platforms() -> None:
    found = check(rows.FOLDER / "epoch_times.csv")
    assert found.overall.passes
    assert [summary.name for summary in found.platforms] == list(dict.fromkeys(row.platform for row in epoch_times.cern()))
    assert sum(summary.num_rows for summary in found.platforms) == found.overall.num_rows == len(epoch_times.cern())
    assert [row.run.epoch_seconds for row in found.rows] == [row.epoch_seconds for row in epoch_times.cern()]


@given(st.sampled_from(epoch_times.cern()), st.floats(0.1, 1e5))
def test_what_was_measured_is_not_looked_at_for_the_prediction(run: EpochTime, seconds: float) -> None:
    (there,), (here,) = (check_runs([each], name="here").rows for each in (run, replace(run, epoch_seconds=seconds)))
    assert there.predicted == here.predicted == epochs.predict(run)


def test_an_accelerator_that_nobody_measured_is_told() -> None:
    (row,) = check_runs([replace(RUN, accelerator="A100-40GB")], name="here").rows
    assert row.is_extrapolated
    assert row.predicted.high > 1.5 * row.predicted.low


def test_all_accelerators_that_are_not_known_are_refused_at_once_by_their_place() -> None:
    runs = [RUN, replace(RUN, accelerator="V100-61GB"), replace(RUN, accelerator="TPU-v33", platform=Platform.TPU)]
    with pytest.raises(ExceptionGroup) as refused:
        check_runs(runs, name="mine.csv")
    first, second = refused.value.exceptions
    assert "mine.csv, measurement 2: no accelerator V100-61GB (did you mean" in str(first)
    assert "mine.csv, measurement 3: no accelerator TPU-v33" in str(second)


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Refusal, match=r"nothing\.csv"):
        check(tmp_path / "nothing.csv")
