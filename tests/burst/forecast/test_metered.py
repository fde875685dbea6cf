"""What a run on rented nodes did cost while its ranks ran."""

from __future__ import annotations

import pytest

from burst import facts
from burst.forecast import actual
from burst.forecast.cost import QUANTITIES
from burst.spec import Purchase
from tests.burst.gke_bursts import burst_on, group
from trainer.contract import RunResult, RunStatus, Segment

BURST = burst_on(group(num_nodes=2), group(num_gpus=4, num_nodes=1, purchase=Purchase.ON_DEMAND, num_local_ssds=2))


def result(*seconds: float) -> RunResult:
    """A run of so many segments."""
    return RunResult(
        run_id="r",
        lineage_id="l",
        status=RunStatus.SUCCEEDED,
        message="",
        num_epochs=60,
        num_steps=4_000,
        num_ranks=20,
        train_seconds=0.9 * sum(seconds),
        samples_per_second=100.0,
        segments=tuple(Segment(started_unix_seconds=0.0, seconds=each, cpu_seconds=each) for each in seconds),
        losses={},
        physics={},
        checkpoint="",
        checkpoint_sha256="",
        environment={},
    )


def test_an_hour_of_training_costs_an_hour_of_each_node() -> None:
    """Two nodes of eight V100s on spot and one of four on demand, for 3,600 s in two segments."""
    cost = actual(BURST, result(1_000.0, 2_600.0))
    spot, listed = (
        facts.find("gcp", pool.shape.name, "us-central1", pool.purchase).usd_per_hour for pool in BURST.pools if pool.shape
    )
    usd = {name: value.expected for name, value in cost.items["usd"].items()}
    assert usd["nodes with accelerators"] == pytest.approx(2 * spot + listed)
    assert usd["local SSD"] == pytest.approx(2 * 375 * 0.08 / 730)
    assert usd["boot disks"] == pytest.approx(3 * 0.1 * 100 / 730)
    assert usd["control plane"] == pytest.approx(0.1)
    assert cost.hours.low == cost.hours.expected == cost.hours.high == 1.0


def test_what_is_billed_once_and_what_nobody_measured_is_left_to_the_bill() -> None:
    cost = actual(BURST, result(3_600.0))
    assert "egress of results" not in cost.items["usd"]
    assert cost.waiting_hours is None
    assert any("set-up and teardown are in the provider's bill alone" in line for line in cost.basis)
    assert any("measured from the ranks' start, 3600 s in 1 segment(s)" in line for line in cost.basis)
    assert len([line for line in cost.basis if "n1-standard-" in line]) == 2


def test_a_measured_price_is_no_range_but_where_none_is_listed() -> None:
    nodes = actual(BURST, result(3_600.0)).items["usd"]["nodes with accelerators"]
    assert nodes.low == nodes.expected == nodes.high
    flex = actual(burst_on(group("A100-40GB", 8, 1, Purchase.FLEX_START)), result(3_600.0)).items["usd"]
    assert flex["nodes with accelerators"].low == pytest.approx(0.47 * flex["nodes with accelerators"].high)


def test_twice_the_time_costs_twice() -> None:
    one, two = (actual(BURST, result(seconds)) for seconds in (1_800.0, 3_600.0))
    for quantity in QUANTITIES:
        assert getattr(two, quantity).expected == pytest.approx(2 * getattr(one, quantity).expected)
    for quantity, items in one.items.items():
        assert sum(value.expected for value in items.values()) == pytest.approx(getattr(one, quantity).expected)
