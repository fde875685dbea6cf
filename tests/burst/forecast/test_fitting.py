"""The constants fitted to CERN's logs: physical, close to what was measured, and close to what they have not seen."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from burst.facts import epoch_times
from burst.facts.epoch_times import EpochTime, Platform
from burst.forecast import epochs, fitting
from burst.forecast.step_model import StepModel

GKE, TPU = fitting.gke(), fitting.tpu()
V100 = GKE.models[fitting.GKE_ACCELERATOR]
NOISE = 0.03
"""Of the simulated measurements: standard deviation of their logarithms."""


def left_out_errors(fitted: fitting.Fitted, *, with_prefetch: bool) -> list[float]:
    """|predicted / measured - 1| of each row by the others, as `burst check-timing` shows it."""
    return [
        abs(float(np.exp(-residual)) - 1)
        for row, residual in zip(fitted.rows, fitted.left_out_residuals(), strict=True)
        if np.isfinite(residual) and (row.has_prefetch or not with_prefetch)
    ]


@pytest.mark.parametrize("model", [V100, *TPU.models.values(), *(left["V100-16GB"] for left in GKE.left_out)])
def test_no_constant_is_negative(model: StepModel) -> None:
    constants = (
        model.seconds_per_sample,
        model.seconds_per_step,
        model.seconds_per_step_and_node,
        model.seconds_per_epoch,
    )
    assert all(0 <= value < 100 for value in constants)
    assert model.seconds_per_sample > 0


def test_a_v100_computes_a_shower_in_some_25_milliseconds() -> None:
    assert 0.02 < V100.seconds_per_sample < 0.03


def test_the_overheads_of_a_step_are_less_than_its_compute() -> None:
    assert V100.seconds_per_step < 96 * V100.seconds_per_sample
    assert 15 * V100.seconds_per_step_and_node < V100.seconds_per_step + 96 * V100.seconds_per_sample


def test_a_tpu_v3_is_at_least_twice_as_fast_as_a_v2() -> None:
    assert TPU.models["TPU-v2"].seconds_per_sample > 2 * TPU.models["TPU-v3"].seconds_per_sample


def test_tpus_drop_the_last_batch_and_gpus_train_on_it() -> None:
    assert V100.keeps_last_batch
    assert not any(model.keeps_last_batch for model in TPU.models.values())


def test_the_rows_of_the_fit_are_those_whose_input_kept_up() -> None:
    assert len(GKE.rows) == 9
    assert all(row.platform is Platform.GKE for row in GKE.rows)
    assert all(row.has_prefetch or row.num_nodes == 1 for row in GKE.rows)
    assert len(TPU.rows) == 3
    assert len(fitting.azure_ml_rows()) == 5


def test_what_was_fitted_is_met_to_two_percent() -> None:
    for fitted in (GKE, TPU):
        assert np.all(np.abs(np.expm1(fitted.residuals())) < 0.02)


def test_what_gke_left_out_is_met_to_five_percent_on_average_and_fifteen_at_worst() -> None:
    errors = left_out_errors(GKE, with_prefetch=True)
    assert len(errors) == 7
    assert np.mean(errors) <= 0.05
    assert max(errors) <= 0.15


def test_what_the_tpus_left_out_is_met_to_five_percent_on_average_and_fifteen_at_worst() -> None:
    errors = left_out_errors(TPU, with_prefetch=False)
    assert len(errors) == 2, "of TPU v3 there is one row: without it nothing is known"
    assert np.mean(errors) <= 0.05
    assert max(errors) <= 0.15


@pytest.mark.parametrize("fitted", [GKE, TPU], ids=["gke", "tpu"])
def test_what_is_left_out_has_no_say_in_its_own_prediction(fitted: fitting.Fitted) -> None:
    fit = fitting._fit_gke if fitted is GKE else fitting._fit_tpu
    for index, row in enumerate(fitted.rows):
        wrong = replace(row, epoch_seconds=10 * row.epoch_seconds)
        others = [each for each in (*fitted.rows[:index], wrong, *fitted.rows[index + 1 :]) if each is not wrong]
        assert fit(others) == fitted.left_out[index]


def test_azure_ml_takes_as_long_as_gke_to_a_quarter() -> None:
    assert all(abs(ratio) < np.log(1.25) for ratio in fitting.azure_ml_log_ratios())


def test_a_known_model_is_found_again_from_runs_without_noise() -> None:
    truth = StepModel(
        seconds_per_sample=0.03,
        seconds_per_step=0.2,
        seconds_per_step_and_node=0.02,
        seconds_per_epoch=4.0,
        keeps_last_batch=True,
    )
    rows = [replace(row, epoch_seconds=fitting.seconds(truth, row)) for row in GKE.rows]
    found = fitting._fit_gke(rows)[fitting.GKE_ACCELERATOR]
    for name in ("seconds_per_sample", "seconds_per_step", "seconds_per_step_and_node", "seconds_per_epoch"):
        assert getattr(found, name) == pytest.approx(getattr(truth, name), rel=1e-6)


def test_an_overhead_that_is_not_there_is_fitted_as_none_and_not_as_less() -> None:
    truth = replace(V100, seconds_per_epoch=0.0, seconds_per_step=0.0)
    random = np.random.default_rng(3)
    for _ in range(5):
        rows = [replace(row, epoch_seconds=fitting.seconds(truth, row) * random.lognormal(0, NOISE)) for row in GKE.rows]
        found = fitting._fit_gke(rows)[fitting.GKE_ACCELERATOR]
        assert min(found.seconds_per_epoch, found.seconds_per_step) >= 0


def test_about_nine_of_ten_unseen_runs_lie_in_their_range(monkeypatch: pytest.MonkeyPatch) -> None:
    """Synthetic logs of the fitted model with 3% noise, refitted as the real ones; then fresh runs on layouts of their own.

    50 logs of nine runs, twelve fresh runs each. Within one log hits go together, so that the share scatters by about 2%. With
    four constants from nine rows the jackknife+ errs to the wide side: 96% where 90% are asked for. Allowed: 86 to 99%.
    """
    random = np.random.default_rng(20261124)
    inside = []
    for _ in range(50):
        fitted = fitting._fitted([_measured(row, random) for row in GKE.rows], fitting._fit_gke)
        monkeypatch.setattr(fitting, "gke", lambda fitted=fitted: fitted)
        for _ in range(12):
            run = _measured(_other_layout(random), random)
            inside.append(run.epoch_seconds in epochs.predict(run))
    assert 0.86 <= np.mean(inside) <= 0.99


def _measured(row: EpochTime, random: np.random.Generator) -> EpochTime:
    return replace(row, epoch_seconds=fitting.seconds(V100, row) * float(random.lognormal(0, NOISE)))


def _other_layout(random: np.random.Generator) -> EpochTime:
    per_node, nodes, batch = (
        int(random.choice(values)) for values in ((1, 2, 4, 8), (1, 2, 3, 6, 12, 16, 24), (16, 32, 64, 96))
    )
    return replace(GKE.rows[0], num_nodes=nodes, num_ranks=per_node * nodes, batch_per_rank=batch)


def test_no_run_without_prefetch_on_many_nodes_has_moved_the_constants() -> None:
    slow = [row for row in epoch_times.cern() if row.platform is Platform.GKE and not row.has_prefetch and row.num_nodes > 1]
    assert slow
    assert not set(slow) & set(GKE.rows)
    assert all(row.epoch_seconds > 1.2 * fitting.seconds(V100, row) for row in slow)
