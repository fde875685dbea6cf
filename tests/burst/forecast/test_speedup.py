"""What more GPUs bring, from the step model."""

from __future__ import annotations

from typing import Any

import pytest

from burst.forecast import forecast
from burst.forecast.speedup import speedup
from burst.outputs import rounded
from burst.spec import Purchase
from tests.burst.gke_bursts import burst_on, group


def rows(*groups: Any, **settings: int) -> list[dict[str, Any]]:
    found: list[Any] = speedup(burst_on(*groups, **settings))
    return found


def test_the_numbers_double_up_to_the_declared_one() -> None:
    found = rows(group(num_nodes=16))
    assert [row["num_gpus"] for row in found] == [1, 2, 4, 8, 16, 32, 64, 128]
    assert [row["num_nodes"] for row in found] == [1, 1, 1, 1, 2, 4, 8, 16]
    assert [row["nodes"] for row in found[:3]] == [
        "1 x n1-standard-8+1xV100-16GB",
        "1 x n1-standard-16+2xV100-16GB",
        "1 x n1-standard-32+4xV100-16GB",
    ]


def test_the_last_row_is_the_forecast_itself() -> None:
    burst = burst_on(group(num_nodes=3))
    *_, last = speedup(burst)
    cost = forecast(burst)
    assert last["num_gpus"] == 24
    assert (last["usd"], last["hours"]) == (cost.usd.to_output(), cost.hours.to_output())


def test_more_gpus_are_faster_and_less_efficient() -> None:
    found = rows(group(num_nodes=16))
    assert found[0]["speedup"] == found[0]["efficiency"] == 1
    epochs = [row["epoch_seconds"]["expected"] for row in found]
    assert epochs == sorted(epochs, reverse=True)
    efficiencies = [row["efficiency"] for row in found]
    assert efficiencies == sorted(efficiencies, reverse=True)
    assert 0 < efficiencies[-1] < 1
    for row in found:
        assert row["speedup"] == pytest.approx(epochs[0] / row["epoch_seconds"]["expected"], rel=0.01)
        assert row["efficiency"] == pytest.approx(row["speedup"] / row["num_gpus"], rel=0.01)
        for name in ("hours", "usd", "epoch_seconds"):
            assert 0 < row[name]["low"] <= row[name]["expected"] <= row[name]["high"]


def test_whole_nodes_of_unlike_groups_are_taken_the_largest_first() -> None:
    found = rows(group(num_gpus=4, num_nodes=4, purchase=Purchase.ON_DEMAND), group(num_nodes=2))
    assert [row["num_gpus"] for row in found] == [1, 2, 4, 8, 16, 32]
    assert found[2]["nodes"] == "1 x n1-standard-32+4xV100-16GB"
    assert found[4]["nodes"] == "2 x n1-standard-96+8xV100-16GB"
    assert found[5]["num_nodes"] == 6


def test_a_number_that_no_machine_has_is_left_out() -> None:
    """Fewer than eight H100 are not sold on demand, and the first row is then taken for ideal."""
    found = rows(group("H100-80GB", 8, 2, Purchase.ON_DEMAND))
    assert [row["num_gpus"] for row in found] == [8, 16]
    assert (found[0]["speedup"], found[0]["efficiency"]) == (8, 1)
    assert [row["num_gpus"] for row in rows(group("H100-80GB", 8, 2))] == [1, 2, 4, 8, 16]


def test_a_week_may_be_too_short_for_few_flex_start_gpus() -> None:
    found = rows(group("A100-40GB", 8, 2, Purchase.FLEX_START), num_epochs=400)
    assert found[0]["num_gpus"] > 1
    assert found[-1]["num_gpus"] == 16


def test_each_row_says_whether_anybody_measured_so_many() -> None:
    v100, a100 = rows(group(num_nodes=32)), rows(group("A100-40GB"))
    assert v100[0]["basis"] == "step model, fitted to measured epoch times"
    assert v100[-1]["basis"] == "extrapolated: nobody measured more than 128 ranks there"
    assert {row["basis"] for row in a100} == {"extrapolated: nobody measured A100-40GB"}


def test_figures_are_rounded_as_outputs_are() -> None:
    for row in rows(group(num_nodes=4)):
        assert row["speedup"] == rounded(row["speedup"])
        assert set(row["usd"]) == {"low", "expected", "high"}
