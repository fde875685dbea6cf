"""A burst in a cluster of one's own: no price, our trainer's or CERN's speed, watts and a building of one's own."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from burst import facts
from burst.calibration import Calibration, Confidence, store
from burst.calibration.machine import processor_name
from burst.cluster import Cluster, ClusterAccess, ExistingClaim, NodeGroup, Workers
from burst.facts import offers, speeds
from burst.facts.epoch_times import NUM_SAMPLES, Platform
from burst.forecast import Cost, actual, epochs, forecast, own_nodes, warnings
from burst.forecast.pace import PLATFORMS
from burst.ranges import Range
from burst.spec import OWN_PROVIDER, Burst, Dataset, Pool, Purchase, Shape, Target, Workload
from trainer.contract import Precision, Preset, RunConfig, RunResult, RunStatus, Segment
from trainer.refusal import Refusal

V100 = "V100-16GB"
CERN = Dataset(path="cern.h5", sha256="0" * 64, num_showers=138_875, image_shape=(51, 51, 25))
"""Nine of ten are for training: as many as CERN's."""
SMALL = Dataset(path="showers.h5", sha256="0" * 64, num_showers=1500, image_shape=(25, 25, 25))
XEON = "Intel(R) Xeon(R) Gold 6130 CPU @ 2.10GHz"
PUE = facts.pue(OWN_PROVIDER, "*").value


def burst(
    accelerator: str = V100,
    *,
    num_workers: int = 16,
    slots: int = 8,
    processor: str = "",
    region: str = "gcp/europe-west6",
    **run: object,
) -> Burst:
    """Workers with so many ranks each, of 4 CPUs and 16 GiB a rank; on V100s CERN's training, on CPUs the small one."""
    dataset = CERN if accelerator else SMALL
    of_its_kind = {"preset": Preset.PUBLISHED, "batch_per_rank": 96, "num_epochs": 60} if accelerator else {"num_epochs": 10}
    values = {"test_fraction": 0.1, **of_its_kind, **run} if accelerator else {**of_its_kind, **run}
    config = RunConfig(data_path=dataset.path, data_sha256=dataset.sha256, num_ranks=num_workers * slots, **values)  # type: ignore[arg-type]  # test table
    workers = Workers(
        groups=(NodeGroup(num_nodes=num_workers, ranks_per_node=slots),),
        cpus_per_rank=4,
        memory_gib_per_rank=16,
        accelerator=accelerator,
    )
    shape = Shape(
        provider=OWN_PROVIDER,
        name=f"{slots} x {accelerator or 'CPU rank'}",
        accelerator=accelerator,
        num_accelerators=slots if accelerator else 0,
        vcpus=4 * slots,
        memory_gib=16 * slots,
    )
    return Burst(
        name="onprem",
        workload=Workload(run=config, dataset=dataset),
        pools=(Pool(target=Target.KUBERNETES, region=region, shape=shape, num_nodes=num_workers, processor=processor),),
        cluster=Cluster(
            access=ClusterAccess(kubeconfig="", context="", namespace="hepburst"),
            workers=workers,
            volume=ExistingClaim(name="runs"),
            image="registry.example.org/trainer@sha256:0",
        ),
    )


def on_cpus(num_workers: int = 2, slots: int = 1, **changes: object) -> Burst:
    return burst("", num_workers=num_workers, slots=slots, **changes)  # type: ignore[arg-type]  # test table


def finished(seconds: float, cpu_seconds: float) -> RunResult:
    return RunResult(
        run_id="r",
        lineage_id="l",
        status=RunStatus.SUCCEEDED,
        message="",
        num_epochs=10,
        num_steps=370,
        num_ranks=2,
        train_seconds=seconds,
        samples_per_second=100.0,
        segments=(
            Segment(started_unix_seconds=0.0, seconds=seconds / 2, cpu_seconds=cpu_seconds / 2),
            Segment(started_unix_seconds=1e6, seconds=seconds / 2, cpu_seconds=cpu_seconds / 2),
        ),
        losses={},
        physics={},
        checkpoint="",
        checkpoint_sha256="",
        environment={},
    )


