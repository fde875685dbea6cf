"""How long an epoch of CERN's 3DGAN takes on any layout, with a range that holds nine of ten measurements it has not seen."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from statistics import median, stdev

import numpy as np

from burst import facts
from burst.facts.epoch_times import GPUS_PER_FULL_NODE, NUM_SAMPLES, EpochTime, Platform
from burst.forecast import fitting
from burst.forecast.fitting import COVERAGE
from burst.forecast.step_model import StepModel, num_steps
from burst.ranges import Range

T_90 = {1: 6.314, 2: 2.920, 3: 2.353, 4: 2.132, 5: 2.015, 6: 1.943, 7: 1.895, 8: 1.860, 9: 1.833, 10: 1.812, 20: 1.725}
"""Student's t, two-sided 90%, by degrees of freedom (any statistics table)."""

AZURE_ML_SCATTER = 0.10
"""Equal runs on Azure ML differ by 10% (CERN's logs, ISC_HPC_3DGAN azureml): a smaller spread of a few rows is luck."""


def predict(run: EpochTime) -> Range:
    """Seconds of an epoch after the first of `run`'s layout; what it measured is not looked at."""
    match run.platform:
        case Platform.GKE:
            return _gke(run)
        case Platform.TPU:
            return _tpu(run)
        case Platform.AZURE_ML:
            return _azure_ml(run)


def is_extrapolated(run: EpochTime) -> bool:
    """Whether nobody measured the accelerator there, so that its speed is scaled from others'."""
    return run.accelerator not in measured()


@cache
def measured() -> frozenset[str]:
    """The accelerators that CERN measured."""
    return frozenset(row.accelerator for row in facts.epoch_times.cern())


@cache
def max_measured_ranks(platform: Platform) -> int:
    """The most ranks that CERN measured on a platform."""
    return max(row.num_ranks for row in facts.epoch_times.cern() if row.platform is platform)


def model(platform: Platform, accelerator: str) -> StepModel:
    """The constants for an accelerator on a platform; where nobody measured it, with compute of `scaled_seconds_per_sample`."""
    models = (fitting.tpu() if platform is Platform.TPU else fitting.gke()).models
    if accelerator in models:
        return models[accelerator]
    template = next(iter(models.values()))
    return replace(template, seconds_per_sample=scaled_seconds_per_sample(accelerator))


def _gke(run: EpochTime) -> Range:
    fitted = fitting.gke()
    expected = fitting.seconds(model(run.platform, run.accelerator), run)
    if is_extrapolated(run):
        near = Range(expected, expected, expected) * extrapolation()
    else:
        near = jackknife_plus(
            expected,
            [fitting.seconds(models[run.accelerator], run) for models in fitted.left_out],
            [abs(float(residual)) for residual in fitted.left_out_residuals()],
        )
    return near if run.has_prefetch or run.num_nodes == 1 else _waiting_for_storage(near, run)


def _waiting_for_storage(near: Range, run: EpochTime) -> Range:
    """Nothing is fetched ahead on several nodes: two readings of one measurement, both within the range.

    Either all nodes share what the bucket gives (expected), or each node waits for its own samples. The bound is known from
    one layout, to no better than the fits' own scatter.
    """
    scatter = math.exp(max(abs(float(residual)) for residual in fitting.gke().left_out_residuals()))
    shared = NUM_SAMPLES / fitting.storage_samples_per_second()
    own = near.expected + NUM_SAMPLES / run.num_nodes * fitting.reading_seconds_per_sample()
    return Range(
        min(near.low, near.expected),
        max(near.expected, shared),
        max(near.high, own * scatter, shared * scatter),
    )


def _tpu(run: EpochTime) -> Range:
    """Three rows cannot tell their own scatter: GKE's stands in. What is not known of the last batch and of the batch's size
    widens it."""
    constants = model(run.platform, run.accelerator)
    expected = fitting.seconds(constants, run)
    if is_extrapolated(run):
        return Range.exactly(expected) * extrapolation()
    scatter = math.exp(_typical_residual())
    whole = num_steps(float(NUM_SAMPLES), float(run.batch_per_rank), float(run.num_ranks), keeps_last_batch=False)
    exact = NUM_SAMPLES / (run.batch_per_rank * run.num_ranks)
    if whole == 0:
        expected = constants.seconds_per_epoch + exact * run.batch_per_rank * constants.seconds_per_sample
        return Range(expected / scatter, expected, expected * scatter)
    unknown = _batch_uncertainty(run, constants) * _scaling_uncertainty(run)
    return Range(expected / scatter / unknown, expected, expected * max(scatter, exact / whole) * unknown)


def _batch_uncertainty(run: EpochTime, constants: StepModel) -> float:
    """Factor for TPU batches that nobody measured: a step's overhead may be none, or twice the V100's that stands in for it."""
    measured_batches = {row.batch_per_rank for row in fitting.tpu().rows}
    nearest = min(measured_batches, key=lambda batch: abs(math.log(batch / run.batch_per_rank)))
    step, measured_step = (constants.step_seconds(float(batch), 1.0) for batch in (run.batch_per_rank, nearest))
    proportional = measured_step * run.batch_per_rank / nearest
    return max(step / proportional, proportional / step)


