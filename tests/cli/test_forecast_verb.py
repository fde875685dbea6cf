"""`burst forecast STACK`: what `pulumi preview` shows as output `cost`."""

from __future__ import annotations

import dataclasses
import datetime
from pathlib import Path

import pytest

from burst.forecast import forecast
from burst.forecast.speedup import speedup
from burst.spec import Burst, Purchase, Shape
from cli import clock, project
from cli.forecast import what
from stacks import settings
from tests.burst.gke_bursts import burst_on, group
from tests.cli.command import Run


@pytest.fixture
def rented(monkeypatch: pytest.MonkeyPatch) -> Burst:
    """A stack `gke` on V100s of Google's, as its settings would be read."""
    burst = burst_on(group())
    monkeypatch.setattr(settings, "from_file", lambda stack, folder: burst)
    return burst


def test_the_json_is_the_half_of_the_stack_output(burst: Run) -> None:
    found = burst("forecast", "local", "--json")
    assert found.status == 0
    assert found.err == ""
    assert found.document == forecast(settings.from_file("local", project.ROOT)).to_output()


def test_the_table_tells_each_quantity_with_its_unit_and_what_it_rests_on(burst: Run) -> None:
    found = burst("forecast", "local")
    cost = forecast(settings.from_file("local", project.ROOT))
    assert found.status == 0
    for part in ("money", "time", "energy", "carbon", "USD", "min", "Wh", *cost.basis, str(cost.snapshot)):
        assert part in found.out


def test_it_works_from_any_folder(burst: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    here = burst("forecast", "local", "--json")
    monkeypatch.chdir(tmp_path)
    assert burst("forecast", "local", "--json") == here
    assert Path.cwd() == tmp_path


def test_a_rented_stack_shows_every_item(burst: Run, rented: Burst) -> None:
    found = burst("forecast", "gke")
    cost = forecast(rented)
    assert "1 x n1-standard-96+8xV100-16GB, spot in gcp/us-central1" in found.out
    for items in cost.items.values():
        for item in items:
            assert item in found.out
    assert burst("forecast", "gke", "--json").document == cost.to_output()


def test_a_stack_on_gke_tells_what_fewer_gpus_would_take(burst: Run, rented: Burst) -> None:
    found = burst("forecast", "gke")
    rows = [line.split() for line in found.out.partition("With fewer GPUs")[2].splitlines()]
    for row in speedup(rented):
        efficiency = row["efficiency"]
        assert isinstance(efficiency, float)
        (line,) = [cells for cells in rows if cells[:2] == [str(row["num_gpus"]), str(row["num_nodes"])]]
        assert f"{efficiency:.0%}" in line


def test_only_a_stack_on_gke_has_fewer_gpus_to_tell_of(burst: Run) -> None:
    assert "With fewer GPUs" not in burst("forecast", "local").out


def test_several_groups_are_named_with_how_each_is_bought() -> None:
    told = what(burst_on(group(num_nodes=2), group(num_gpus=4, num_nodes=4, purchase=Purchase.ON_DEMAND)))
    large, small = "2 x n1-standard-96+8xV100-16GB, spot", "4 x n1-standard-32+4xV100-16GB, on-demand"
    assert told.endswith(f"on {large} + {small} in gcp/us-central1")


def test_a_stack_in_a_cluster_of_ones_own_costs_no_money_and_says_where_it_runs(burst: Run) -> None:
    found = burst("forecast", "onprem")
    onprem = settings.from_file("onprem", project.ROOT)
    pool, cost = onprem.pool, forecast(onprem)
    assert found.status == 0
    assert found.err == ""
    assert f"on {pool.num_nodes} workers of 1 rank in a cluster of your own (grid of {pool.region})" in found.out
    for line in cost.basis:
        assert line in found.out
    assert burst("forecast", "onprem", "--json").document == cost.to_output()


def test_gpus_of_ones_own_are_told_by_worker() -> None:
    shape = Shape(provider="own", name="8 x V100-16GB", accelerator="V100-16GB", num_accelerators=8, vcpus=32, memory_gib=128)
    onprem = settings.from_file("onprem", project.ROOT)
    pool = dataclasses.replace(onprem.pool, shape=shape, num_nodes=1)
    told = what(dataclasses.replace(onprem, pools=(pool,)))
    assert told.endswith(f"on 1 worker of 8 x V100-16GB in a cluster of your own (grid of {pool.region})")


def test_old_prices_warn_and_change_no_figure(burst: Run, rented: Burst, monkeypatch: pytest.MonkeyPatch) -> None:
    before = burst("forecast", rented.name, "--json")
    monkeypatch.setattr(clock, "today", lambda: datetime.date(2028, 1, 1))
    after = burst("forecast", rented.name, "--json")
    assert after.status == 0
    assert after.out == before.out
    assert "warning: the price of n1-standard-96+8xV100-16GB" in after.err
    assert after.err.count("\n") > before.err.count("\n")


def test_a_stack_that_is_not_there_is_refused_with_the_closest(burst: Run) -> None:
    found = burst("forecast", "locl")
    assert found.status == 2
    (refusal,) = found.refusals
    assert "no stack locl (did you mean local?)" in refusal


def test_all_mistakes_in_a_stack_are_told_at_once(burst: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "Pulumi.broken.yaml").write_text(
        "config:\n  hepburst:target: locl\n  hepburst:data: sample/fixed\n"
        "  hepburst:workload: {preset: demmo, num_epochs: 1}\n  hepburst:pool: {region: gcp/europe-west6}\n"
    )
    monkeypatch.setattr(project, "ROOT", tmp_path)
    found = burst("forecast", "broken")
    assert found.status == 2
    assert len(found.refusals) == 2
    assert all("did you mean" in refusal for refusal in found.refusals)


def test_a_stack_must_be_named(burst: Run) -> None:
    found = burst("forecast")
    assert found.status == 2
    assert "burst forecast --help" in found.refusals[0]
