"""Figures of the physics: Geant4 as points in ink, the GAN in its colour, statistical errors on both, the floor as a band."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from burst.report.figure import FAINT, FLOOR, GAN, INK, SIGMA, new_figure, plain_numbers, with_ratio
from trainer.physics import EnergyBin, Measured, Physics, Profile

Array = NDArray[np.float64]
RESPONSE_GOAL = 0.15
"""Largest |response - 1| in an energy bin that counts as reached; the mean layer error has the same goal."""


def profile_figure(
    gan: Physics,
    floor: Physics | None,
    choose: Callable[[Physics], Profile],
    *,
    x_label: str,
    y_label: str,
    y_scale: float = 1.0,
    x_scale: float = 1.0,
    log_y: bool = False,
    log_x: bool = False,
) -> Figure:
    """A `Profile` with its ratio below. `x_scale` and `y_scale` turn its units into those of the labels."""
    profile = choose(gan)
    figure, upper, lower = with_ratio()
    x = np.array(profile.positions) * x_scale
    if log_x:
        upper.set_xscale("log")
        x = x * np.sqrt(x[1] / x[0])  # from a bin's lower edge to its middle
        filled = [place for place, pair in enumerate(zip(profile.geant4, profile.gan, strict=True)) if max(pair).value > 0]
        upper.set_xlim(x[0] / 1.5, x[max(filled, default=-1)] * 1.5)
    _draw_profile(upper, x, profile, y_scale=y_scale, log_y=log_y)
    upper.set_ylabel(y_label)
    if floor is not None:
        upper.fill_between([], [], color=FLOOR, linewidth=0, label=f"floor ±1{SIGMA}")
    upper.legend()
    if log_y:
        upper.set_yscale("log")
        plain_numbers(upper, y=True)
    else:
        upper.set_ylim(bottom=0)
    if floor is not None:
        _draw_floor(lower, x, choose(floor))
    _draw_ratio(lower, x, profile.ratio)
    lower.set_xlabel(x_label)
    if log_x:
        plain_numbers(lower, x=True)
    return figure


def response_figure(gan: Physics, floor: Physics | None) -> Figure:
    """Mean energy sum, GAN / Geant4, in bins of the electron's energy."""
    figure = new_figure()
    axes = figure.subplots()
    axes.axhline(1, color=INK, linewidth=0.8)
    for goal in (1 - RESPONSE_GOAL, 1 + RESPONSE_GOAL):
        axes.axhline(goal, color=FAINT, linewidth=0.9, linestyle=(0, (4, 3)))
    if floor is not None:
        _draw_bins(
            axes,
            floor.response_bins,
            lambda energy_bin: energy_bin.response,
            "Geant4 / Geant4 (floor)",
            INK,
            marker="o",
            shift=0.12,
        )
    _draw_bins(axes, gan.response_bins, lambda energy_bin: energy_bin.response, "GAN / Geant4", GAN, marker="s")
    if gan.paper_bins:
        _draw_bins(
            axes, gan.paper_bins, lambda energy_bin: energy_bin.response, "bins of the papers", GAN, marker="^", hollow=True
        )
    reach = max([0.25, *(abs(b.response.value - 1) * 1.15 for b in gan.response_bins if b.response.is_defined)])
    axes.set_ylim(max(0, 1 - reach), 1 + reach)
    axes.set_xlabel("electron energy / GeV")
    axes.set_ylabel("energy sum, ratio to Geant4")
    axes.legend(ncols=2, loc="upper center")
    return figure


def resolution_figure(gan: Physics) -> Figure:
    """Relative width of the energy sum in bins of the electron's energy."""
    figure = new_figure()
    axes = figure.subplots()
    _draw_bins(axes, gan.response_bins, lambda b: b.resolution_geant4, "Geant4", INK, marker="o", scale=100)
    _draw_bins(axes, gan.response_bins, lambda b: b.resolution_gan, "GAN", GAN, marker="s", scale=100, shift=0.12)
    axes.set_ylim(0, axes.get_ylim()[1] * 1.2)
    axes.set_xlabel("electron energy / GeV")
    axes.set_ylabel(f"energy resolution {SIGMA}(68 %) / mean, in %")
    axes.legend(ncols=2, loc="upper center")
    return figure


