"""How fast a shape trains a given work: ranks, memory, trainer and what the user has measured."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from burst import facts
from burst.calibration import Calibration, Confidence, store
from burst.facts import Offer, speeds
from burst.facts.epoch_times import NUM_SAMPLES, Platform
from burst.forecast import Work, epochs, fitting
from burst.forecast.pace import max_batch_per_rank, pace, relative_range
from burst.forecast.work import CERN_NUM_EPOCHS
from burst.ranges import Range
from burst.spec import Shape
from tests.burst.forecast.rentals import GCP_V100, by_shape, offers
from trainer.contract import Precision, Preset
from trainer.refusal import Refusal


def shape_of(name: str) -> Shape:
    return next(offer.shape for offer in facts.market().sound if offer.shape.name == name)


def ranks_of(shape: Shape) -> int:
    return shape.num_accelerators * facts.ranks_per_chip(shape.accelerator)


def measured_on(accelerator: str, seconds_per_step: float) -> Calibration:
    return Calibration(
        processor=accelerator,
        preset=Preset.PUBLISHED,
        image_shape=(51, 51, 25),
        precision=Precision.BF16,
        batch_per_rank=96,
        num_ranks=1,
        threads_per_rank=8,
        seconds_per_step_low=0.9 * seconds_per_step,
        seconds_per_step=seconds_per_step,
        seconds_per_step_high=1.1 * seconds_per_step,
        num_steps=50,
        start_seconds=60.0,
        evaluation_seconds=5.0,
        source="a test",
        as_of="2026-11-24",
        confidence=Confidence.HIGH,
    )


@pytest.mark.parametrize(
    ("name", "ranks"), [(GCP_V100, 8), ("v3-8", 8), ("v3-32", 32), ("v2-8", 8), ("v4-8", 4), ("BM.GPU3.8", 8)]
)
def test_a_node_has_a_rank_for_each_gpu_or_tpu_core(name: str, ranks: int) -> None:
    assert pace(Work(), shape_of(name)).ranks_per_node == ranks


@pytest.mark.parametrize("offer", [group[0] for group in by_shape()], ids=lambda offer: offer.shape.name)
def test_the_largest_batch_takes_no_more_memory_than_was_shown_to_fit(offer: Offer) -> None:
    accelerator = facts.accelerator(offer.shape.accelerator)
    memory_gb = accelerator.memory_gb / facts.ranks_per_chip(accelerator.name)
    shown = 128 / 8 if offer.shape.is_tpu else 96 / 16
    assert max_batch_per_rank(accelerator.name) / memory_gb <= shown
    assert (max_batch_per_rank(accelerator.name) + 1) / memory_gb > shown


@pytest.mark.parametrize(("row", "largest"), [(row, max_batch_per_rank(row.accelerator)) for row in facts.epoch_times.cern()])
def test_every_batch_that_cern_ran_is_allowed(row: facts.epoch_times.EpochTime, largest: int) -> None:
    assert row.batch_per_rank <= largest


@pytest.mark.parametrize("name", ["Standard_ND40rs_v2", "BM.GPU3.8", GCP_V100])
def test_a_v100_of_more_memory_computes_as_fast_as_one_of_less(name: str) -> None:
    speed = pace(Work(), shape_of(name))
    assert not speed.is_extrapolated
    assert speed.model.seconds_per_sample == fitting.gke().models["V100-16GB"].seconds_per_sample


def test_cerns_trainer_on_gke_is_cerns_curve_itself() -> None:
    speed = pace(Work(implementation=facts.CERN), shape_of(GCP_V100))
    assert speed.model == fitting.gke().models["V100-16GB"]
    assert speed.platform_factor == 1.0


def test_our_trainer_drops_the_last_batch_and_cerns_does_so_on_tpus_alone() -> None:
    keeps = {
        (name, shape): pace(Work(implementation=name), shape_of(shape)).model.keeps_last_batch
        for name in (facts.CERN, facts.OURS)
        for shape in (GCP_V100, "v3-8")
    }
    assert [key for key, kept in keeps.items() if kept] == [(facts.CERN, GCP_V100)]


@given(offer=offers(), nodes=st.integers(1, 16), batch=st.integers(2, 96))
def test_a_relative_range_lies_around_one(offer: Offer, nodes: int, batch: int) -> None:
    nodes = 1 if offer.shape.is_tpu else nodes
    relative = relative_range(
        Work(), offer.shape, num_nodes=nodes, num_ranks=nodes * ranks_of(offer.shape), batch_per_rank=batch
    )
    assert relative.expected == pytest.approx(1.0, rel=1e-12)
    assert 0 < relative.low < 1 < relative.high


@given(offer=offers(), low=st.floats(0.05, 1.0), high=st.floats(1.0, 20.0))
def test_a_compute_that_is_less_known_never_narrows_the_range(offer: Offer, low: float, high: float) -> None:
    exact, vague = (
        relative_range(Work(compute=compute), offer.shape, num_nodes=1, num_ranks=ranks_of(offer.shape), batch_per_rank=8)
        for compute in (Range.exactly(1.0), Range(low, 1.0, high))
    )
    assert vague.low <= exact.low
    assert exact.high <= vague.high


def test_a_smaller_network_computes_in_proportion_and_its_overheads_stay() -> None:
    whole, tenth = (pace(Work(compute=Range.exactly(share)), shape_of(GCP_V100)).model for share in (1.0, 0.1))
    assert tenth.seconds_per_sample == pytest.approx(0.1 * whole.seconds_per_sample)
    assert replace(tenth, seconds_per_sample=whole.seconds_per_sample) == whole


def test_a_provider_that_nobody_measured_scatters_as_azure_does() -> None:
    google, oracle = (
        relative_range(Work(), shape_of(name), num_nodes=1, num_ranks=8, batch_per_rank=96) for name in (GCP_V100, "BM.GPU3.8")
    )
    assert oracle.low < google.low
    assert google.high < oracle.high


def test_a_probe_on_an_accelerator_moves_cerns_curve_and_narrows_its_range(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shape, work = shape_of(GCP_V100), Work()
    before = relative_range(work, shape, num_nodes=4, num_ranks=4 * ranks_of(shape), batch_per_rank=96)
    monkeypatch.setattr(speeds, "OWN", tmp_path / "calibration.csv")
    model_seconds = fitting.gke().models["V100-16GB"].step_seconds(96.0, 1.0)
    store(speeds.OWN, measured_on("V100-16GB", 1.3 * model_seconds))
    speed = pace(work, shape)
    after = relative_range(work, shape, num_nodes=4, num_ranks=4 * ranks_of(shape), batch_per_rank=96)
    assert speed.platform_factor == pytest.approx(1.3, rel=1e-3)
    assert after.high / after.low < before.high / before.low


def test_a_probe_of_an_accelerator_that_cern_did_not_measure_ends_its_extrapolation(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shape, work = shape_of("a2-highgpu-1g"), Work()
    before = relative_range(work, shape, num_nodes=1, num_ranks=ranks_of(shape), batch_per_rank=96)
    assert pace(work, shape).is_extrapolated
    monkeypatch.setattr(speeds, "OWN", tmp_path / "calibration.csv")
    store(speeds.OWN, measured_on("A100-40GB", 2.0))
    after = relative_range(work, shape, num_nodes=1, num_ranks=ranks_of(shape), batch_per_rank=96)
    speed = pace(work, shape)
    assert not speed.is_extrapolated
    assert speed.platform_factor * speed.model.step_seconds(96.0, 1.0) == pytest.approx(2.0, rel=1e-3)
    assert after.high / after.low < before.high / before.low / 2


def test_a_probe_of_our_trainer_says_nothing_of_cerns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    work = Work(implementation=facts.CERN)
    before = pace(work, shape_of(GCP_V100))
    monkeypatch.setattr(speeds, "OWN", tmp_path / "calibration.csv")
    store(speeds.OWN, measured_on("V100-16GB", 9.0))
    assert pace(work, shape_of(GCP_V100)) == before


def test_azure_ml_is_slower_than_gke_by_what_its_runs_say() -> None:
    google, azure = (epochs.platform_factor(platform) for platform in (Platform.GKE, Platform.AZURE_ML))
    assert google == 1.0
    assert 1.0 < azure < 1.1
    speeds_of_v100 = [pace(Work(), shape_of(name)) for name in (GCP_V100, "Standard_ND40rs_v2", "BM.GPU3.8")]
    assert [speed.platform_factor for speed in speeds_of_v100] == [google, azure, google]


def test_work_without_an_end_is_our_mistake() -> None:
    with pytest.raises(AssertionError):
        Work(num_epochs=None)


@pytest.mark.parametrize("changes", [{"num_samples": 0}, {"num_epochs": 0}, {"num_epochs": None, "num_updates": -1}])
def test_no_work_is_refused(changes: dict[str, int | None]) -> None:
    with pytest.raises(Refusal, match="expected 1 or more"):
        Work(**changes)  # type: ignore[arg-type]  # test table


def test_a_mistyped_trainer_is_refused_with_the_closest() -> None:
    with pytest.raises(Refusal, match=r"did you mean cern-tensorflow\?"):
        Work(implementation="cern-tensorflo")


def test_work_is_cerns_full_training_unless_told_otherwise() -> None:
    work = Work()
    assert (work.num_samples, work.num_epochs) == (NUM_SAMPLES, CERN_NUM_EPOCHS) == (124_987, 60)
