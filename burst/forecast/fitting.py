"""The constants of the step model, fitted to CERN's published epoch times, and how far an unseen run may lie from them."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache

import numpy as np
from numpy.typing import NDArray

from burst.facts import epoch_times
from burst.facts.epoch_times import NUM_SAMPLES, EpochTime, Platform
from burst.forecast.step_model import StepModel, num_steps

COVERAGE = 0.9
"""Share of unseen measurements that a range is made to hold."""
GKE_ACCELERATOR = "V100-16GB"
Vector = NDArray[np.float64]
Fit = Callable[[Sequence[EpochTime]], dict[str, StepModel]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fitted:
    """The model of one platform: its constants per accelerator, and the same with each measurement left out in turn."""

    rows: tuple[EpochTime, ...]
    models: dict[str, StepModel]
    left_out: tuple[dict[str, StepModel], ...]
    """`left_out[i]` has not seen `rows[i]`; an accelerator that only that row measured is missing."""

    def residuals(self) -> Vector:
        """ln(measured / fitted) of each row."""
        return np.array([math.log(row.epoch_seconds / seconds(self.models[row.accelerator], row)) for row in self.rows])

    def left_out_residuals(self) -> Vector:
        """ln(measured / predicted by the others) of each row; NaN where the others say nothing of its accelerator."""
        return np.array(
            [
                math.log(row.epoch_seconds / seconds(models[row.accelerator], row)) if row.accelerator in models else math.nan
                for row, models in zip(self.rows, self.left_out, strict=True)
            ]
        )


def seconds(model: StepModel, run: EpochTime) -> float:
    """Epoch seconds of a run with prefetch, by `model`."""
    return model.epoch_seconds(float(NUM_SAMPLES), float(run.batch_per_rank), float(run.num_ranks), float(run.num_nodes))


@cache
def gke() -> Fitted:
    """V100 on GKE: four constants from the runs whose input kept up.

    Those with prefetch, and without it those on one node: there both take the same time to 1%.
    """
    rows = [row for row in epoch_times.cern() if row.platform is Platform.GKE and (row.has_prefetch or row.num_nodes == 1)]
    return _fitted(rows, _fit_gke)


@cache
def tpu() -> Fitted:
    """TPU v2 and v3: one speed each and one start of an epoch. Static shapes drop the last batch.

    Nobody varied the batch, so that the overhead of a step cannot be told from its compute: the V100's stands in. At the batch
    that was measured it changes nothing.
    """
    return _fitted([row for row in epoch_times.cern() if row.platform is Platform.TPU], _fit_tpu)


@cache
def azure_ml_rows() -> tuple[EpochTime, ...]:
    """Azure Machine Learning's runs: V100 nodes of four, with and without InfiniBand, which makes no difference of note."""
    return tuple(row for row in epoch_times.cern() if row.platform is Platform.AZURE_ML)


@cache
def azure_ml_log_ratios() -> tuple[float, ...]:
    """ln(measured / GKE's model) of Azure ML's runs: one factor, since their layouts are too few for constants of their own."""
    model = gke().models[GKE_ACCELERATOR]
    return tuple(math.log(row.epoch_seconds / seconds(model, row)) for row in azure_ml_rows())


@cache
def storage_samples_per_second() -> float:
    """What the bucket gave all GKE nodes together where nothing was fetched ahead: the bound of runs on several nodes."""
    slow = [row for row in epoch_times.cern() if row.platform is Platform.GKE and not row.has_prefetch and row.num_nodes > 1]
    return float(np.exp(np.mean([math.log(NUM_SAMPLES / row.epoch_seconds) for row in slow])))


@cache
def reading_seconds_per_sample() -> float:
    """The same runs read otherwise: seconds that a node waits for each sample of its own before it computes."""
    slow = [row for row in epoch_times.cern() if row.platform is Platform.GKE and not row.has_prefetch and row.num_nodes > 1]
    model = gke().models[GKE_ACCELERATOR]
    return float(np.mean([(row.epoch_seconds - seconds(model, row)) * row.num_nodes / NUM_SAMPLES for row in slow]))


def _fitted(rows: Sequence[EpochTime], fit: Fit) -> Fitted:
    others = [tuple(rows[:index]) + tuple(rows[index + 1 :]) for index in range(len(rows))]
    return Fitted(rows=tuple(rows), models=fit(rows), left_out=tuple(fit(rest) for rest in others))


def _fit_gke(rows: Sequence[EpochTime]) -> dict[str, StepModel]:
    steps = np.array([num_steps(NUM_SAMPLES, row.batch_per_rank, float(row.num_ranks), keeps_last_batch=True) for row in rows])
    samples = np.array([NUM_SAMPLES / row.num_ranks for row in rows])
    nodes = np.array([row.num_nodes for row in rows])
    columns = np.stack([samples, steps, steps * (nodes - 1), np.ones(len(rows))], axis=1)
    per_sample, per_step, per_step_and_node, per_epoch = _non_negative(columns, rows)
    model = StepModel(
        seconds_per_sample=per_sample,
        seconds_per_step=per_step,
        seconds_per_step_and_node=per_step_and_node,
        seconds_per_epoch=per_epoch,
        keeps_last_batch=True,
    )
    return {GKE_ACCELERATOR: model}


def _fit_tpu(rows: Sequence[EpochTime]) -> dict[str, StepModel]:
    generations = sorted({row.accelerator for row in rows})
    per_step = gke().models[GKE_ACCELERATOR].seconds_per_step
    columns, overhead = np.zeros((len(rows), len(generations) + 1)), np.zeros(len(rows))
    for index, row in enumerate(rows):
        steps = num_steps(NUM_SAMPLES, row.batch_per_rank, float(row.num_ranks), keeps_last_batch=False)
        columns[index, generations.index(row.accelerator)] = steps * row.batch_per_rank
        columns[index, -1] = 1.0
        overhead[index] = steps * per_step
    *per_sample, per_epoch = _non_negative(columns, rows, known=overhead)
    model = StepModel(
        seconds_per_sample=0.0,
        seconds_per_step=per_step,
        seconds_per_step_and_node=0.0,
        seconds_per_epoch=per_epoch,
        keeps_last_batch=False,
    )
    return {name: replace(model, seconds_per_sample=value) for name, value in zip(generations, per_sample, strict=True)}


def _non_negative(columns: Vector, rows: Sequence[EpochTime], known: Vector | float = 0.0) -> list[float]:
    """Least squares of relative errors with constants of 0 or more: the best of all sets of columns that are let in.

    `known`: seconds of each row that are not to be fitted.
    With no more than five columns, trying every set is exact and needs no solver. Sets that the rows cannot tell apart
    (fewer rows than columns) are left out, the smaller set stands for them.
    """
    measured = np.array([row.epoch_seconds for row in rows])
    scaled, wanted = columns / measured[:, None], 1 - known / measured
    best, best_error = np.zeros(columns.shape[1]), math.inf
    for size in range(1, columns.shape[1] + 1):
        for chosen in itertools.combinations(range(columns.shape[1]), size):
            if size > len(rows) or np.linalg.matrix_rank(scaled[:, chosen]) < size:
                continue
            values = np.linalg.lstsq(scaled[:, chosen], wanted, rcond=None)[0]
            error = float(np.sum((scaled[:, chosen] @ values - wanted) ** 2))
            if np.all(values >= 0) and error < best_error - 1e-12:
                best, best_error = np.zeros(columns.shape[1]), error
                best[list(chosen)] = values
    return [float(value) for value in best]
