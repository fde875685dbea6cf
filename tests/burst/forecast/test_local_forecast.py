"""The forecast of a run on a machine that the user owns."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from burst import facts
from burst.facts import tables
from burst.forecast import actual, forecast
from burst.forecast.timing import training_seconds
from burst.spec import Burst, Dataset, Pool, Target, Workload
from trainer.contract import Precision, Preset, RunConfig, RunResult, RunStatus, Segment
from trainer.refusal import Refusal

DATASET = Dataset(path="showers.h5", sha256="0" * 64, num_showers=1500, image_shape=(25, 25, 25))
RUN = RunConfig(data_path="showers.h5", data_sha256="0" * 64, num_epochs=10)
BURST = Burst(
    name="local", workload=Workload(run=RUN, dataset=DATASET), pool=Pool(target=Target.LOCAL, region="gcp/europe-west6")
)


def with_run(**changes: object) -> Burst:
    return replace(BURST, workload=replace(BURST.workload, run=replace(RUN, **changes)))  # type: ignore[arg-type]  # test table


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


def test_an_owned_machine_costs_no_rent_and_says_what_is_left_out() -> None:
    cost = forecast(BURST)
    assert (cost.usd.low, cost.usd.high) == (0, 0)
    assert "electricity is not priced" in cost.basis[0]


def test_twice_the_epochs_take_twice_the_time_less_the_start() -> None:
    start = facts.trainer_speed(RUN.preset, DATASET.image_shape, RUN.precision).start_seconds
    once, twice = forecast(BURST).hours.expected * 3600, forecast(with_run(num_epochs=20)).hours.expected * 3600
    assert twice - start == pytest.approx(2 * (once - start))


def test_energy_is_busy_threads_times_watts_times_seconds() -> None:
    cost = forecast(with_run(threads_per_rank=2))
    watts = facts.cpu_power()
    assert cost.kwh.expected == pytest.approx(cost.hours.expected * 4 * watts.expected_w / 1000)
    assert cost.kwh.high == pytest.approx(cost.hours.high * 4 * watts.high_w / 1000)


def test_carbon_follows_the_grid_of_the_region() -> None:
    elsewhere = replace(BURST, pool=replace(BURST.pool, region="gcp/asia-east1"))
    ratio = facts.grid_carbon("gcp/asia-east1").gco2e_per_kwh / facts.grid_carbon("gcp/europe-west6").gco2e_per_kwh
    assert forecast(elsewhere).kgco2e.expected == pytest.approx(ratio * forecast(BURST).kgco2e.expected)


def test_every_figure_names_its_source_and_date() -> None:
    basis = " ".join(forecast(BURST).basis)
    for fact in (facts.cpu_power(), facts.grid_carbon("gcp/europe-west6")):
        assert fact.source in basis
        assert fact.as_of in basis


def test_each_basis_is_one_short_line() -> None:
    for line in (*forecast(BURST).basis, *actual(BURST, finished(seconds=100, cpu_seconds=180)).basis):
        assert len(line) <= 115, line


def test_what_was_measured_has_no_range_in_time_and_keeps_one_in_watts() -> None:
    cost = actual(BURST, finished(seconds=100, cpu_seconds=180))
    assert cost.hours.low == cost.hours.high == pytest.approx(100 / 3600)
    assert cost.kwh.expected == pytest.approx(180 * facts.cpu_power().expected_w / 3.6e6)
    assert cost.kwh.low < cost.kwh.expected < cost.kwh.high


def test_a_region_without_a_row_is_refused_with_the_closest() -> None:
    with pytest.raises(Refusal, match=r"did you mean gcp/europe-west6\?"):
        facts.grid_carbon("gcp/europe-wast6")


@pytest.fixture
def only_demo_is_measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A table of speeds with one row, of the demo in bf16."""
    header = "preset,image_shape,precision,showers_per_second_per_rank,slowest_factor,fastest_factor,start_seconds,"
    row = "demo,25x25x25,bf16,50,0.5,2,8,2,other CPUs,a test,2026-11-23"
    (tmp_path / "trainer_speed.csv").write_text(f"{header}evaluation_seconds,factor_source,source,as_of\n{row}\n")
    monkeypatch.setattr(tables, "_FOLDER", tmp_path)
    facts.trainer_speed.cache_clear()
    yield
    facts.trainer_speed.cache_clear()


@pytest.mark.usefixtures("only_demo_is_measured")
@pytest.mark.parametrize("change", [{"preset": Preset.PUBLISHED}, {"precision": Precision.FP32}])
def test_a_speed_that_nobody_measured_is_refused_with_the_table_to_fill(change: dict[str, object]) -> None:
    assert training_seconds(BURST).expected > 0
    with pytest.raises(Refusal, match=r"was never measured; expected a row in burst/facts/trainer_speed.csv"):
        forecast(with_run(**change))


def test_a_batch_larger_than_the_data_is_refused() -> None:
    with pytest.raises(Refusal, match="600 or less"):
        with_run(batch_per_rank=601)
