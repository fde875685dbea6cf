"""Figures of the training: losses by step, physics by epoch, with what happened on the way marked."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from burst.report.figure import FAINT, GAN, INK, LINES, new_figure, plain_numbers
from burst.report.record import Record
from trainer.contract import EventName

MAX_POINTS = 600
"""Of one curve; a longer one is averaged over neighbours."""
LOG_FROM, LARGEST_RATIO, HEADROOM = 30.0, 4.0, 0.28
LABELS = {"d_real": "D(real)", "d_fake": "D(generated)"}
Points = list[tuple[float, float]]


def losses(record: Record) -> dict[str, Points]:
    """Every loss by name, as (epoch, value): from the step events, averaged over neighbours where there are many."""
    curves: dict[str, Points] = {}
    for event in record.of_kind(EventName.STEP):
        epoch = _progress(event)
        for name, value in _numbers(event.get("losses")).items():
            if epoch is not None:
                curves.setdefault(name, []).append((epoch, value))
    return {name: _thinned(points) for name, points in curves.items()}


def losses_figure(
    record: Record, curves: Mapping[str, Points], *, y_label: str, y_limits: tuple[float, float] | None = None
) -> Figure:
    """Curves by epoch, with checkpoints as small triangles and health events as dashed lines."""
    figure = new_figure()
    axes = figure.subplots()
    for number, (name, points) in enumerate(curves.items()):
        epochs, values = zip(*_broken(points), strict=True)
        axes.plot(
            epochs, values, color=LINES[number % len(LINES)], label=LABELS.get(name, name.replace("_", " ")), linewidth=1.2
        )
    if y_limits:
        axes.set_ylim(*y_limits)
        axes.set_yticks(np.linspace(*y_limits, 6))
    else:
        _choose_scale(axes, [value for points in curves.values() for _, value in points])
    _mark_events(axes, record)
    axes.set_xlabel("epoch")
    axes.set_ylabel(y_label)
    axes.margins(x=0.02)
    _add_legend(axes)
    return figure


def physics_figure(record: Record, names: Mapping[str, str], *, y_label: str, scale: float, aim: float) -> Figure | None:
    """Figures of the epoch events by epoch: `names` maps their keys to labels; `aim` is what Geant4 itself would have."""
    epochs = [event for event in record.of_kind(EventName.EPOCH) if _numbers(event.get("physics"))]
    if len(epochs) < 2:
        return None
    figure = new_figure()
    axes = figure.subplots()
    axes.axhline(aim, color=INK, linewidth=0.8)
    drawn: list[float] = []
    for number, (name, label) in enumerate(names.items()):
        points = [
            (event["epoch"], _numbers(event["physics"])[name] * scale) for event in epochs if name in _numbers(event["physics"])
        ]
        if points:
            places, values = zip(*_broken(points), strict=True)
            axes.plot(places, values, color=LINES[number], marker="o", markersize=3, label=label)
            drawn += [value for _, value in points]
    if aim:
        axes.set_ylim(0, min(LARGEST_RATIO, 1.1 * max([aim, *drawn])))
    else:
        _choose_scale(axes, drawn)
    best = [event["epoch"] for event in epochs if event.get("is_best")]
    if best:
        axes.axvline(best[-1], color=GAN, linewidth=1, linestyle=(0, (1, 2)), label="best checkpoint")
    _mark_events(axes, record)
    axes.set_xlabel("epoch")
    axes.set_ylabel(y_label)
    _add_legend(axes)
    return figure


def _choose_scale(axes: Axes, values: Sequence[float]) -> None:
    """Logarithmic where positive values span more than `LOG_FROM`: what a run reaches would drown in how it began."""
    if min(values, default=0) > 0 and max(values) / min(values) > LOG_FROM:
        axes.set_yscale("log")
        plain_numbers(axes, y=True)


def _add_legend(axes: Axes) -> None:
    """Above the curves: the axis is made long enough for it."""
    low, high = axes.get_ylim()
    axes.set_ylim(low, high * (high / low) ** HEADROOM if axes.get_yscale() == "log" else high + (high - low) * HEADROOM)
    axes.legend(ncols=3, loc="upper center", columnspacing=1.2, handlelength=1.6)


def _mark_events(axes: Axes, record: Record) -> None:
    """Checkpoints as small triangles on the lower edge, health events as dashed lines. Placed by the last step before."""
    checkpoints, problems, epoch = [], [], 0.0
    for event in record.events:
        epoch = _progress(event) or epoch
        if event["event"] == EventName.CHECKPOINT:
            checkpoints.append(epoch)
        elif event["event"] == EventName.HEALTH:
            problems.append(epoch)
    if checkpoints:
        axes.plot(
            checkpoints,
            [0.025] * len(checkpoints),
            transform=axes.get_xaxis_transform(),
            color=FAINT,
            marker="^",
            markersize=3.5,
            linestyle="none",
            label="checkpoint",
        )
    for number, place in enumerate(problems):
        axes.axvline(place, color=FAINT, linewidth=1, linestyle=(0, (4, 3)), label="health event" if number == 0 else "_")


def _progress(event: Mapping[str, Any]) -> float | None:
    """Epochs done at a step or epoch event, with the fraction of the one under way."""
    numbers = _numbers(dict(event))
    if event["event"] == EventName.STEP and {"step", "num_steps", "num_epochs"} <= numbers.keys() and numbers["num_steps"]:
        return numbers["step"] / numbers["num_steps"] * numbers["num_epochs"]
    return numbers.get("epoch") if event["event"] == EventName.EPOCH else None


def _numbers(values: Any) -> dict[str, float]:
    return {str(name): float(value) for name, value in values.items() if _is_number(value)} if isinstance(values, dict) else {}


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _thinned(points: Points) -> Points:
    """Means over groups of neighbours, so that at most `MAX_POINTS` are left."""
    size = math.ceil(len(points) / MAX_POINTS)
    groups = [points[start : start + size] for start in range(0, len(points), size)]
    return [(group[-1][0], sum(value for _, value in group) / len(group)) for group in groups]


def _broken(points: Sequence[tuple[float, float]]) -> Points:
    """The points with a gap wherever the run went back to an earlier step."""
    broken: Points = []
    for point in points:
        if broken and point[0] < broken[-1][0]:
            broken.append((point[0], math.nan))
        broken.append((float(point[0]), point[1]))
    return broken
