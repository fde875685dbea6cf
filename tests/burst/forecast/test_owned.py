"""The forecast of a run on a machine that the user owns."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from burst import facts
from burst.calibration import Calibration, Confidence, store
from burst.calibration.machine import processor_name
from burst.facts import speeds
from burst.forecast import actual, forecast, owned
from burst.ranges import Range
from burst.spec import Burst, Dataset, Pool, Target, Workload
from trainer.contract import Precision, Preset, RunConfig, RunResult, RunStatus, Segment
from trainer.refusal import Refusal

DATASET = Dataset(path="showers.h5", sha256="0" * 64, num_showers=1500, image_shape=(25, 25, 25))
RUN = RunConfig(data_path="showers.h5", data_sha256="0" * 64, num_epochs=10)
BURST = Burst(
    name="local", workload=Workload(run=RUN, dataset=DATASET), pools=(Pool(target=Target.LOCAL, region="gcp/europe-west6"),)
)
OTHERS = facts.coefficient("other_cpu_seconds").value
"""Of a step's seconds on a processor that nobody measured."""


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


def measured(**changes: object) -> Calibration:
    """Like the run above, on this machine: half a second a step."""
    one = Calibration(
        processor=processor_name(),
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
    return replace(one, **changes)  # type: ignore[arg-type]  # test table


@pytest.fixture
def own_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Fills the user's own table."""
    monkeypatch.setattr(speeds, "OWN", tmp_path / "calibration.csv")

    def fill(*calibrations: Calibration) -> None:
        for each in calibrations:
            store(tmp_path / "calibration.csv", each)

    return fill


@pytest.fixture
def only_demo_is_shipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The shipped table has one row, of the demo in bf16 on another machine."""
    store(tmp_path / "trainer_speed.csv", measured(processor="a machine of ours"))
    monkeypatch.setattr(speeds, "SHIPPED", tmp_path / "trainer_speed.csv")


def test_an_owned_machine_costs_no_rent_and_says_what_is_left_out() -> None:
    cost = forecast(BURST)
    assert (cost.usd.low, cost.usd.high) == (0, 0)
    assert "electricity is not priced" in cost.basis[0]


@pytest.mark.usefixtures("only_demo_is_shipped")
def test_twice_the_epochs_take_twice_the_time_less_the_start() -> None:
    start = measured().start_seconds * OTHERS.expected
    once, twice = forecast(BURST).hours.expected * 3600, forecast(with_run(num_epochs=20)).hours.expected * 3600
    assert twice - start == pytest.approx(2 * (once - start))


def test_energy_is_busy_threads_times_watts_times_seconds() -> None:
    cost = forecast(with_run(threads_per_rank=2))
    watts = facts.cpu_power().busy_w
    assert cost.kwh.expected == pytest.approx(cost.hours.expected * 4 * watts.expected / 1000)
    assert cost.kwh.high == pytest.approx(cost.hours.high * 4 * watts.high / 1000)
    assert cost.kwh.low == pytest.approx(cost.hours.low * 4 * watts.low / 1000)


def test_carbon_follows_the_grid_of_the_region() -> None:
    elsewhere = replace(BURST, pools=(replace(BURST.pool, region="gcp/asia-east1"),))
    ratio = facts.grid_carbon("gcp/asia-east1").gco2e_per_kwh / facts.grid_carbon("gcp/europe-west6").gco2e_per_kwh
    assert forecast(elsewhere).kgco2e.expected == pytest.approx(ratio * forecast(BURST).kgco2e.expected)


def test_every_figure_names_its_source_and_date() -> None:
    basis = " ".join(forecast(BURST).basis)
    for fact in (facts.cpu_power(), facts.grid_carbon("gcp/europe-west6")):
        assert fact.source in basis
        assert fact.as_of in basis
    used = [each for each in speeds.shipped() if f"{each.showers_per_second_per_rank:.3g} showers/s" in basis]
    assert any(speed.processor in basis and speed.as_of in basis for speed in used)


def test_each_basis_is_one_short_line() -> None:
    for line in (*forecast(BURST).basis, *actual(BURST, finished(seconds=100, cpu_seconds=180)).basis):
        assert len(line) <= 115, line


def test_what_was_measured_has_no_range_in_time_and_keeps_one_in_watts() -> None:
    cost = actual(BURST, finished(seconds=100, cpu_seconds=180))
    assert cost.hours.low == cost.hours.high == pytest.approx(100 / 3600)
    assert cost.kwh.expected == pytest.approx(180 * facts.cpu_power().busy_w.expected / 3.6e6)
    assert cost.kwh.low < cost.kwh.expected < cost.kwh.high


def test_before_and_after_rest_on_the_same_snapshot() -> None:
    after = actual(BURST, finished(seconds=100, cpu_seconds=180))
    assert forecast(BURST).snapshot == after.snapshot == facts.snapshot()


def test_a_region_without_a_row_is_refused_with_the_closest() -> None:
    with pytest.raises(Refusal, match=r"did you mean gcp/europe-west6\?"):
        facts.grid_carbon("gcp/europe-wast6")


@pytest.mark.usefixtures("only_demo_is_shipped")
@pytest.mark.parametrize("change", [{"preset": Preset.PUBLISHED}, {"precision": Precision.FP32}])
def test_a_speed_that_nobody_measured_is_refused_with_the_table_to_fill(change: dict[str, object]) -> None:
    assert owned.training_seconds(BURST)[0].expected > 0
    with pytest.raises(Refusal, match=r"was never measured; expected a measurement in .*burst/facts/trainer_speed\.csv"):
        forecast(with_run(**change))


@pytest.mark.usefixtures("only_demo_is_shipped")
def test_a_speed_that_nobody_measured_is_refused_with_the_command_that_measures_it() -> None:
    with pytest.raises(Refusal, match=r"to mend it: burst calibrate --preset published --image 25x25x25 --precision bf16"):
        forecast(with_run(preset=Preset.PUBLISHED))


@pytest.mark.usefixtures("only_demo_is_shipped")
def test_the_time_on_another_machine_by_hand() -> None:
    """8 s of start, and ten epochs of 37 steps of 0.5 s with 2 s of evaluation; half to three times that elsewhere."""
    seconds, basis = owned.training_seconds(BURST)
    assert seconds.expected == pytest.approx((8 + 10 * (37 * 0.5 + 2)) * OTHERS.expected)
    assert seconds.low == pytest.approx((8 + 10 * (37 * 0.4 + 2)) * OTHERS.low)
    assert seconds.high == pytest.approx((8 + 10 * (37 * 0.75 + 2)) * OTHERS.high)
    assert any("assumption until burst calibrate" in line for line in basis)


def test_what_was_measured_on_this_machine_replaces_what_was_on_another(own_table: Callable[..., None]) -> None:
    before = owned.training_seconds(BURST)[0]
    own_table(measured())
    seconds, basis = owned.training_seconds(BURST)
    assert seconds.expected == pytest.approx(8 + 10 * (37 * 0.5 + 2))
    assert seconds.high / seconds.low < before.high / before.low
    assert "measured on this machine" in basis[0]


def test_what_was_measured_on_another_processor_says_nothing_here(own_table: Callable[..., None]) -> None:
    before = owned.training_seconds(BURST)
    own_table(measured(processor="V100-16GB"))
    assert owned.training_seconds(BURST) == before


def test_of_several_measurements_the_one_most_like_the_run_counts(own_table: Callable[..., None]) -> None:
    own_table(
        measured(batch_per_rank=8, seconds_per_step=0.41),
        measured(batch_per_rank=64, seconds_per_step=0.42),
        measured(num_ranks=1, seconds_per_step=0.43),
        measured(threads_per_rank=2, seconds_per_step=0.44),
        measured(seconds_per_step=0.45),
    )
    assert owned.training_seconds(BURST)[0].expected == pytest.approx(8 + 10 * (37 * 0.45 + 2))


def test_a_step_is_as_long_as_its_batch(own_table: Callable[..., None]) -> None:
    own_table(measured())
    seconds = owned.training_seconds(with_run(batch_per_rank=32))[0]
    assert seconds.expected == pytest.approx(8 + 10 * (18 * 2 * 0.5 + 2))


def test_the_published_network_on_cerns_image_is_its_own_measure() -> None:
    assert owned.relative_compute(Preset.PUBLISHED, (51, 51, 25)) == Range(1.0, 1.0, 1.0)


@pytest.mark.parametrize("preset", list(Preset))
def test_a_smaller_image_and_a_smaller_network_take_less(preset: Preset) -> None:
    relative = owned.relative_compute(preset, (25, 25, 25))
    assert 0 < relative.low <= relative.expected <= relative.high < 1


def test_a_batch_larger_than_the_data_is_refused() -> None:
    with pytest.raises(Refusal, match="600 or less"):
        with_run(batch_per_rank=601)
