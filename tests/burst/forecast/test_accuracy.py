"""What fewer updates cost: the two published trainings, what lies between them, and nothing outside."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from burst import facts
from burst.forecast import accuracy
from trainer.refusal import Refusal

SHORT, LONG = sorted(accuracy.num_updates(training) for training in facts.accuracies())


def test_the_longer_training_made_7320_updates() -> None:
    """122 whole batches of 8 x 128 = 1,024 showers on a TPU v3-8, which drops the last, in each of 60 epochs."""
    assert LONG == 124_987 // 1_024 * 60 == 7_320


def test_the_published_ends_have_the_published_errors() -> None:
    assert accuracy.ecal_error_percent(LONG) == 8.3
    assert accuracy.ecal_error_percent(SHORT) == 11.0


@given(fewer=st.integers(SHORT, LONG), more=st.integers(0, 10_000))
def test_more_updates_are_never_worse_and_never_outside_what_was_published(fewer: int, more: int) -> None:
    worse, better = accuracy.ecal_error_percent(fewer), accuracy.ecal_error_percent(fewer + more)
    assert worse is not None
    assert better is not None
    assert 8.3 <= better <= worse <= 11.0


@given(updates=st.integers(1, SHORT - 1))
def test_of_fewer_updates_than_any_published_training_nothing_is_said(updates: int) -> None:
    assert accuracy.ecal_error_percent(updates) is None
    assert "fewer than any published training" in accuracy.sentence(updates)


@given(updates=st.integers(SHORT, 10 * LONG), num_epochs=st.integers(1, 59))
def test_of_fewer_passes_over_the_data_than_any_published_training_nothing_is_said(updates: int, num_epochs: int) -> None:
    """Many small batches are many updates of few passes."""
    assert accuracy.fewest_epochs() == 60
    assert accuracy.ecal_error_percent(updates, num_epochs) is None
    assert f"{num_epochs} passes over the data: fewer than any published" in accuracy.sentence(updates, num_epochs)
    assert accuracy.ecal_error_percent(updates, 60) == accuracy.ecal_error_percent(updates)


@given(updates=st.integers(SHORT, LONG))
def test_updates_for_an_error_reach_it(updates: int) -> None:
    error = accuracy.ecal_error_percent(updates)
    assert error is not None
    assert accuracy.updates_for(error) == pytest.approx(updates, abs=1)


@pytest.mark.parametrize("error_percent", [0.0, 8.29, 11.01, 100.0, -1.0, float("nan"), float("inf")])
def test_an_error_that_nobody_published_is_refused_with_what_was(error_percent: float) -> None:
    with pytest.raises(Refusal, match=r"expected 8\.3 to 11%, the published trainings' range"):
        accuracy.updates_for(error_percent)


def test_a_plan_is_told_what_it_gives_up() -> None:
    assert "ECAL error 8.3%" in accuracy.sentence(LONG)
    assert "as good as the best published" in accuracy.sentence(10 * LONG)
    assert "unstable" in accuracy.sentence(SHORT)
    assert f"{SHORT:,} updates: ECAL error about 11.0%" in accuracy.sentence(SHORT)
