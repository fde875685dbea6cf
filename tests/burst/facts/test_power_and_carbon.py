"""Watts, shares, buildings and grids: physical, ordered, and known by name."""

from __future__ import annotations

import pytest

from burst import facts
from burst.facts import rows
from trainer.refusal import Refusal


def test_every_accelerator_is_physical() -> None:
    for accelerator in facts.accelerators().values():
        assert accelerator.memory_gb >= 16
        assert 300 <= accelerator.memory_gb_per_second < 10_000
        if accelerator.tdp_w is not None:
            assert 50 <= accelerator.tdp_w <= 1500
            assert (accelerator.idle_w or 0.0) < accelerator.tdp_w


def test_an_accelerator_without_published_power_has_none_instead_of_a_guess() -> None:
    unpublished = {name for name, accelerator in facts.accelerators().items() if accelerator.tdp_w is None}
    assert unpublished == {"TPU-v5e", "TPU-v5p", "TPU-v6e"}


@pytest.mark.parametrize(("given", "meant"), [("V100-16", "V100-16GB"), ("TPUv3", "TPU-v3"), ("H100-80G", "H100-80GB")])
def test_a_mistyped_accelerator_gets_the_closest(given: str, meant: str) -> None:
    with pytest.raises(Refusal, match=rf"no accelerator {given} \(did you mean {meant}\?\)"):
        facts.accelerator(given)


@pytest.mark.parametrize(("name", "ranks"), [("TPU-v2", 2), ("TPU-v3", 2), ("TPU-v4", 1), ("TPU-v5e", 1), ("V100-16GB", 1)])
def test_a_chip_has_its_cores_as_ranks_where_they_are_devices_of_their_own(name: str, ranks: int) -> None:
    assert facts.ranks_per_chip(name) == ranks


def test_a_cpu_that_is_not_known_draws_what_some_known_one_draws() -> None:
    power, families = facts.cpu_power(), rows.rows("cpu_power.csv")
    for name, watts in (("min_w_per_vcpu", power.idle_w), ("max_w_per_vcpu", power.busy_w)):
        known = [float(row[name]) for row in families]
        assert (watts.low, watts.high) == (min(known), max(known))
        assert watts.expected in known
    for idle, busy in zip((power.idle_w.low, power.idle_w.high), (power.busy_w.low, power.busy_w.high), strict=True):
        assert idle < busy


@pytest.mark.parametrize("name", ["gpu_power_share", "host_cpu_utilisation"])
def test_a_share_is_between_nothing_and_all(name: str) -> None:
    value = facts.coefficient(name).value
    assert 0 < value.low <= value.expected <= value.high <= 1


def test_a_coefficient_is_there_or_it_is_not() -> None:
    assert facts.has_coefficient("system_w_per_chip TPU-v3")
    assert not facts.has_coefficient("system_w_per_chip TPU-v5e")


def test_a_building_never_takes_less_than_its_machines() -> None:
    for row in rows.rows("pue.csv"):
        assert 1 < float(row["pue"]) < 2


def test_a_region_with_a_pue_of_its_own_has_no_range() -> None:
    pue = facts.pue("azure", "southeastasia").value
    assert pue.low == pue.expected == pue.high == 1.34


@pytest.mark.parametrize("provider", ["gcp", "azure", "oci"])
def test_a_region_without_one_lies_among_the_known(provider: str) -> None:
    known = [float(row["pue"]) for row in rows.rows("pue.csv") if row["provider"] == provider]
    pue = facts.pue(provider, "a region without a row").value
    assert (pue.low, pue.high) == (min(known), max(known))


def test_a_building_of_ones_own_lies_between_the_best_and_the_average() -> None:
    pue = facts.pue("own", "*")
    assert (pue.value.low, pue.value.expected, pue.value.high) == (1.1, 1.3, 1.6)
    assert pue.source.startswith("assumption:")


def test_a_provider_without_a_pue_is_refused() -> None:
    with pytest.raises(Refusal, match=r"no PUE for aws; expected a row in burst/facts/pue\.csv"):
        facts.pue("aws", "us-east-1")


def test_every_grid_is_physical() -> None:
    for grid in facts.grids().values():
        assert 0 < grid.gco2e_per_kwh < 1200
        assert grid.carbon_free_share is None or 0 <= grid.carbon_free_share <= 1


def test_only_google_publishes_what_it_buys_carbon_free() -> None:
    assert {place.partition("/")[0] for place, grid in facts.grids().items() if grid.carbon_free_share is not None} == {"gcp"}


@pytest.mark.parametrize(
    ("given", "meant"),
    [("gcp/europe-wast6", "gcp/europe-west6"), ("azure/westeurop", "azure/westeurope"), ("oci/eu-zurich", "oci/eu-zurich-1")],
)
def test_a_mistyped_region_gets_the_closest(given: str, meant: str) -> None:
    with pytest.raises(Refusal, match=rf"did you mean {meant}\?"):
        facts.grid_carbon(given)
