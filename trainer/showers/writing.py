"""Our HDF5 files: written in parts that can be joined without touching the compressed data.

Deposits are float16 in MeV: relative error at most 2^-11 above 0.06 keV, which is far below the noise of any calorimeter,
and half the size of float32. gzip 9 without byte shuffle is smallest (measured: shuffle adds 10%, as most bytes are zeros).
Nothing of the time or the machine is stored, so the same showers give the same bytes.
"""

from __future__ import annotations

import importlib.metadata
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import h5py
import numpy as np
from numpy.typing import NDArray

from trainer.refusal import Refusal
from trainer.showers import calorimeter, geant4
from trainer.showers.recipe import Recipe
from trainer.showers.schema import SCHEMA_VERSION

CHUNK_SHOWERS = 10
"""Showers in one compressed chunk: 0.3 MB (25^3) or 1.3 MB (51 x 51 x 25) of float16, a fair unit to read."""
GENERATOR_VERSION = 1
"""Raised when the same recipe would give other showers."""
FLOAT16_MAX = float(np.finfo(np.float16).max)
PHYSICS = (
    "Geant4 standard EM processes without data sets: eBremsstrahlung by the analytic relativistic model at all energies "
    "(the standard list: Seltzer-Berger below 1 GeV)"
)
NOTICE = "This product includes software developed by Members of the Geant4 Collaboration ( http://cern.ch/geant4 )"


def attributes(recipe: Recipe, geant4_version: str) -> dict[str, str | int | float]:
    """What a file says about itself: units, recipe, calorimeter, versions, notice."""
    return {
        "schema_version": SCHEMA_VERSION,
        "ecal_unit": "MeV",
        "energy_unit": "GeV",
        "theta_unit": "rad",
        "particle": "e-",
        **recipe.attributes(),
        "generator_version": GENERATOR_VERSION,
        "geant4": geant4_version,
        "geant4_pybind": importlib.metadata.version(geant4.PACKAGE),
        "physics": PHYSICS,
        "notice": NOTICE,
        "num_layers": calorimeter.NUM_LAYERS,
        "cell_mm": calorimeter.CELL_MM,
        "tungsten_mm": calorimeter.TUNGSTEN_MM,
        "silicon_mm": calorimeter.SILICON_MM,
        "air_mm": calorimeter.AIR_MM,
        "back_plate_mm": calorimeter.BACK_PLATE_MM,
        "cut_mm": calorimeter.CUT_MM,
    }


def write(
    path: Path,
    ecal_mev: NDArray[np.float32],
    energy_gev: Sequence[float],
    theta_rad: Sequence[float],
    attributes: Mapping[str, str | int | float],
) -> None:
    """Write showers (N, X, Y, Z), atomically; refuses deposits that float16 cannot hold."""
    largest_mev = float(ecal_mev.max(initial=0))
    if largest_mev > FLOAT16_MAX:
        raise Refusal(
            f"a cell holds {largest_mev:.0f} MeV",
            expected=f"at most {FLOAT16_MAX:.0f} MeV, what float16 can store",
            remedy="simulate lower energies",
        )
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    with h5py.File(partial, "w") as file:
        file.attrs.update(attributes)
        _create_ecal(file, ecal_mev.shape)[:] = ecal_mev.astype(np.float16)
        file["energy"] = np.asarray(energy_gev, np.float32)
        file["theta"] = np.asarray(theta_rad, np.float32)
    partial.replace(path)


def join(parts: Sequence[Path], path: Path) -> None:
    """Join files of `write` into one. All but the last must hold a multiple of `CHUNK_SHOWERS`."""
    lengths, energy, theta = [], [], []
    with h5py.File(path, "w") as out:
        for part in parts:
            with h5py.File(part) as file:
                out.attrs.update(file.attrs)
                shape = file["ECAL"].shape
                lengths.append(shape[0])
                energy.append(file["energy"][:])
                theta.append(file["theta"][:])
        assert all(length % CHUNK_SHOWERS == 0 for length in lengths[:-1])
        ecal = _create_ecal(out, (sum(lengths), *shape[1:]))
        out["energy"], out["theta"] = np.concatenate(energy), np.concatenate(theta)
        first = 0
        for part, length in zip(parts, lengths, strict=True):
            _copy_chunks(part, ecal, first, length)
            first += length


def _copy_chunks(part: Path, ecal: h5py.Dataset, first: int, length: int) -> None:
    """As they are, compressed."""
    with h5py.File(part) as file:
        for offset in range(0, length, CHUNK_SHOWERS):
            filters, data = file["ECAL"].id.read_direct_chunk((offset, 0, 0, 0))
            ecal.id.write_direct_chunk((first + offset, 0, 0, 0), data, filters)


def _create_ecal(file: h5py.File, shape: tuple[int, ...]) -> h5py.Dataset:
    chunks = (CHUNK_SHOWERS, *shape[1:])  # also where fewer showers are stored, so that parts can be joined
    return file.create_dataset(
        "ECAL", shape, np.float16, maxshape=(None, *shape[1:]), chunks=chunks, compression="gzip", compression_opts=9
    )
