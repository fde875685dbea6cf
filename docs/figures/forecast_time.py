"""Measured epochs beside the fitted model: by number of accelerators, and row by row."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from statistics import median

from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from burst import facts
from burst.facts.epoch_times import GPUS_PER_FULL_NODE, EpochTime, Platform
from burst.forecast import epochs, fitting
from burst.forecast.estimate import SECONDS_PER_HOUR
from burst.ranges import Range
from burst.worked_examples.runs import layout
from docs.figures.style import BLUE, GREEN, GREY, ORANGE, PURPLE, VERMILION, plain

V100 = fitting.GKE_ACCELERATOR
GPU_COUNTS = (1, 2, 4, 8, 16, 24, 32, 48, 64, 96, 128)
AZURE_COUNTS = (4, 8, 16, 24, 32)
AZURE_GPUS_PER_NODE = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One measurement, and how far the model is from it."""

    run: EpochTime
    fitted: float | None
    """ln(measured / fitted); None where a constant is that one measurement."""
    left_out: float | None
    """ln(measured / predicted by all others); None where the others say nothing of it."""
    range: Range
    """Of the forecast, seconds."""

    @property
    def name(self) -> str:
        """`32 x V100, 4 nodes, batch 96`."""
        run = self.run
        what = f"{run.num_ranks} x {run.accelerator.replace('-16GB', '').replace('TPU-', '')}"
        nodes = f", {run.num_nodes} node{'s' if run.num_nodes > 1 else ''}" if run.platform is not Platform.TPU else " cores"
        prefetch = "" if run.has_prefetch or run.platform is not Platform.GKE else ", no prefetch"
        network = "" if run.platform is not Platform.AZURE_ML else f", {run.source.partition('_v3 ')[2]}"
        return f"{what}{nodes}, batch {run.batch_per_rank}{prefetch}{network}"


def rows() -> list[Row]:
    """Every published measurement, in the table's order."""
    known: dict[EpochTime, tuple[float | None, float | None]] = {}
    for fitted in (fitting.gke(), fitting.tpu()):
        for run, residual, left_out in zip(fitted.rows, fitted.residuals(), fitted.left_out_residuals(), strict=True):
            known[run] = float(residual), None if math.isnan(left_out) else float(left_out)
    ratios = fitting.azure_ml_log_ratios()
    for index, (run, ratio) in enumerate(zip(fitting.azure_ml_rows(), ratios, strict=True)):
        others = ratios[:index] + ratios[index + 1 :]
        known[run] = ratio - median(ratios), ratio - median(others)
    return [
        Row(
            run=run, fitted=known.get(run, (None, None))[0], left_out=known.get(run, (None, None))[1], range=epochs.predict(run)
        )
        for run in facts.epoch_times.cern()
    ]


def draw_epochs(axes: list[Axes]) -> None:
    """By number of accelerators, measured and fitted with the range of the forecast: above the seconds of an epoch, below the
    accelerators' hours, which stay the same where nothing is lost."""
    for upper, lower, draw in zip(axes[:3], axes[3:], (_draw_gke, _draw_tpu, _draw_azure), strict=True):
        draw(upper, 0)
        draw(lower, 1)
        upper.set(yscale="log", ylim=(20, 5000))
        upper.yaxis.set_major_formatter(FuncFormatter(plain))
        lower.set_ylim(0)
        for each in (upper, lower):
            each.set_xscale("log")
            each.xaxis.set_major_locator(FixedLocator([4, 8, 16, 32] if lower is axes[5] else [2**power for power in range(8)]))
            each.xaxis.set_minor_locator(NullLocator())
            each.xaxis.set_major_formatter(FuncFormatter(plain))
            each.grid(alpha=0.25)
        lower.legend(fontsize=8, frameon=False, loc="lower left", handlelength=1.8)
    axes[0].set(ylabel="seconds of an epoch")
    axes[3].set(ylabel="GPU hours of an epoch")
    axes[4].set(ylabel="core hours of an epoch")
    for each, title in zip(axes, ("V100 on GKE", "Cloud TPU, batch 128 a core", "V100 on Azure ML, 4 a node"), strict=False):
        each.set_title(title)
    for each, label in zip(axes[3:], ("GPUs", "TPU cores", "GPUs"), strict=True):
        each.set_xlabel(label)


