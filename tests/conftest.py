"""Showers for tests that need a file of them and not Geant4's physics."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest

NUM_TOY_SHOWERS = 64
SAMPLING_FRACTION = 0.02


@pytest.fixture(scope="session")
def toy_showers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file of 64 showers, 25 x 25 x 25 cells, with a plausible profile in depth and across, and fluctuating cells."""
    rng = np.random.default_rng(1)
    energy_gev = rng.uniform(10, 100, NUM_TOY_SHOWERS).astype(np.float32)
    layers, cells = np.arange(25.0), np.abs(np.arange(25.0) - 12)
    depth, across = layers**2 * np.exp(-layers / 3), np.exp(-cells / 1.2)
    mean = across[:, None, None] * across[None, :, None] * depth
    ecal = rng.gamma(0.5, 2.0, size=(NUM_TOY_SHOWERS, *mean.shape)) * mean
    ecal *= (SAMPLING_FRACTION * energy_gev / ecal.sum(axis=(1, 2, 3)))[:, None, None, None]
    path = tmp_path_factory.mktemp("showers") / "toy.h5"
    with h5py.File(path, "w") as file:
        file.create_dataset("ECAL", data=ecal.astype(np.float32), chunks=(16, 25, 25, 25), compression="lzf")
        file["energy"] = energy_gev
        file["theta"] = np.full(NUM_TOY_SHOWERS, np.pi / 2, np.float32)
        file.attrs.update(ecal_unit="GeV", energy_unit="GeV", angle_unit="rad")
    return path
