"""Files of showers for the tests: like ours, like CERN's, and broken ones."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from tests.trainer.showers.shower_files import Write, deposits_gev


@pytest.fixture(autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))


@pytest.fixture
def write_file(tmp_path: Path) -> Write:
    """Writes arrays and attributes to an HDF5 file: a sound file of 12 fixed-angle showers in MeV but for what is given."""

    def write(name: str = "showers.h5", *, attributes: dict[str, str] | None = None, **arrays: Any) -> Path:
        energy = np.linspace(10, 100, 12, dtype=np.float32)
        sound = {
            "ECAL": deposits_gev(energy, (25, 25, 25)) * 1e3,
            "energy": energy,
            "theta": np.full(12, np.pi / 2, np.float32),
        }
        with h5py.File(tmp_path / name, "w") as file:
            file.attrs.update({"ecal_unit": "MeV", "energy_unit": "GeV"} if attributes is None else attributes)
            for key, array in {**sound, **arrays}.items():
                if array is not None:
                    file[key] = array
        return tmp_path / name

    return write
