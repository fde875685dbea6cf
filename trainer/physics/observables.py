"""What is measured on each single shower; means, spreads and errors over many are `compare`'s."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from trainer.refusal import Refusal
from trainer.showers.schema import Showers

Array = NDArray[np.float64]

SPECTRUM_EDGES_GEV = tuple(float(edge) for edge in np.logspace(-5, 0, 26))
"""Lower edges of the cell-energy bins and the last upper one: 10 keV to 1 GeV, five a decade (a MIP leaves 0.15 MeV in 0.5 mm
of silicon)."""
THRESHOLDS_GEV = (1e-5, 1e-4, 1e-3, 1e-2)
"""Each a spectrum edge, so that the counts above them are sums of the spectrum."""
CELLS_AT_A_TIME = 1 << 21
"""Bounds the memory that counting the cells takes."""
MIN_ANGLE_SPREAD = 1e-3
"""Radian; showers closer together than that are of one fixed angle."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Observed:
    """Sums over the cells of N showers, GeV; undefined (empty showers) is NaN."""

    energy: Array
    """(N,) energy of the electron."""
    theta: Array
    """(N,)"""
    shape: tuple[int, int, int]
    total: Array
    """(N,) energy sum."""
    layers: Array
    """(N, Z)"""
    rows_x: Array
    """(N, X)"""
    rows_y: Array
    """(N, Y)"""
    rings: Array
    """(N, R) rings one cell wide about the middle of the image, up to its nearest edge."""
    spectrum: Array
    """(N, len(SPECTRUM_EDGES_GEV) - 1) cells in each bin of cell energy."""
    above: Array
    """(N, len(THRESHOLDS_GEV)) share of the cells above each threshold."""
    moments: Array
    """(N, 3) energy-weighted variance of the cell positions along x, y, z, in cells squared."""
    slopes: Array
    """(N, 2) change of the layers' barycentre in x and in y per layer; NaN at fixed angle."""

    def __len__(self) -> int:
        return len(self.energy)


def observe(showers: Showers) -> Observed:
    """Measure each shower. Refuses wrong shapes, cells that are not finite or negative, and electrons without energy."""
    _check(showers)
    ecal = showers.ecal
    num_showers, num_x, num_y, num_z = ecal.shape
    plane_xz = ecal.sum(axis=2, dtype=np.float32).astype(np.float64)
    plane_xy = ecal.sum(axis=3, dtype=np.float32).astype(np.float64)
    layers, rows_x, rows_y = plane_xz.sum(axis=1), plane_xy.sum(axis=2), plane_xy.sum(axis=1)
    spectrum = _spectrum(ecal)
    cumulative = spectrum[:, ::-1].cumsum(axis=1)[:, ::-1]
    first_bins = [int(np.argmin(np.abs(np.array(SPECTRUM_EDGES_GEV) - threshold))) for threshold in THRESHOLDS_GEV]
    slopes = np.full((num_showers, 2), np.nan)
    if np.std(showers.theta) > MIN_ANGLE_SPREAD:
        plane_yz = ecal.sum(axis=1, dtype=np.float32).astype(np.float64)
        slopes = np.stack([_slope(plane_xz), _slope(plane_yz)], axis=1)
    return Observed(
        energy=showers.energy.astype(np.float64),
        theta=showers.theta.astype(np.float64),
        shape=(num_x, num_y, num_z),
        total=layers.sum(axis=1),
        layers=layers,
        rows_x=rows_x,
        rows_y=rows_y,
        rings=plane_xy.reshape(num_showers, -1) @ _ring_members(num_x, num_y),
        spectrum=spectrum,
        above=cumulative[:, first_bins] / (num_x * num_y * num_z),
        moments=np.stack([_variance(rows_x), _variance(rows_y), _variance(layers)], axis=1),
        slopes=slopes,
    )


