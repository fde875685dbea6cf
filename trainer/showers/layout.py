"""What one HDF5 file of showers holds and in which units: ours, or one of the public CERN sets.

Keys: `ECAL` (N, 25, 25, 25) or (N, 51, 51, 25), `energy`, `theta`. Our files state their units as attributes. Files without
attributes are read as CERN's own 3DGAN code reads them (svalleco/3Dgan; Khattak et al., Eur. Phys. J. C 82, 386 (2022)):
- variable angle, 51 x 51 x 25 (Zenodo record 3603086): `ECAL` / 50 is in GeV, `energy` in GeV, `theta` in radian;
- fixed angle, 25 x 25 x 25: `ECAL` in GeV, no `theta` (normal incidence), the energy in GeV as `energy`, or in older files as
  `target[:, 1]` or `energy[:, 0, 1]`.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from trainer.refusal import Refusal
from trainer.showers.schema import SCHEMA_VERSION, Showers

IMAGE_SHAPES = ((25, 25, 25), (51, 51, 25))
CERN_ANGLE_UNITS_PER_GEV = 50.0
"""Of the variable-angle sets (svalleco/3Dgan, AngleTrain3dGAN.py)."""
GEV_PER_UNIT = {"GeV": 1.0, "MeV": 1e-3}
RADIAN_PER_UNIT = {"rad": 1.0, "deg": math.pi / 180}
SAMPLING_FRACTION_LIMITS = (0.005, 0.10)
"""Share of the electron's energy that silicon between absorber plates can see: ours and CERN's have 2 to 3%."""
NUM_SHOWERS_LOOKED_AT = 20
MAX_SPAN_SHOWERS = 100
"""At most so many showers are read in one piece, however large the file's chunks are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """One file, understood. `understand` makes it; `read` uses it."""

    path: Path
    num_showers: int
    image_shape: tuple[int, int, int]
    ecal_gev_per_unit: float
    energy_key: str
    energy_gev_per_unit: float
    theta_radian_per_unit: float | None
    """None: the file has no angle, every shower is at normal incidence."""
    span_showers: int
    """Showers that lie together in the file: what is worth reading in one piece."""
    sampling_fraction: float
    """Median of the first showers: energy in silicon by the electron's energy."""
    attributes: dict[str, str | int | float]


def understand(path: Path) -> Layout:
    """Look at a file's keys, shapes, types and units, and at its first showers. Refuses what is no file of showers, by name."""
    with _opened(path) as file:
        ecal = _dataset(file, path, "ECAL")
        if ecal.ndim != 4 or ecal.shape[1:] not in IMAGE_SHAPES:
            raise Refusal(
                f"{path}: ECAL has shape {ecal.shape}", expected="(N, 25, 25, 25) or (N, 51, 51, 25)", remedy="crop the showers"
            )
        attributes = {key: value.item() if isinstance(value, np.generic) else value for key, value in file.attrs.items()}
        if attributes.get("schema_version", SCHEMA_VERSION) != SCHEMA_VERSION:
            raise Refusal(
                f"{path} has schema_version {attributes['schema_version']}",
                expected=f"{SCHEMA_VERSION}",
                remedy="use the release that wrote it",
            )
        energy_key = "target" if "target" in file and "energy" not in file else "energy"
        _dataset(file, path, energy_key)
        has_theta = "theta" in file
        if has_theta:
            _dataset(file, path, "theta")
        elif ecal.shape[1] == 51:
            raise Refusal(f"{path} has no theta", expected="theta (N,) in radian", remedy="add the angles of the electrons")
        layout = Layout(
            path=path,
            num_showers=ecal.shape[0],
            image_shape=ecal.shape[1:],
            ecal_gev_per_unit=_ecal_gev_per_unit(attributes, ecal.shape[1], path),
            energy_key=energy_key,
            energy_gev_per_unit=_factor(attributes, "energy_unit", "GeV", GEV_PER_UNIT, path),
            theta_radian_per_unit=_factor(attributes, "theta_unit", "rad", RADIAN_PER_UNIT, path) if has_theta else None,
            span_showers=min(ecal.chunks[0] if ecal.chunks else 10, MAX_SPAN_SHOWERS),
            sampling_fraction=math.nan,
            attributes=attributes,
        )
        _check_lengths(file, layout)
    return dataclasses.replace(layout, sampling_fraction=_plausible_sampling_fraction(layout))


def read(layout: Layout, rows: NDArray[np.int64]) -> Showers:
    """The showers of rows (rising, without repeats) in GeV and radian. Refuses NaN, negative and unreadable values by name."""
    with _opened(layout.path) as file:
        energy_gev = _energies(file, layout)[rows]
        theta = _thetas(file, layout)[rows]
        ecal_gev = np.empty((len(rows), *layout.image_shape), np.float32)
        spans = rows // layout.span_showers
        for span in np.unique(spans):
            chosen = np.flatnonzero(spans == span)  # one run, as rows rise
            first, last = rows[chosen[0]], rows[chosen[-1]]
            ecal_gev[chosen] = file["ECAL"][first : last + 1][rows[chosen] - first]
    ecal_gev *= np.float32(layout.ecal_gev_per_unit)
    _check_values(layout, rows, "ECAL", ecal_gev.min(axis=(1, 2, 3)) >= 0, "no NaN and nothing negative")
    _check_values(layout, rows, "ECAL", np.isfinite(ecal_gev.max(axis=(1, 2, 3))), "finite deposits")
    _check_values(layout, rows, layout.energy_key, (energy_gev > 0) & np.isfinite(energy_gev), "energies above 0")
    _check_values(layout, rows, "theta", (theta > 0) & (theta < math.pi), "angles between 0 and pi")
    return Showers(ecal=ecal_gev, energy=energy_gev, theta=theta)


