"""Figures of docs/data-card.md, and the numbers that it states, from the shipped showers."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure

from docs.figures import shower_measures as measures
from docs.figures.shower_measures import Bins, Measured
from trainer.showers import reader
from trainer.showers.calorimeter import CELL_MM, NUM_LAYERS
from trainer.showers.sample import ANGLE, FIXED
from trainer.showers.schema import Showers

FOLDER = Path(__file__).parent
FIXED_EDGES_GEV = np.array([10, 20, 30, 45, 60, 80, 100.01])
ANGLE_EDGES_GEV = np.array([100, 125, 150, 175, 200.01])
THETA_EDGES_DEG = np.array([60, 70, 80, 85, 95, 100, 110, 120.01])
RING_EDGES_MM = np.array([0, 5, 10, 15, 20, 25, 30, 35, 40, 45, 50, 55, 60])
CROPS = (11, 15, 19, 25, 31, 39, 51)
BLUE, ORANGE, GREEN, GREY = "#0b5394", "#d2691e", "#2e7d32", "#666666"


def draw() -> None:
    """Write the figures beside this file, and print the numbers."""
    mpl.use("Agg")
    fixed, angle = reader.read(FIXED), reader.read(ANGLE)
    _save("showers-energy.png", 3, lambda axes: _draw_energy(axes, fixed, angle))
    _save("showers-shape.png", 3, lambda axes: _draw_shape(axes, fixed))
    _save("showers-angle.png", 3, lambda axes: _draw_angle(axes, angle))
    _save("showers-seen.png", 4, lambda axes: _draw_showers(axes, fixed, angle))
    for name, text in numbers(fixed, angle).items():
        print(f"{name:<42} {text}")


def numbers(fixed: Showers, angle: Showers) -> dict[str, str]:
    """What the data card states, as it states it."""
    response = measures.sampling_fractions(fixed, FIXED_EDGES_GEV)
    fit = measures.fit_resolution(measures.resolutions(fixed, FIXED_EDGES_GEV))
    ratio = measures.energy_sums_gev(fixed) / fixed.energy
    depth = measures.shower_maxima_x0(fixed, FIXED_EDGES_GEV)
    below = measures.expected_maximum_x0(depth.centres) - depth.values
    layers = measures.layer_sums_gev(fixed).mean(axis=0)
    high = measures.sampling_fractions(_normal(angle), np.array([100, 200.01]))
    held = measures.containment(_normal(angle), 25)
    slope, spread_deg = measures.angle_slope(angle)
    core_slope, _ = measures.angle_slope(dataclasses.replace(angle, ecal=np.where(angle.ecal > 0.005, angle.ecal, 0)))
    inclined = measures.containment(_inclined(angle), 25)
    return {
        "sampling fraction, 15 GeV": _percent(response.values[0], response.errors[0]),
        "sampling fraction, 89 GeV": _percent(response.values[-1], response.errors[-1]),
        "sampling fraction, 100-200 GeV, 85-95 degrees": _percent(high.values[0], high.errors[0]),
        "resolution, stochastic": _percent(fit.stochastic.value, fit.stochastic.error, 1) + " / sqrt(E/GeV)",
        "resolution, constant": _percent(fit.constant.value, fit.constant.error, 1),
        "resolution, chi squared / degrees of freedom": f"{fit.chi_squared:.1f} / {fit.num_degrees}",
        "showers below 85% of the mean response": f"{np.mean(ratio < 0.85 * ratio.mean()):.1%}",
        "shower maximum, 15 GeV": f"{depth.values[0]:.2f} ± {depth.errors[0]:.2f} X0",
        "shower maximum, 89 GeV": f"{depth.values[-1]:.2f} ± {depth.errors[-1]:.2f} X0",
        "shower maximum below ln(E/Ec) - 0.5 by": f"{below.min():.2f} to {below.max():.2f} X0",
        "layer 22 / 21, 23 / 22, 24 / 23": ", ".join(f"{layers[i + 1] / layers[i]:.2f}" for i in (21, 22, 23)),
        "25 x 25 crop holds, 85-95 degrees": _percent(held.mean(), held.std() / np.sqrt(len(held))),
        "25 x 25 crop holds, 60-65 and 115-120 degrees": _percent(inclined.mean(), inclined.std() / np.sqrt(len(inclined)), 1),
        "cells hit, fixed": _percent(*_both(measures.hit_share(fixed))),
        "cells hit, angle": _percent(*_both(measures.hit_share(angle))),
        "largest deposit in one cell": f"{1e3 * max(fixed.ecal.max(), angle.ecal.max()):.0f} MeV",
        "angle from barycentres, slope": f"{slope.value:.3f} ± {slope.error:.3f}",
        "angle from barycentres, spread": f"{spread_deg:.2f} degrees",
        "the same, cells above 5 MeV": f"{core_slope.value:.3f} ± {core_slope.error:.3f}",
    }


def _percent(value: float, error: float, digits: int = 2) -> str:
    return f"{100 * value:.{digits}f} ± {100 * error:.{digits}f} %"


def _both(measured: Measured) -> tuple[float, float]:
    return measured.value, measured.error


def _normal(showers: Showers) -> Showers:
    """Those within 5 degrees of normal incidence."""
    return showers[np.flatnonzero(np.abs(np.degrees(showers.theta) - 90) < 5)]


def _inclined(showers: Showers) -> Showers:
    """Those at least 25 degrees off normal incidence."""
    return showers[np.flatnonzero(np.abs(np.degrees(showers.theta) - 90) > 25)]


def _cropped(showers: Showers) -> Showers:
    """As fixed.h5 stores them: the central 25 x 25 cells."""
    return dataclasses.replace(showers, ecal=showers.ecal[:, 13:38, 13:38])


def _save(name: str, num_axes: int, draw_on: Callable[[list[Axes]], None]) -> None:
    figure = Figure(figsize=(4.2 * num_axes if num_axes < 4 else 10, 3.7 if num_axes < 4 else 6.4), layout="constrained")
    axes = figure.subplots(1, num_axes) if num_axes < 4 else figure.subplots(2, 2)
    draw_on(list(np.ravel(axes)))
    figure.savefig(FOLDER / name, dpi=110, metadata={"Software": None})


def _points(axes: Axes, bins: Bins, label: str, colour: str, scale: float = 1.0) -> None:
    axes.errorbar(bins.centres, scale * bins.values, scale * bins.errors, fmt="o", ms=4, capsize=2, color=colour, label=label)


def _draw_energy(axes: list[Axes], fixed: Showers, angle: Showers) -> None:
    response, resolution, depth = axes
    normal, normal_deg = _normal(angle), "angle.h5, 85-95°"
    _points(response, measures.sampling_fractions(fixed, FIXED_EDGES_GEV), "fixed.h5", BLUE, 100)
    _points(response, measures.sampling_fractions(_cropped(normal), ANGLE_EDGES_GEV), f"{normal_deg}, same crop", ORANGE, 100)
    _points(response, measures.sampling_fractions(normal, ANGLE_EDGES_GEV), f"{normal_deg}, all cells", GREEN, 100)
    response.set(xlabel="electron energy [GeV]", ylabel="in silicon / electron energy [%]", xlim=(0, 205), ylim=(2.4, 3.0))
    response.set_title("Sampling fraction", fontsize=10)

    bins = measures.resolutions(fixed, FIXED_EDGES_GEV)
    fit = measures.fit_resolution(bins)
    energy = np.linspace(8, 105, 200)
    stochastic, constant = fit.stochastic.value, fit.constant.value
    _points(resolution, bins, "fixed.h5, central 68%", BLUE, 100)
    resolution.plot(energy, 100 * np.hypot(stochastic / np.sqrt(energy), constant), color=BLUE, lw=1)
    resolution.plot(energy, 100 * stochastic / np.sqrt(energy), color=GREY, lw=1, ls="--", label="stochastic term alone")
    resolution.set(xlabel="electron energy [GeV]", ylabel="width / mean [%]", xlim=(0, 105), ylim=(0, 7))
    resolution.set_title(
        f"Resolution: ({100 * stochastic:.1f} ± {100 * fit.stochastic.error:.1f})% / √E ⊕ "
        f"({100 * constant:.1f} ± {100 * fit.constant.error:.1f})%",
        fontsize=10,
    )

    _points(depth, measures.shower_maxima_x0(fixed, FIXED_EDGES_GEV), "fixed.h5", BLUE)
    _points(depth, measures.shower_maxima_x0(normal, ANGLE_EDGES_GEV), normal_deg, ORANGE)
    energy = np.geomspace(9, 210, 50)
    depth.plot(energy, measures.expected_maximum_x0(energy), color=GREY, lw=1, ls="--", label="ln(E/E$_c$) - 0.5, tungsten")
    depth.set(xlabel="electron energy [GeV]", ylabel="depth of the maximum [X$_0$]", xscale="log", ylim=(6, 10.5))
    depth.set_title("Shower maximum", fontsize=10)
    for each in axes:
        each.legend(fontsize=8, frameon=False)


def _draw_shape(axes: list[Axes], fixed: Showers) -> None:
    along, across, share = axes
    for (low, high), colour in zip(((10, 20), (45, 60), (80, 100)), (GREEN, BLUE, ORANGE), strict=True):
        chosen = fixed[np.flatnonzero((fixed.energy >= low) & (fixed.energy < high))]
        layers = measures.layer_sums_gev(chosen) / chosen.energy[:, None]
        label = f"{low}-{high} GeV"
        mean, error = 100 * layers.mean(axis=0), 100 * layers.std(axis=0) / np.sqrt(len(chosen))
        along.errorbar(np.arange(NUM_LAYERS), mean, error, fmt="o-", ms=3, lw=1, color=colour, label=label)
        share.plot(np.arange(NUM_LAYERS), layers.std(axis=0) / layers.mean(axis=0), "o-", ms=3, lw=1, color=colour, label=label)
        _points(across, measures.radial_profile(chosen, RING_EDGES_MM), label, colour, 100)
    along.set(xlabel="layer", ylabel="energy in its silicon / electron energy [%]", ylim=(0, None))
    along.set_title("Longitudinal profile", fontsize=10)
    across.set(xlabel="distance from the barycentre [mm]", ylabel="share of the energy in silicon [% / mm]", yscale="log")
    across.set_title("Transverse profile", fontsize=10)
    share.set(xlabel="layer", ylabel="standard deviation / mean", ylim=(0, 1))
    share.set_title("Fluctuation of a layer's energy", fontsize=10)
    for each in axes:
        each.legend(fontsize=8, frameon=False)


def _draw_angle(axes: list[Axes], angle: Showers) -> None:
    found, held, crops = axes
    theta_deg = np.degrees(angle.theta.astype(np.float64))
    measured_deg = np.degrees(measures.angles_from_barycentres_rad(angle))
    found.plot(theta_deg, measured_deg, ".", ms=2, color=BLUE)
    found.plot([60, 120], [60, 120], color=GREY, lw=1, ls="--")
    found.set(xlabel="θ of the electron [degrees]", ylabel="θ from the layers' barycentres [degrees]")
    slope, spread_deg = measures.angle_slope(angle)
    found.set_title(f"Angle: slope {slope.value:.3f}, spread {spread_deg:.2f}°", fontsize=10)

    shares = measures.containment(angle, 25)
    bins = measures.in_bins(theta_deg, THETA_EDGES_DEG, lambda chosen: float(shares[chosen].mean()))
    _points(held, bins, "angle.h5", BLUE, 100)
    held.set(xlabel="θ of the electron [degrees]", ylabel="energy inside 25 x 25 of 51 x 51 cells [%]", ylim=(84, 100))
    held.set_title("Containment of the fixed-angle crop", fontsize=10)

    for chosen, label, colour in (
        (_normal(angle), "85-95°", BLUE),
        (_inclined(angle), "60-65° and 115-120°", ORANGE),
    ):
        means = [100 * measures.containment(chosen, crop).mean() for crop in CROPS]
        crops.plot(CROPS, means, "o-", ms=4, lw=1, color=colour, label=label)
    crops.set(xlabel="cells along a side of the crop", ylabel="energy inside, of 51 x 51 cells [%]")
    crops.set_title("Containment by crop", fontsize=10)
    crops.legend(fontsize=8, frameon=False)


def _draw_showers(axes: list[Axes], fixed: Showers, angle: Showers) -> None:
    """One shower of each file, summed over one axis each time."""
    upright = int(np.argmin(np.abs(fixed.energy - 50)))
    leaning = int(np.argmin(np.abs(angle.theta - np.radians(65))))
    _draw_projections(axes[:2], fixed, upright)
    _draw_projections(axes[2:], angle, leaning)


def _draw_projections(axes: list[Axes], showers: Showers, number: int) -> None:
    ecal_mev = 1e3 * showers.ecal[number]
    half_mm = ecal_mev.shape[0] * CELL_MM / 2
    title = f"{showers.energy[number]:.0f} GeV, θ = {np.degrees(showers.theta[number]):.0f}°"
    norm = LogNorm(0.02, ecal_mev.sum(axis=0).max())
    side = axes[0].imshow(
        ecal_mev.sum(axis=0), origin="lower", aspect="auto", norm=norm, extent=(-0.5, NUM_LAYERS - 0.5, -half_mm, half_mm)
    )
    axes[0].set(xlabel="layer", ylabel="y [mm]", title=f"{title}: from the side")
    axes[1].imshow(ecal_mev.sum(axis=2).T, origin="lower", norm=norm, extent=(-half_mm, half_mm, -half_mm, half_mm))
    axes[1].set(xlabel="x [mm]", ylabel="y [mm]", title=f"{title}: from the front")
    for each in axes:
        each.set_facecolor("#f4f4f4")
        each.figure.colorbar(side, ax=each, label="MeV in silicon")