@pytest.fixture
def calibrated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Writes a measurement of the user's own on a processor: half a second a step of 16 showers, 2 ranks on one node."""
    monkeypatch.setattr(speeds, "OWN", tmp_path / "calibration.csv")

    def measure(processor: str) -> None:
        measured = Calibration(
            processor=processor,
            preset=Preset.DEMO,
            image_shape=(25, 25, 25),
            precision=Precision.BF16,
            batch_per_rank=16,
            num_ranks=2,
            threads_per_rank=1,
            seconds_per_step_low=0.4,
            seconds_per_step=0.5,
            seconds_per_step_high=0.75,
            num_steps=50,
            start_seconds=8.0,
            evaluation_seconds=2.0,
            source="a test",
            as_of="2026-11-24",
            confidence=Confidence.HIGH,
        )
        store(tmp_path / "calibration.csv", measured)

    return measure


@pytest.mark.parametrize("one", [burst(), on_cpus()], ids=["V100", "CPUs"])
def test_no_price_list_is_needed(one: Burst, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> offers.Market:
        raise AssertionError("the price list was read")

    monkeypatch.setattr(offers, "market", refuse)
    monkeypatch.setattr(facts, "market", refuse)
    cost = forecast(one)
    assert cost.usd == Range.exactly(0.0)
    assert "usd" not in cost.items
    assert "electricity is not priced" in cost.basis[0]
    assert warnings(one, datetime.date(2040, 1, 1)) == []


@pytest.mark.parametrize(
    "one", [burst(), on_cpus(), burst("H100-80GB"), on_cpus(1)], ids=["V100", "CPUs", "H100", "one worker"]
)
def test_items_add_up_and_every_range_is_one(one: Burst) -> None:
    cost = forecast(one)
    for quantity, found in (("hours", cost.hours), ("kwh", cost.kwh)):
        parts = cost.items[quantity].values()
        for end in ("low", "expected", "high"):
            assert sum(getattr(part, end) for part in parts) == pytest.approx(getattr(found, end))
        assert 0 < found.low < found.expected < found.high
    assert cost.waiting_hours is not None
    assert cost.waiting_hours.low == 0


@pytest.mark.parametrize("one", [burst(), on_cpus()], ids=["V100", "CPUs"])
def test_each_line_that_is_told_fits_and_names_what_it_assumes(one: Burst) -> None:
    found = forecast(one), actual(one, finished(100, 180))
    lines = [line for cost in found for line in cost.basis if not line.startswith("physics")]
    assert max(map(len, lines)) <= 120
    assert all(any("PUE 1.1 to 1.6" in line and "assumption" in line for line in cost.basis) for cost in found)


def test_sixteen_nodes_of_eight_v100s_by_hand() -> None:
    """CERN's 128 V100s: epochs of 10 steps of 96 showers a rank, each with its validation and checkpoint; pods in 165 s."""
    cost, model = forecast(burst()), epochs.model(Platform.GKE, V100)
    epoch = 2.99611 + 10 * 96 * 0.0255886 + 10 * (0.287673 + 15 * 0.0118685) + 5
    assert model.epoch_seconds(float(NUM_SAMPLES), 96.0, 128.0, 16.0) == pytest.approx(33.1, rel=0.01)  # with the last batch
    training, checkpoints = 60 * epoch + 126.78, (60 * epoch + 126.78) / epoch * 1
    pods = 120 + 8 + 37
    assert cost.hours.expected == pytest.approx((pods + training + checkpoints) / 3600, rel=1e-4)

    busy_w = 8 * 0.65 * 300 + 32 * (0.68 + 0.35 * (4.11 - 0.68)) + 0.392 * 128
    idle_w = 8 * 35 + 32 * 0.68 + 0.392 * 128
    kwh = 1.3 * 16 * (busy_w * (training + checkpoints) + idle_w * pods) / 3.6e6
    assert cost.kwh.expected == pytest.approx(kwh, rel=1e-4)
    assert cost.kgco2e.expected == pytest.approx(kwh * facts.grid_carbon("gcp/europe-west6").gco2e_per_kwh / 1000, rel=1e-4)


def test_a_cluster_that_nobody_measured_is_known_less_well_than_gke() -> None:
    """Ours takes half to twice CERN's time; the fit's and Azure ML's scatter come on top."""
    training = forecast(burst()).items["hours"]["training"]
    assert training.high > 2 * training.expected
    assert training.low < training.expected / 2


def test_two_workers_on_cpus_by_hand(calibrated: Callable[[str], None]) -> None:
    """8 s of start; ten epochs of 37 steps of 0.5 s, 11.9 ms over the network, 2 s of evaluation; 128 s for image and pods."""
    calibrated(XEON)
    cost = forecast(on_cpus(processor=XEON, threads_per_rank=1))
    training = 8 + 10 * (37 * (0.5 + 0.0119) + 2)
    assert cost.hours.expected == pytest.approx((128 + training) / 3600)
    assert cost.hours.low == pytest.approx((0 + 5 + 8 + 10 * (37 * 0.4 + 2)) / 3600)
    assert cost.hours.high == pytest.approx((900 + 60 + 8 + 10 * (37 * (0.75 + 0.1) + 2)) / 3600)
    kwh = 1.3 * (2 * training * 4.11 + 2 * 16 * 0.392 * (128 + training)) / 3.6e6
    assert cost.kwh.expected == pytest.approx(kwh)
    assert any(f"measured on {XEON}" in line for line in cost.basis)


def test_processors_that_nobody_measured_have_the_range_of_others(calibrated: Callable[[str], None]) -> None:
    other = facts.coefficient("other_cpu_seconds").value
    unknown = own_nodes.cost(on_cpus(num_workers=1))
    alone = unknown.items["hours"]["training"]
    assert alone.high / alone.low >= other.high / other.low
    assert any("as long there (an assumption until burst calibrate" in line for line in unknown.basis)
    calibrated(processor_name())
    after = forecast(on_cpus(num_workers=1))
    assert after.items["hours"] == unknown.items["hours"], "what this machine does says nothing of the cluster's nodes"


def test_one_worker_has_no_network() -> None:
    assert not any("further worker" in line for line in forecast(on_cpus(1)).basis)
    assert any("for each further worker" in line for line in forecast(on_cpus(2)).basis)


def test_the_wait_for_each_further_worker_is_what_was_fitted_on_gke() -> None:
    fitted = epochs.model(Platform.GKE, V100).seconds_per_step_and_node
    assert facts.coefficient(own_nodes.NETWORK).value.expected == pytest.approx(fitted, rel=0.01)


@settings(max_examples=40)
@given(num_workers=st.integers(1, 63), accelerator=st.sampled_from([V100, "A100-40GB", ""]))
def test_twice_the_workers_are_never_slower(num_workers: int, accelerator: str) -> None:
    slots, batch = (4, 16) if accelerator else (1, 4)
    once, twice = (
        forecast(burst(accelerator, num_workers=number, slots=slots, batch_per_rank=batch)).items["hours"]["training"]
        for number in (num_workers, 2 * num_workers)
    )
    assert twice.expected <= once.expected
    assert twice.low <= once.low


@pytest.mark.parametrize("slots", [1, 2, 4, 8])
def test_as_many_ranks_on_fewer_nodes_are_never_slower(slots: int) -> None:
    here, spread = (forecast(burst(num_workers=32 // each, slots=each)).hours.expected for each in (8, slots))
    assert here <= spread


def test_nobody_takes_the_nodes_back() -> None:
    cost = forecast(burst())
    assert "checkpoints" in cost.items["hours"]
    assert not any("interruptions" in item for item in cost.items["hours"])
    assert "teardown" not in cost.items["hours"]


def test_what_google_buys_for_its_region_is_not_the_clusters() -> None:
    assert facts.grid_carbon("gcp/europe-west6").carbon_free_share is not None
    assert forecast(burst()).kgco2e_market is None
    assert forecast(burst()).to_output()["kgco2e_market"] is None


@pytest.mark.parametrize(
    ("accelerator", "refusal"),
    [
        ("V100-16", r"no accelerator V100-16 \(did you mean V100-16GB\?\)"),
        ("MI300X-192GB", "this is an AMD GPU; expected an NVIDIA GPU"),
        ("TPU-v3", "Google rents TPUs and sells none"),
        ("TPU-v5e", "Google rents TPUs and sells none"),
    ],
)
def test_an_accelerator_without_facts_is_refused(accelerator: str, refusal: str) -> None:
    with pytest.raises(Refusal, match=refusal):
        forecast(burst(accelerator))


def test_a_batch_beyond_the_memory_is_refused() -> None:
    with pytest.raises(Refusal, match=r"a batch of 97 on V100-16GB; expected 96 or less"):
        forecast(burst(batch_per_rank=97))


def test_a_training_that_nobody_measured_on_a_cpu_is_refused_with_the_command_that_measures_it() -> None:
    small = on_cpus()
    large = replace(small, workload=replace(small.workload, dataset=replace(SMALL, image_shape=(51, 51, 25))))
    with pytest.raises(Refusal, match=r"burst calibrate --preset demo --image 51x51x25"):
        forecast(large)


def test_what_cpu_ranks_did_cost_is_their_cpu_time_their_memory_and_the_building() -> None:
    cost = actual(on_cpus(), finished(seconds=100, cpu_seconds=180))
    watts, memory = facts.cpu_power().busy_w, facts.coefficient("memory_w_per_gib").value * 32
    assert cost.hours == Range.exactly(100 / 3600)
    for end in ("low", "expected", "high"):
        machines = (180 * getattr(watts, end) + 100 * getattr(memory, end)) / 3.6e6
        assert getattr(cost.kwh, end) == pytest.approx(getattr(PUE, end) * machines)


def test_what_accelerators_did_cost_is_their_time_at_the_power_of_nodes_that_train() -> None:
    cost = actual(burst(), finished(seconds=3600, cpu_seconds=1))
    busy_w = 8 * 0.65 * 300 + 32 * (0.68 + 0.35 * (4.11 - 0.68)) + 0.392 * 128
    assert cost.kwh.expected == pytest.approx(1.3 * 16 * busy_w / 1000)
    assert cost.kwh.low < cost.kwh.expected < cost.kwh.high


@pytest.mark.parametrize("one", [burst(), on_cpus(2, 2)], ids=["V100", "CPUs"])
def test_a_run_that_goes_as_expected_costs_what_was_expected_but_for_the_start_of_its_pods(one: Burst) -> None:
    before, run = forecast(one), one.workload.run
    seconds = (before.hours.expected - before.items["hours"]["set-up"].expected) * 3600
    after = actual(one, finished(seconds, seconds * run.num_ranks * run.threads_per_rank))
    part = "accelerators" if one.pool.num_accelerators else "CPUs"
    assert after.items["kwh"][part].expected == pytest.approx(before.items["kwh"][part].expected, rel=0.02)
    assert after.items["kwh"].keys() == before.items["kwh"].keys()
    assert before.kwh.low < after.kwh.expected < before.kwh.expected
    assert after.snapshot == before.snapshot


def test_the_output_has_the_names_of_every_other_forecast() -> None:
    shown: list[Cost] = [forecast(burst()), forecast(on_cpus()), actual(burst(), finished(10, 20))]
    for cost in shown:
        named = cost.to_output().keys()
        assert {"usd", "hours", "kwh", "kgco2e", "kgco2e_market", "basis", "facts"} <= named
        assert named <= {"usd", "hours", "kwh", "kgco2e", "kgco2e_market", "waiting_hours", "items", "basis", "facts"}


def test_every_target_but_this_machine_has_somebodys_measurements() -> None:
    assert set(PLATFORMS) == set(Target) - {Target.LOCAL}


def test_nobody_offers_a_cluster_of_ones_own() -> None:
    market = facts.market()
    every = [*market.sound, *(unsound.offer for unsound in market.unsound)]
    assert all(offer.shape.provider != OWN_PROVIDER and offer.purchase is not Purchase.OWNED for offer in every)