def _draw_profile(axes: Axes, x: Array, profile: Profile, *, y_scale: float, log_y: bool) -> None:
    for figures, label, colour, marker in ((profile.geant4, "Geant4", INK, "o"), (profile.gan, "GAN", GAN, "s")):
        values, errors = _split(figures)
        values = np.where(values > 0, values, np.nan) if log_y else values
        axes.errorbar(
            x,
            values * y_scale,
            errors * y_scale,
            label=label,
            color=colour,
            marker=marker,
            markersize=3.4,
            linestyle="-" if colour == GAN else "none",
            linewidth=1.0,
            elinewidth=1.0,
            zorder=3 if colour == INK else 2,
        )


def _draw_floor(axes: Axes, x: Array, floor: Profile) -> None:
    _, errors = _split(floor.ratio)
    axes.fill_between(x, 1 - errors, 1 + errors, color=FLOOR, linewidth=0, step="mid")


def _draw_ratio(axes: Axes, x: Array, ratio: Sequence[Measured]) -> None:
    """GAN / Geant4; what lies outside the panel is an arrow at its edge."""
    values, errors = _split(ratio)
    half_height = _half_height(values)
    low, high = 1 - half_height, 1 + half_height
    inside = (values >= low) & (values <= high)
    axes.axhline(1, color=INK, linewidth=0.8)
    axes.errorbar(
        x[inside], values[inside], errors[inside], color=GAN, marker="s", markersize=3.0, linestyle="none", elinewidth=1.0
    )
    margin = 0.07 * half_height
    for outside, edge, marker in ((values > high, high - margin, "^"), (values < low, low + margin, "v")):
        axes.plot(x[outside], np.full(int(outside.sum()), edge), color=GAN, marker=marker, markersize=4, linestyle="none")
    axes.set_ylim(low, high)
    axes.set_ylabel("GAN / Geant4")


def _half_height(values: Array) -> float:
    """Of a ratio panel: the smallest of a few that holds nine of ten points."""
    distances = np.abs(values[np.isfinite(values)] - 1)
    wanted = float(np.quantile(distances, 0.9)) * 1.2 if len(distances) else 0
    return next((height for height in (0.15, 0.3, 0.5) if height >= wanted), 1.0)


def _draw_bins(
    axes: Axes,
    bins: Sequence[EnergyBin],
    choose: Callable[[EnergyBin], Measured],
    label: str,
    colour: str,
    *,
    marker: str,
    scale: float = 1.0,
    shift: float = 0.0,
    hollow: bool = False,
) -> None:
    """One figure of each bin, at its middle moved by `shift` widths so that two sets do not hide one another."""
    values, errors = _split([choose(energy_bin) for energy_bin in bins])
    widths = np.array([energy_bin.high_gev - energy_bin.low_gev for energy_bin in bins])
    middles = np.array([energy_bin.low_gev for energy_bin in bins]) + widths / 2
    axes.errorbar(
        middles + shift * widths,
        values * scale,
        errors * scale,
        None if shift else widths / 2,
        label=label,
        color=colour,
        marker=marker,
        markersize=5,
        linestyle="none",
        elinewidth=1.1,
        markerfacecolor="none" if hollow or (shift and colour == INK) else colour,
    )


def _split(figures: Sequence[Measured]) -> tuple[Array, Array]:
    """Values and errors; an undefined error is drawn as none."""
    values = np.array([figure.value for figure in figures], dtype=np.float64)
    errors = np.nan_to_num(np.array([figure.error for figure in figures], dtype=np.float64))
    return values, errors