def _draw_gke(axes: Axes, power: int) -> None:
    full = [layout(Platform.GKE, V100, gpus, -(-gpus // GPUS_PER_FULL_NODE), 96) for gpus in GPU_COUNTS]
    single = [layout(Platform.GKE, V100, gpus, gpus, 96) for gpus in GPU_COUNTS]
    _curve(axes, power, full, BLUE, "-", "fit, 8 GPUs a node")
    _curve(axes, power, single, ORANGE, "--", "fit, 1 GPU a node")

    def is_plain(run: EpochTime) -> bool:
        return run.has_prefetch and run.batch_per_rank == 96 and run.num_nodes < run.num_ranks

    _points(axes, power, Platform.GKE, is_plain, BLUE, "o", "batch 96")
    _points(axes, power, Platform.GKE, lambda run: run.num_nodes == run.num_ranks, ORANGE, "s", "batch 96, 1 GPU a node")
    _points(axes, power, Platform.GKE, lambda run: run.batch_per_rank == 48, GREEN, "^", "batch 48")
    _points(axes, power, Platform.GKE, lambda run: run.batch_per_rank == 16, PURPLE, "v", "batch 16")
    _points(axes, power, Platform.GKE, lambda run: not run.has_prefetch, "black", "x", "batch 96, no prefetch")


def _draw_tpu(axes: Axes, power: int) -> None:
    for name, colour, style, marker in (("TPU-v2", GREEN, "--", "^"), ("TPU-v3", VERMILION, "-", "o")):
        short = name.removeprefix("TPU-")
        _curve(
            axes, power, [layout(Platform.TPU, name, cores, 1, 128) for cores in (8, 16, 32)], colour, style, f"fit, {short}"
        )
        is_meant = partial(_is_of, name)
        _points(axes, power, Platform.TPU, is_meant, colour, marker, f"{short}, measured")


def _is_of(accelerator: str, run: EpochTime) -> bool:
    return run.accelerator == accelerator


def _draw_azure(axes: Axes, power: int) -> None:
    curve = [layout(Platform.AZURE_ML, V100, gpus, -(-gpus // AZURE_GPUS_PER_NODE), 64) for gpus in AZURE_COUNTS]
    _curve(axes, power, curve, BLUE, "-", "GKE's fit x factor, batch 64")
    _points(axes, power, Platform.AZURE_ML, lambda run: run.batch_per_rank == 64, BLUE, "o", "batch 64")
    _points(axes, power, Platform.AZURE_ML, lambda run: run.batch_per_rank == 96, ORANGE, "s", "batch 96")


def _scaled(seconds: float, run: EpochTime, power: int) -> float:
    return seconds if power == 0 else seconds * run.num_ranks / SECONDS_PER_HOUR


def _curve(axes: Axes, power: int, runs: Sequence[EpochTime], colour: str, style: str, label: str) -> None:
    ends = [[_scaled(end, run, power) for end in (p.low, p.expected, p.high)] for run in runs for p in [epochs.predict(run)]]
    low, expected, high = zip(*ends, strict=True)
    numbers = [run.num_ranks for run in runs]
    axes.fill_between(numbers, low, high, color=colour, alpha=0.18, lw=0)
    axes.plot(numbers, expected, style, color=colour, lw=1.2, label=label)


def _points(
    axes: Axes, power: int, platform: Platform, is_meant: Callable[[EpochTime], bool], colour: str, marker: str, label: str
) -> None:
    runs = [run for run in facts.epoch_times.cern() if run.platform is platform and is_meant(run)]
    values = [_scaled(run.epoch_seconds, run, power) for run in runs]
    axes.plot([run.num_ranks for run in runs], values, marker, color=colour, ms=5, mfc="none", mew=1.4, label=label)


def draw_errors(axes: list[Axes]) -> None:
    """Each row's distance from the fit, and from what the other rows predict, in the forecast's range."""
    (plot,) = axes
    found = rows()
    colours = {Platform.GKE: BLUE, Platform.TPU: GREEN, Platform.AZURE_ML: ORANGE}
    for place, row in enumerate(found):
        expected, colour = row.range.expected, colours[row.run.platform]
        low, high = (100 * (end / expected - 1) for end in (row.range.low, row.range.high))
        plot.barh(place, high - low, left=low, height=0.62, color=colour, alpha=0.20, lw=0)
        measured = 100 * (row.run.epoch_seconds / expected - 1)
        plot.plot(measured, place, "o", color=colour, ms=5.5)
        if row.left_out is not None:
            plot.plot(100 * math.expm1(row.left_out), place, "D", mfc="none", mec="black", mew=1.2, ms=6)
    plot.plot([], [], "o", color=GREY, ms=5.5, label="measured against the fit of all rows")
    plot.plot([], [], "D", mfc="none", mec="black", mew=1.2, ms=6, label="measured against the fit of all other rows")
    plot.barh(0, 0, color=GREY, alpha=0.3, label="range of the forecast")
    for platform, name in ((Platform.GKE, "GKE"), (Platform.TPU, "Cloud TPU"), (Platform.AZURE_ML, "Azure ML")):
        plot.barh(0, 0, color=colours[platform], alpha=0.6, label=name)
    plot.axvline(0, color=GREY, lw=0.8)
    plot.set_yticks(range(len(found)), [row.name for row in found])
    plot.set(ylim=(len(found) - 0.4, -0.6), xlabel="measured epoch / expected epoch - 1 [%]", xlim=(-36, 36))
    plot.grid(axis="x", alpha=0.25)
    plot.legend(fontsize=8.5, frameon=False, ncols=2, loc="lower center", bbox_to_anchor=(0.42, 1.0))