def _check(showers: Showers) -> None:
    ecal = showers.ecal
    if ecal.ndim != 4 or min(ecal.shape[1:]) < 2:
        raise Refusal(
            f"showers of shape {ecal.shape}",
            expected="(N, X, Y, Z) cells",
            remedy="drop the channel axis, or read the file anew",
        )
    if showers.energy.shape != ecal.shape[:1] or showers.theta.shape != ecal.shape[:1]:
        raise Refusal(
            f"{len(ecal)} showers with energies of shape {showers.energy.shape} and angles of {showers.theta.shape}",
            expected="one of each a shower",
            remedy="pass arrays of one length",
        )
    if len(ecal) < 2:
        raise Refusal(f"{len(ecal)} showers to compare", expected="2 or more", remedy="keep more showers for the test")
    lowest, total = float(ecal.min()), float(ecal.sum(dtype=np.float64))
    if not (lowest >= 0 and np.isfinite(total)):
        raise Refusal(
            "showers with cells that are negative or not finite",
            expected="energies of 0 GeV or more",
            remedy="look for a diverged training",
        )
    if not (np.isfinite(showers.energy).all() and showers.energy.min() > 0 and np.isfinite(showers.theta).all()):
        raise Refusal(
            "electrons without an energy or an angle", expected="E > 0 GeV and theta in radian", remedy="check the data file"
        )


def _spectrum(ecal: NDArray[np.float32]) -> Array:
    """(N, B) number of cells in each bin of `SPECTRUM_EDGES_GEV`; the last bin holds what is above it too."""
    num_cells = ecal[0].size
    blocks = np.array_split(ecal, range(0, len(ecal), max(1, CELLS_AT_A_TIME // num_cells))[1:])
    return np.concatenate([_block_spectrum(block, num_cells) for block in blocks])


def _block_spectrum(ecal: NDArray[np.float32], num_cells: int) -> Array:
    num_bins = len(SPECTRUM_EDGES_GEV) - 1
    cells = ecal.reshape(-1)
    hit = np.flatnonzero(cells >= np.float32(SPECTRUM_EDGES_GEV[0]))
    bins = np.searchsorted(np.array(SPECTRUM_EDGES_GEV[1:-1], dtype=np.float32), cells[hit], side="right")
    counts = np.bincount(hit // num_cells * num_bins + bins, minlength=len(ecal) * num_bins)
    return counts.reshape(len(ecal), num_bins).astype(np.float64)


def _ring_members(num_x: int, num_y: int) -> Array:
    """(X * Y, R) 1 where a cell's centre lies in a ring: ring r holds distances from r - 1/2 to r + 1/2 cells."""
    x, y = np.meshgrid(np.arange(num_x) - (num_x - 1) / 2, np.arange(num_y) - (num_y - 1) / 2, indexing="ij")
    ring = np.floor(np.hypot(x, y) + 0.5).astype(np.int64).ravel()
    num_rings = (min(num_x, num_y) - 1) // 2 + 1
    members: Array = (ring[:, None] == np.arange(num_rings)).astype(np.float64)
    return members


def _variance(weights: Array) -> Array:
    """(N,) variance of the position along the last axis, weighted; NaN where the weights are all zero."""
    position = np.arange(weights.shape[1], dtype=np.float64)
    total = np.where(weights.sum(axis=1) > 0, weights.sum(axis=1), np.nan)
    mean = weights @ position / total
    variance: Array = weights @ position**2 / total - mean**2
    return variance


def _slope(plane: Array) -> Array:
    """(N,) change of the transverse position per layer, energy-weighted straight line through the cells of (N, X, Z)."""
    _, num_x, num_z = plane.shape
    x, z = np.arange(num_x) - (num_x - 1) / 2, np.arange(num_z) - (num_z - 1) / 2
    along_x, along_z = plane.sum(axis=2), plane.sum(axis=1)
    total = np.where(along_z.sum(axis=1) > 0, along_z.sum(axis=1), np.nan)
    mean_x, mean_z = along_x @ x / total, along_z @ z / total
    covariance = np.einsum("nxz,x,z->n", plane, x, z, optimize=True) / total - mean_x * mean_z
    variance = along_z @ z**2 / total - mean_z**2
    slope: Array = covariance / np.where(variance > 0, variance, np.nan)
    return slope