@contextmanager
def _opened(path: Path) -> Iterator[h5py.File]:
    if not path.is_file():
        raise Refusal(f"there is no file {path}", expected="an HDF5 file of showers", remedy="check the path")
    if path.stat().st_size == 0:
        raise Refusal(f"{path} is empty", expected="an HDF5 file of showers", remedy="fetch or make the file again")
    if not h5py.is_hdf5(path):
        raise Refusal(f"{path} is no HDF5 file", expected="an HDF5 file of showers", remedy="check the path")
    try:
        with h5py.File(path, "r") as file:
            yield file
    except OSError as problem:
        reason = "truncated" if "truncated" in str(problem) else f"damaged ({problem})"
        raise Refusal(f"{path} is {reason}", expected="a whole HDF5 file", remedy="fetch or make the file again") from None


def _dataset(file: h5py.File, path: Path, key: str) -> h5py.Dataset:
    dataset = file.get(key)
    if not isinstance(dataset, h5py.Dataset):
        raise Refusal(
            f"{path} has no {key} (it has {', '.join(file) or 'nothing'})",
            expected="ECAL, energy and, but for normal incidence, theta",
            remedy="name the arrays of the file so",
        )
    if dataset.dtype.kind != "f":
        raise Refusal(f"{path}: {key} holds {dataset.dtype}", expected="floating-point numbers", remedy="store it as float32")
    if len(dataset.shape) == 0 or dataset.shape[0] == 0:
        raise Refusal(f"{path} holds no showers", expected="at least one", remedy="check how the file was made")
    return dataset


def _factor(attributes: dict[str, Any], key: str, default: str, factors: dict[str, float], path: Path) -> float:
    unit = attributes.get(key, default)
    if unit not in factors:
        raise Refusal(f"{path}: {key} is {unit!r}", expected=" or ".join(factors), remedy=f"correct the attribute {key}")
    return factors[unit]


def _ecal_gev_per_unit(attributes: dict[str, Any], num_x: int, path: Path) -> float:
    if "ecal_unit" not in attributes and num_x == 51:
        return 1 / CERN_ANGLE_UNITS_PER_GEV
    return _factor(attributes, "ecal_unit", "GeV", GEV_PER_UNIT, path)


def _energies(file: h5py.File, layout: Layout) -> NDArray[np.float32]:
    """(N,) GeV. In CERN's older files a row is (particle id, energy), or a table that begins with such a row."""
    values = file[layout.energy_key][:]
    if values.ndim == 3:
        values = values[:, 0]
    if values.ndim == 2:
        values = values[:, min(1, values.shape[1] - 1)]
    return np.asarray(values * layout.energy_gev_per_unit, np.float32)


def _thetas(file: h5py.File, layout: Layout) -> NDArray[np.float32]:
    if layout.theta_radian_per_unit is None:
        return np.full(layout.num_showers, math.pi / 2, np.float32)
    return np.asarray(file["theta"][:].reshape(-1) * layout.theta_radian_per_unit, np.float32)


def _check_lengths(file: h5py.File, layout: Layout) -> None:
    """One value a shower, alone or as `_energies` finds it."""
    for key in (layout.energy_key, "theta"):
        if key == "theta" and layout.theta_radian_per_unit is None:
            continue
        num_rows, *row = file[key].shape
        is_value = row in ([], [1]) and key != "target"
        is_table = key != "theta" and len(row) in (1, 2) and row[-1] >= 2
        if num_rows != layout.num_showers or not (is_value or is_table):
            raise Refusal(
                f"{layout.path}: {key} has shape {file[key].shape}, ECAL has {layout.num_showers} showers",
                expected="one value for each shower",
                remedy="check how the file was made",
            )


def _plausible_sampling_fraction(layout: Layout) -> float:
    """Of the first showers. A wrong unit is off by 20 or more, and shows here."""
    showers = read(layout, np.arange(min(layout.num_showers, NUM_SHOWERS_LOOKED_AT)))
    fraction = float(np.median(showers.ecal.sum(axis=(1, 2, 3), dtype=np.float64) / showers.energy))
    low, high = SAMPLING_FRACTION_LIMITS
    if not low <= fraction <= high:
        raise Refusal(
            f"{layout.path}: silicon holds {fraction:.3%} of the electrons' energy; units?",
            expected=f"{low:.1%} to {high:.0%}, as in a sampling calorimeter",
            remedy="state the units in the file's attributes ecal_unit and energy_unit (GeV or MeV)",
        )
    return fraction


def _check_values(layout: Layout, rows: NDArray[np.int64], key: str, good: NDArray[np.bool_], expected: str) -> None:
    if not good.all():
        row = int(rows[np.argmin(good)])
        raise Refusal(
            f"{layout.path}: {key} of shower {row} is not sound", expected=expected, remedy="check how the file was made"
        )
