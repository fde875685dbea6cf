"""What the data card says about the shipped showers: response, resolution, depth, containment, angle.

Errors are statistical, by bootstrap over showers unless said.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from trainer.showers.calorimeter import (
    CELL_MM,
    LAYER_MM,
    LAYER_X0,
    NUM_LAYERS,
    SILICON_MM,
    SILICON_X0_MM,
    TUNGSTEN_MM,
)
from trainer.showers.schema import Showers

Array = NDArray[np.float64]

TUNGSTEN_CRITICAL_ENERGY_GEV = 0.00797
"""For electrons: Particle Data Group, Atomic and Nuclear Properties of Materials (2024)."""
SENSOR_X0 = np.arange(1, NUM_LAYERS + 1) * LAYER_X0 - SILICON_MM / SILICON_X0_MM / 2
"""Depth of each layer's silicon in radiation lengths at normal incidence."""
NUM_BOOTSTRAPS = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """A number with its statistical error."""

    value: float
    error: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Bins:
    """One quantity in bins of another."""

    centres: Array
    """Mean of the binned quantity in each bin."""
    values: Array
    errors: Array


def in_bins(x: Array, edges: Array, measure: Callable[[NDArray[np.int64]], float]) -> Bins:
    """`measure` of the showers (by number) whose x lies in each bin."""
    centres, values, errors = [], [], []
    for low, high in itertools.pairwise(edges):
        chosen = np.flatnonzero((x >= low) & (x < high))
        centres.append(x[chosen].mean())
        measured = bootstrap(chosen, measure)
        values.append(measured.value)
        errors.append(measured.error)
    return Bins(centres=np.array(centres), values=np.array(values), errors=np.array(errors))


def bootstrap(chosen: NDArray[np.int64], measure: Callable[[NDArray[np.int64]], float]) -> Measured:
    """`measure` of the chosen showers, with the spread that it has over showers drawn from them with repeats."""
    rng = np.random.default_rng(0)
    spread = [measure(rng.choice(chosen, len(chosen))) for _ in range(NUM_BOOTSTRAPS)]
    return Measured(value=measure(chosen), error=float(np.std(spread, ddof=1)))


def energy_sums_gev(showers: Showers) -> Array:
    """(N,) energy in silicon."""
    sums: Array = showers.ecal.sum(axis=(1, 2, 3), dtype=np.float64)
    return sums


def layer_sums_gev(showers: Showers) -> Array:
    """(N, Z) energy in the silicon of each layer."""
    sums: Array = showers.ecal.sum(axis=(1, 2), dtype=np.float64)
    return sums


def sampling_fractions(showers: Showers, edges_gev: Array) -> Bins:
    """Mean energy in silicon by electron energy, in bins of it."""
    ratio = energy_sums_gev(showers) / showers.energy
    return in_bins(showers.energy.astype(np.float64), edges_gev, lambda chosen: float(ratio[chosen].mean()))


def resolutions(showers: Showers, edges_gev: Array) -> Bins:
    """Width over mean of energy in silicon by electron energy, in bins of it: half the interval that holds the central 68.3%.

    This is the standard deviation of a Gaussian, and does not see the few showers whose energy leaves through the back.
    Within a bin the mean ratio falls with energy (leakage); a straight line takes that out.
    """
    ratio = energy_sums_gev(showers) / showers.energy
    energy = showers.energy.astype(np.float64)

    def resolution(chosen: NDArray[np.int64]) -> float:
        line = np.polyfit(energy[chosen], ratio[chosen], 1)
        low, high = np.quantile(ratio[chosen] - np.polyval(line, energy[chosen]), [0.15865, 0.84135])
        return float((high - low) / 2 / ratio[chosen].mean())

    return in_bins(energy, edges_gev, resolution)


@dataclass(frozen=True, slots=True, kw_only=True)
class ResolutionFit:
    """sigma/E = stochastic / sqrt(E/GeV), in quadrature with a constant."""

    stochastic: Measured
    constant: Measured
    chi_squared: float
    num_degrees: int


def fit_resolution(bins: Bins) -> ResolutionFit:
    """Least squares of the squared resolution, which is linear in 1/E: (sigma/E)^2 = s^2 / E + c^2."""
    squared, squared_errors = bins.values**2, 2 * bins.values * bins.errors
    design = np.stack([1 / bins.centres, np.ones_like(bins.centres)], axis=1) / squared_errors[:, None]
    covariance = np.linalg.inv(design.T @ design)
    solution = covariance @ design.T @ (squared / squared_errors)
    chi_squared = float(np.sum((squared / squared_errors - design @ solution) ** 2))
    roots = np.sqrt(np.maximum(solution, 0))
    errors = np.sqrt(np.diag(covariance)) / (2 * np.maximum(roots, 1e-9))
    return ResolutionFit(
        stochastic=Measured(value=float(roots[0]), error=float(errors[0])),
        constant=Measured(value=float(roots[1]), error=float(errors[1])),
        chi_squared=chi_squared,
        num_degrees=len(squared) - 2,
    )


