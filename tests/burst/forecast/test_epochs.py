"""An epoch's range on any layout: it holds what was measured, orders what is physical, and is wide where nobody measured."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from burst import facts
from burst.facts import epoch_times
from burst.facts.epoch_times import NUM_SAMPLES, EpochTime, Platform
from burst.forecast import epochs
from burst.forecast.epochs import jackknife_plus

CERN = epoch_times.cern()
FAST = [row for row in CERN if row.has_prefetch or row.platform is not Platform.GKE]
GPUS = ("V100-16GB", "P100-16GB", "T4-16GB", "A100-80GB", "H100-80GB")
TPUS = ("TPU-v2", "TPU-v3", "TPU-v4")
LAYOUTS = st.tuples(st.sampled_from([1, 2, 4, 8]), st.integers(1, 32), st.integers(2, 256))


def run(
    platform: Platform = Platform.GKE,
    accelerator: str = "V100-16GB",
    *,
    ranks: int = 32,
    nodes: int = 4,
    batch: int = 96,
    prefetch: bool = True,
) -> EpochTime:
    return EpochTime(
        platform=platform,
        accelerator=accelerator,
        num_ranks=ranks,
        num_nodes=nodes,
        batch_per_rank=batch,
        has_prefetch=prefetch,
        epoch_seconds=1.0,
        first_epoch_seconds=None,
        source="",
    )


def any_run(platform: Platform, accelerator: str, layout: tuple[int, int, int], *, prefetch: bool = True) -> EpochTime:
    per_node, nodes, batch = layout
    return run(platform, accelerator, ranks=per_node * nodes, nodes=nodes, batch=batch, prefetch=prefetch)


@pytest.mark.parametrize("row", CERN, ids=lambda row: f"{row.platform}-{row.num_ranks}-{row.num_nodes}-{row.batch_per_rank}")
def test_every_measured_epoch_lies_in_its_range(row: EpochTime) -> None:
    assert row.epoch_seconds in epochs.predict(row)


@pytest.mark.parametrize("row", FAST, ids=lambda row: f"{row.platform}-{row.num_ranks}-{row.num_nodes}-{row.batch_per_rank}")
def test_every_measured_epoch_is_near_its_expected_time(row: EpochTime) -> None:
    bound = 0.15 if row.platform is Platform.AZURE_ML else 0.02
    assert abs(epochs.predict(row).expected / row.epoch_seconds - 1) < bound


@pytest.mark.parametrize("row", CERN, ids=lambda row: f"{row.platform}-{row.num_ranks}-{row.num_nodes}-{row.batch_per_rank}")
def test_a_prediction_does_not_look_at_what_was_measured(row: EpochTime) -> None:
    assert epochs.predict(replace(row, epoch_seconds=1.0, first_epoch_seconds=None, source="")) == epochs.predict(row)


@given(
    platform=st.sampled_from([Platform.GKE, Platform.AZURE_ML]),
    accelerator=st.sampled_from(GPUS),
    layout=LAYOUTS,
    prefetch=st.booleans(),
)
def test_every_range_of_gpus_is_ordered_and_finite(
    platform: Platform, accelerator: str, layout: tuple[int, int, int], prefetch: bool
) -> None:
    predicted = epochs.predict(any_run(platform, accelerator, layout, prefetch=prefetch))
    assert 0 < predicted.low <= predicted.expected <= predicted.high < math.inf


@given(accelerator=st.sampled_from(TPUS), ranks=st.integers(1, 2048), batch=st.integers(2, 512))
def test_every_range_of_tpus_is_ordered_and_finite(accelerator: str, ranks: int, batch: int) -> None:
    predicted = epochs.predict(run(Platform.TPU, accelerator, ranks=ranks, nodes=-(-ranks // 8), batch=batch))
    assert 0 < predicted.low <= predicted.expected <= predicted.high < math.inf


@given(accelerator=st.sampled_from(GPUS), layout=LAYOUTS)
def test_twice_the_nodes_for_the_same_ranks_are_never_faster(accelerator: str, layout: tuple[int, int, int]) -> None:
    few = any_run(Platform.GKE, accelerator, layout)
    many = replace(few, num_nodes=2 * few.num_nodes)
    assert epochs.predict(few).expected <= epochs.predict(many).expected * (1 + 1e-12)


@given(accelerator=st.sampled_from(GPUS), layout=LAYOUTS, larger=st.integers(1, 256))
def test_a_larger_batch_is_never_slower_on_gke(accelerator: str, layout: tuple[int, int, int], larger: int) -> None:
    small = any_run(Platform.GKE, accelerator, layout)
    large = replace(small, batch_per_rank=small.batch_per_rank + larger)
    assert epochs.predict(large).expected <= epochs.predict(small).expected * (1 + 1e-12)


@given(layout=LAYOUTS)
def test_without_prefetch_an_epoch_is_never_promised_faster(layout: tuple[int, int, int]) -> None:
    with_, without = (
        epochs.predict(any_run(Platform.GKE, "V100-16GB", layout, prefetch=prefetch)) for prefetch in (True, False)
    )
    assert without.expected >= with_.expected
    assert without.high >= with_.high


@given(layout=LAYOUTS)
def test_on_one_node_prefetch_makes_no_difference(layout: tuple[int, int, int]) -> None:
    one = replace(any_run(Platform.GKE, "V100-16GB", layout), num_nodes=1)
    assert epochs.predict(one) == epochs.predict(replace(one, has_prefetch=False))


def test_waiting_for_storage_widens_the_range() -> None:
    fed, waiting = (epochs.predict(run(ranks=64, nodes=8, prefetch=prefetch)) for prefetch in (True, False))
    assert waiting.high / waiting.low > fed.high / fed.low


@pytest.mark.parametrize("platform", [Platform.GKE, Platform.AZURE_ML])
def test_an_accelerator_that_nobody_measured_has_a_wide_range(platform: Platform) -> None:
    known, unknown = (run(platform, name) for name in ("V100-16GB", "A100-80GB"))
    assert not epochs.is_extrapolated(known)
    assert epochs.is_extrapolated(unknown)
    wide, narrow = epochs.predict(unknown), epochs.predict(known)
    assert wide.high / wide.low > 4
    assert narrow.high / narrow.low < 2


def test_a_tpu_generation_that_nobody_measured_has_a_wide_range() -> None:
    wide = epochs.predict(run(Platform.TPU, "TPU-v4", ranks=4, nodes=1))
    assert wide.high / wide.low > 4


def test_the_range_of_what_was_extrapolated_holds_each_measured_accelerator_scaled_from_the_others() -> None:
    seconds = {"V100-16GB": 0.0256, "TPU-v2": 0.0339, "TPU-v3": 0.0133}  # a sample on a chip, about as measured
    products = {name: value * facts.accelerator(name).memory_gb_per_second for name, value in seconds.items()}
    for name, product in products.items():
        others = [value for other, value in products.items() if other != name]
        ratio = product / math.exp(sum(map(math.log, others)) / len(others))
        assert ratio in epochs.extrapolation()


@pytest.mark.parametrize(
    ("faster", "slower"), [("H100-80GB", "A100-80GB"), ("A100-80GB", "V100-16GB"), ("V100-16GB", "T4-16GB")]
)
def test_more_bandwidth_is_faster(faster: str, slower: str) -> None:
    quick, slow = (facts.accelerator(name).memory_gb_per_second for name in (faster, slower))
    assert quick > slow
    assert epochs.predict(run(accelerator=faster)).expected < epochs.predict(run(accelerator=slower)).expected


def test_peak_arithmetic_plays_no_part() -> None:
    pcie, sxm = (epochs.scaled_seconds_per_sample(name) for name in ("V100-16GB-PCIe", "V100-32GB"))
    assert pcie == sxm, "one bandwidth, two peaks"


def test_azure_ml_scatters_by_a_tenth_at_least() -> None:
    scatter = epochs.azure_ml_scatter()
    assert scatter.low < 1 / 1.1
    assert scatter.high > 1.1


def test_a_tpu_batch_that_nobody_measured_widens_the_range() -> None:
    measured, half, double = (
        epochs.predict(run(Platform.TPU, "TPU-v3", ranks=8, nodes=1, batch=batch)) for batch in (128, 64, 256)
    )
    for other in (half, double):
        assert other.high / other.low > measured.high / measured.low


@given(ranks=st.sampled_from([8, 32]), batch=st.integers(2, 512))
def test_a_tpu_epoch_may_train_on_its_last_batch_after_all(ranks: int, batch: int) -> None:
    """Static shapes drop it; that CERN's code did so is concluded, not known."""
    predicted = epochs.predict(run(Platform.TPU, "TPU-v3", ranks=ranks, nodes=ranks // 8, batch=batch))
    exact = NUM_SAMPLES / (ranks * batch)
    assert predicted.high / predicted.expected >= exact / math.floor(exact) * (1 - 1e-12)


def test_a_tpu_slice_beyond_all_measured_ones_may_scale_no_better_than_gpus() -> None:
    """61 x 256 and 61 x 32 divide the showers almost evenly, so that the last batch plays no part."""
    known, larger = (
        epochs.predict(run(Platform.TPU, "TPU-v3", ranks=ranks, nodes=ranks // 8, batch=61)) for ranks in (32, 256)
    )
    assert larger.high / larger.expected > 1.02 * known.high / known.expected
    assert larger.low / larger.expected < known.low / known.expected / 1.02


def test_jackknife_plus_of_nine_rows_takes_the_outermost_of_both_sides() -> None:
    """Barber et al. 2021, by hand: of nine values at 90%, the lowest of prediction - residual, the highest of + residual."""
    left_out = [100.0 + number for number in range(9)]
    residuals = [0.01 * (9 - number) for number in range(9)]
    found = jackknife_plus(104.0, left_out, residuals)
    assert found.low == pytest.approx(100 * math.exp(-0.09))
    assert found.high == pytest.approx(
        max(value * math.exp(residual) for value, residual in zip(left_out, residuals, strict=True))
    )
    assert found.expected == 104.0


def test_jackknife_plus_of_nineteen_rows_leaves_one_out_on_each_side() -> None:
    """floor(0.1 x 20) = 2: the second lowest, the second highest."""
    left_out, residuals = [100.0] * 19, [0.01 * number for number in range(1, 20)]
    found = jackknife_plus(100.0, left_out, residuals)
    assert found.low == pytest.approx(100 * math.exp(-0.18))
    assert found.high == pytest.approx(100 * math.exp(0.18))


@given(rows=st.lists(st.tuples(st.floats(10, 1000), st.floats(0, 1)), min_size=1, max_size=30), expected=st.floats(10, 1000))
def test_jackknife_plus_always_holds_what_is_expected(rows: list[tuple[float, float]], expected: float) -> None:
    predictions, residuals = zip(*rows, strict=True)
    assert expected in jackknife_plus(expected, predictions, residuals)


@given(layout=LAYOUTS, noise=st.floats(0.001, 0.3))
def test_without_any_residual_jackknife_plus_has_no_width(layout: tuple[int, int, int], noise: float) -> None:
    expected = epochs.predict(any_run(Platform.GKE, "V100-16GB", layout)).expected
    assume(expected > 0)
    exact = jackknife_plus(expected, [expected] * 9, [0.0] * 9)
    assert exact.low == exact.high == expected
    wide = jackknife_plus(expected, [expected] * 9, [noise] * 9)
    assert math.log(wide.high / wide.low) == pytest.approx(2 * noise)
