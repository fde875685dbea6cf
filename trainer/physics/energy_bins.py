"""The energy sum in bins of the electron's energy: response, sampling fraction, resolution."""

from __future__ import annotations

import itertools
import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from trainer.physics.bootstrap import Array, Bootstrap, at_fixed_energy, divided, measured
from trainer.physics.observables import Observed
from trainer.physics.values import UNDEFINED, EnergyBin

MAX_BINS, SHOWERS_WANTED_PER_BIN, MIN_SHOWERS_PER_BIN = 5, 20, 10
"""With 10 showers a resolution is known to 0.96 / sqrt(10) = 30%; fewer give none."""


class Binned(NamedTuple):
    """Energy bins, and the replicas (1 + B, bins) of their figures; NaN in a bin with too few showers."""

    bins: tuple[EnergyBin, ...]
    response: Array
    sampling_geant4: Array
    sampling_gan: Array
    resolution_ratio: Array


def bin_edges(energy: Array) -> list[tuple[float, float]]:
    """Up to five equal bins over the range of `energy` (GeV), rounded outwards to 10 GeV (to 1 GeV where narrower than 50 GeV).

    >>> bin_edges(np.linspace(10.2, 99.7, 300))
    [(10.0, 28.0), (28.0, 46.0), (46.0, 64.0), (64.0, 82.0), (82.0, 100.0)]
    """
    lowest, highest = float(energy.min()), float(energy.max())
    step = 10 if highest - lowest >= 50 else 1
    low, high = math.floor(lowest / step) * step, (math.floor(highest / step) + 1) * step
    if highest == high - step > low:
        high -= step
    num_bins = max(1, min(MAX_BINS, len(energy) // SHOWERS_WANTED_PER_BIN))
    edges = [float(edge) for edge in np.linspace(low, high, num_bins + 1)]
    return list(itertools.pairwise(edges))


def energy_bins(geant4: Observed, gan: Observed, draw: Bootstrap, edges: list[tuple[float, float]], notes: list[str]) -> Binned:
    """The figures in each bin; a bin with fewer than `MIN_SHOWERS_PER_BIN` gives none and a sentence in `notes`."""
    bins, columns = [], []
    highest_edge = max(high for _, high in edges)
    for low, high in edges:
        inside = (geant4.energy >= low) & ((geant4.energy < high) | ((geant4.energy == high) & (high == highest_edge)))
        members = np.flatnonzero(inside)
        if len(members) < MIN_SHOWERS_PER_BIN:
            notes.append(f"{low:g}-{high:g} GeV: {len(members)} showers, {MIN_SHOWERS_PER_BIN} needed")
            bins.append(_empty_bin(low, high, len(members)))
            columns.append(np.full((len(draw.weights), 4), np.nan))
            continue
        energy_bin, replicas = _bin(geant4, gan, draw.of(members), members, low, high)
        bins.append(energy_bin)
        columns.append(replicas)
    response, sampling_geant4, sampling_gan, resolution_ratio = np.stack(columns).transpose(2, 1, 0)
    return Binned(tuple(bins), response, sampling_geant4, sampling_gan, resolution_ratio)


def _bin(
    geant4: Observed, gan: Observed, draw: Bootstrap, members: NDArray[np.int64], low: float, high: float
) -> tuple[EnergyBin, Array]:
    energy = geant4.energy[members]
    total_geant4, total_gan = geant4.total[members], gan.total[members]
    response = divided(draw.mean(at_fixed_energy(total_gan, energy)), draw.mean(at_fixed_energy(total_geant4, energy)))
    sampling, resolution = [], []
    for total in (total_geant4, total_gan):
        fraction = total / energy
        sampling.append(draw.mean(at_fixed_energy(fraction, energy)))
        resolution.append(divided(draw.width_about_line(fraction, energy), sampling[-1]))
    energy_bin = EnergyBin(
        low_gev=low,
        high_gev=high,
        num_showers=len(members),
        response=measured(response),
        sampling_geant4=measured(sampling[0]),
        sampling_gan=measured(sampling[1]),
        resolution_geant4=measured(resolution[0]),
        resolution_gan=measured(resolution[1]),
    )
    return energy_bin, np.stack([response, *sampling, divided(resolution[1], resolution[0])], axis=1)


def _empty_bin(low: float, high: float, num_showers: int) -> EnergyBin:
    return EnergyBin(
        low_gev=low,
        high_gev=high,
        num_showers=num_showers,
        response=UNDEFINED,
        sampling_geant4=UNDEFINED,
        sampling_gan=UNDEFINED,
        resolution_geant4=UNDEFINED,
        resolution_gan=UNDEFINED,
    )