def shower_maxima_x0(showers: Showers, edges_gev: Array) -> Bins:
    """Depth of the maximum of the mean profile, in radiation lengths, in bins of energy.

    The profile is fitted by dE/dt ~ t^(a-1) exp(-b t) (Longo and Sestili, Nucl. Instrum. Meth. 128 (1975) 283), which is
    linear in its logarithm; the maximum is at (a-1)/b.
    """
    layers = layer_sums_gev(showers)
    design = np.stack([np.log(SENSOR_X0), -SENSOR_X0, np.ones_like(SENSOR_X0)], axis=1)

    def maximum(chosen: NDArray[np.int64]) -> float:
        profile = layers[chosen].mean(axis=0)
        solution = np.linalg.lstsq(design * profile[:, None], np.log(profile) * profile, rcond=None)[0]
        return float(solution[0] / solution[1])

    return in_bins(showers.energy.astype(np.float64), edges_gev, maximum)


def expected_maximum_x0(energy_gev: Array) -> Array:
    """ln(E/Ec) - 0.5 for electrons (Review of Particle Physics 2024, section 34.5), with tungsten's critical energy."""
    return np.log(energy_gev / TUNGSTEN_CRITICAL_ENERGY_GEV) - 0.5


def containment(showers: Showers, num_cells: int) -> Array:
    """(N,) share of a shower's energy in silicon that the central `num_cells` x `num_cells` cells hold."""
    margin = (showers.ecal.shape[1] - num_cells) // 2
    central = slice(margin, margin + num_cells)
    held: Array = showers.ecal[:, central, central].sum(axis=(1, 2, 3), dtype=np.float64) / energy_sums_gev(showers)
    return held


def angles_from_barycentres_rad(showers: Showers) -> Array:
    """(N,) polar angle of the line through the layers' barycentres in y, weighted by the layers' energy."""
    rows = showers.ecal.sum(axis=1, dtype=np.float64)  # (N, Y, Z)
    weights = rows.sum(axis=1)
    y_mm = (np.arange(rows.shape[1]) - (rows.shape[1] - 1) / 2) * CELL_MM
    barycentres = np.einsum("nyz,y->nz", rows, y_mm) / np.maximum(weights, 1e-12)
    z_mm = np.arange(NUM_LAYERS) * LAYER_MM + TUNGSTEN_MM + SILICON_MM / 2
    total = weights.sum(axis=1)
    mean_z, mean_y = weights @ z_mm / total, (weights * barycentres).sum(axis=1) / total
    covariance = (weights * (barycentres - mean_y[:, None]) * (z_mm - mean_z[:, None])).sum(axis=1)
    slope = covariance / (weights * (z_mm - mean_z[:, None]) ** 2).sum(axis=1)
    angles: Array = math.pi / 2 - np.arctan(slope)
    return angles


def angle_slope(showers: Showers) -> tuple[Measured, float]:
    """Slope of the measured angle against the true one, both from the normal, and the spread around that line in degrees."""
    true = showers.theta - math.pi / 2
    found = angles_from_barycentres_rad(showers) - math.pi / 2
    slope = float(true @ found / (true @ true))
    spread = float(np.std(found - slope * true))
    return Measured(value=slope, error=spread / math.sqrt(true @ true)), math.degrees(spread)


def radial_profile(showers: Showers, edges_mm: Array) -> Bins:
    """Mean share of the energy per mm in rings around the barycentre in x and y."""
    image = showers.ecal.sum(axis=3, dtype=np.float64)
    middle_mm = (np.arange(image.shape[1]) - (image.shape[1] - 1) / 2) * CELL_MM
    total = image.sum(axis=(1, 2))
    x, y = np.einsum("nxy,x->n", image, middle_mm) / total, np.einsum("nxy,y->n", image, middle_mm) / total
    radius = np.hypot(middle_mm[None, :, None] - x[:, None, None], middle_mm[None, None, :] - y[:, None, None])
    shares = np.stack([((radius >= low) & (radius < high)) * image for low, high in itertools.pairwise(edges_mm)])
    per_mm = shares.sum(axis=(2, 3)) / total / np.diff(edges_mm)[:, None]
    return Bins(
        centres=(edges_mm[1:] + edges_mm[:-1]) / 2,
        values=per_mm.mean(axis=1),
        errors=per_mm.std(axis=1) / math.sqrt(len(total)),
    )


def hit_share(showers: Showers, threshold_gev: float = 0.0) -> Measured:
    """Share of the cells that hold more than a threshold."""
    shares = (showers.ecal > threshold_gev).mean(axis=(1, 2, 3))
    return Measured(value=float(shares.mean()), error=float(shares.std() / math.sqrt(len(shares))))