def _scaling_uncertainty(run: EpochTime) -> float:
    """Factor for TPU slices larger than any that was measured: they may lose what V100 nodes lose over as many ranks."""
    most = max_measured_ranks(run.platform)
    if run.num_ranks <= most:
        return 1.0
    v100 = fitting.gke().models[fitting.GKE_ACCELERATOR]
    alike = (replace(run, num_ranks=ranks, num_nodes=-(-ranks // GPUS_PER_FULL_NODE)) for ranks in (most, run.num_ranks))
    measured, larger = (fitting.seconds(v100, layout) for layout in alike)
    return max(1.0, larger * run.num_ranks / (measured * most))


def _azure_ml(run: EpochTime) -> Range:
    expected = fitting.seconds(model(run.platform, run.accelerator), run) * platform_factor(run.platform)
    return Range.exactly(expected) * (extrapolation() if is_extrapolated(run) else azure_ml_scatter())


@cache
def platform_factor(platform: Platform) -> float:
    """An epoch there over one of the fitted model: Azure ML's layouts are too few for constants of their own, so that the
    median of its ratios to GKE's curve stands for them."""
    return math.exp(median(fitting.azure_ml_log_ratios())) if platform is Platform.AZURE_ML else 1.0


@cache
def azure_ml_scatter() -> Range:
    """How far a run lies from the platform's factor: as equal runs from each other (predictive t of the ratios' logarithms)."""
    ratios = fitting.azure_ml_log_ratios()
    scatter = max(stdev(ratios), AZURE_ML_SCATTER)
    half_width = _t_90(len(ratios) - 1) * scatter * math.sqrt(1 + 1 / len(ratios))
    return Range(math.exp(-half_width), 1.0, math.exp(half_width))


def _t_90(degrees_of_freedom: int) -> float:
    """Of the next lower number in the table, where a range is never too narrow."""
    return T_90[max(known for known in T_90 if known <= degrees_of_freedom)]


def jackknife_plus(expected: float, left_out: Sequence[float], residuals: Sequence[float]) -> Range:
    """The jackknife+ interval (Barber et al., Annals of Statistics 49 (2021) 486), in logarithms.

    `left_out[i]` is the prediction without measurement i, `residuals[i]` by how much (|ln|) that one missed measurement i.

    >>> jackknife_plus(100.0, [99.0, 100.0, 102.0], [0.05, 0.02, 0.10]).to_output()
    {'low': 92.3, 'expected': 100.0, 'high': 113.0}
    """
    number = len(left_out)
    lows = sorted(value * math.exp(-residual) for value, residual in zip(left_out, residuals, strict=True))
    highs = sorted(value * math.exp(residual) for value, residual in zip(left_out, residuals, strict=True))
    outside = max(1, math.floor(round((1 - COVERAGE) * (number + 1), 9)))
    return Range(min(lows[outside - 1], expected), expected, max(highs[-outside], expected))


@cache
def _typical_residual() -> float:
    """|ln| of GKE's left-out residuals that nine of ten stay below, as the jackknife+ takes it."""
    return float(max(abs(fitting.gke().left_out_residuals())))


def scaled_seconds_per_sample(accelerator: str) -> float:
    """Seconds a sample on one rank of an accelerator that nobody measured.

    3D convolutions of few channels wait for memory: time x bandwidth is taken from the measured ones of its family (V100 for
    GPUs, TPU v2 and v3 for TPUs), never peak TFLOPS: V100 ran at a fifth of it.
    """
    is_tpu = accelerator.startswith("TPU")
    family = [value for name, value in _bytes_per_sample().items() if name.startswith("TPU") == is_tpu]
    chip_seconds = float(np.exp(np.mean(np.log(family)))) / facts.accelerator(accelerator).memory_gb_per_second
    return chip_seconds * facts.ranks_per_chip(accelerator)


@cache
def _bytes_per_sample() -> dict[str, float]:
    """Seconds a sample x GB/s of the measured accelerators, per chip."""
    measured = {**fitting.gke().models, **fitting.tpu().models}
    return {
        name: constants.seconds_per_sample / facts.ranks_per_chip(name) * facts.accelerator(name).memory_gb_per_second
        for name, constants in measured.items()
    }


@cache
def extrapolation() -> Range:
    """How far an accelerator that nobody measured may lie from the bandwidth's word: by the scatter of those measured
    (predictive t of the logarithms, 90%)."""
    logs = [math.log(value) for value in _bytes_per_sample().values()]
    half_width = _t_90(len(logs) - 1) * stdev(logs) * math.sqrt(1 + 1 / len(logs))
    return Range(math.exp(-half_width), 1.0, math.exp(half_width))
