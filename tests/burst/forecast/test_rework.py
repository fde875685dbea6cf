"""Interruptions: Daly's expectation against its limits, its monotony, and a simulation of failures."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from burst.forecast.rework import seconds_with_rework

WORK = 36_000.0
SECONDS = st.floats(1.0, 20_000.0)


def expected(
    work: float = WORK, *, per_second: float = 0.0, interval: float = 600.0, checkpoint: float = 6.0, restart: float = 600.0
) -> float:
    (found,) = seconds_with_rework(
        np.array([work]),
        failures_per_second=np.array([per_second]),
        checkpoint_interval_seconds=np.array([interval]),
        checkpoint_seconds=checkpoint,
        restart_seconds=restart,
    )
    return float(found)


@given(work=st.floats(100, 1e6), interval=SECONDS, checkpoint=st.floats(0, 100), restart=st.floats(0, 1e4))
def test_without_failures_only_checkpoints_are_added(work: float, interval: float, checkpoint: float, restart: float) -> None:
    interval = min(interval, work)
    found = expected(work, interval=interval, checkpoint=checkpoint, restart=restart)
    assert found == pytest.approx(work * (1 + checkpoint / interval))


def test_a_rate_near_nothing_joins_no_failures_smoothly() -> None:
    assert expected(per_second=1e-15) == pytest.approx(expected(), rel=1e-9)


@given(rate=st.floats(1e-7, 1e-3), faster=st.floats(1.01, 5), interval=SECONDS, restart=st.floats(0, 2000))
def test_more_failures_never_take_less(rate: float, faster: float, interval: float, restart: float) -> None:
    few, many = (expected(per_second=each, interval=interval, restart=restart) for each in (rate, rate * faster))
    assert few < many


@given(rate=st.floats(0, 1e-3), restart=st.floats(0, 2000), longer=st.floats(0, 2000))
def test_a_longer_restart_never_takes_less(rate: float, restart: float, longer: float) -> None:
    assert expected(per_second=rate, restart=restart) <= expected(per_second=rate, restart=restart + longer)


@given(rate=st.floats(1e-7, 1e-3), interval=SECONDS, longer=st.floats(1.01, 10))
def test_where_checkpoints_cost_nothing_rarer_ones_never_take_less(rate: float, interval: float, longer: float) -> None:
    often, rarely = (expected(per_second=rate, interval=each, checkpoint=0.0) for each in (interval, interval * longer))
    assert often <= rarely * (1 + 1e-12)


def test_where_checkpoints_cost_there_is_a_best_interval_as_daly_has_it() -> None:
    """sqrt(2 d M) - d for a checkpoint of d and a mean time between failures of M (Daly 2006, eq. 37 to first order)."""
    rate, checkpoint = 1 / 7200, 20.0
    best = math.sqrt(2 * checkpoint / rate) - checkpoint
    least = expected(per_second=rate, interval=best, checkpoint=checkpoint)
    assert least < expected(per_second=rate, interval=best / 3, checkpoint=checkpoint)
    assert least < expected(per_second=rate, interval=best * 3, checkpoint=checkpoint)


def test_less_work_than_an_interval_is_one_piece_of_work() -> None:
    assert expected(100.0, interval=600.0, per_second=1e-4) == pytest.approx(expected(100.0, interval=100.0, per_second=1e-4))


@given(rate=st.floats(0, 1e-3), work=st.floats(600, 1e6), more=st.floats(1, 10))
def test_more_work_takes_more_in_proportion(rate: float, work: float, more: float) -> None:
    assert expected(work * more, per_second=rate) == pytest.approx(more * expected(work, per_second=rate))


@pytest.mark.parametrize("per_hour", [0.05, 0.5, 2.0])
def test_daly_expects_what_a_simulation_finds(per_hour: float) -> None:
    """8,000 runs of 12 pieces, failures exponential in time, a restart may fail too; the mean within four standard errors."""
    random = np.random.default_rng(7)
    rate, interval, checkpoint, restart, pieces, runs = per_hour / 3600, 900.0, 15.0, 700.0, 12, 8_000
    spent, left, is_restarting = np.zeros(runs), np.full(runs, pieces), np.zeros(runs, dtype=bool)
    while np.any(left > 0):
        alive = np.flatnonzero(left > 0)
        needed = np.where(is_restarting[alive], restart, interval + checkpoint)
        failure = random.exponential(1 / rate, alive.size)
        fails = failure < needed
        spent[alive] += np.where(fails, failure, needed)
        left[alive] -= ~fails & ~is_restarting[alive]
        is_restarting[alive] = fails
    error = spent.std() / math.sqrt(runs)
    found = expected(pieces * interval, per_second=rate, interval=interval, checkpoint=checkpoint, restart=restart)
    assert abs(spent.mean() - found) < 4 * error
    assert error < 0.01 * found
