"""The units and forms of files, and the refusal of what is none."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest

from tests.trainer.showers.shower_files import Write, deposits_gev
from trainer.refusal import Refusal
from trainer.showers import reader

ENERGY = np.linspace(100, 200, 12, dtype=np.float32)


def test_our_files_in_mev_are_read_in_gev(write_file: Write) -> None:
    showers = reader.read(write_file())
    assert showers.ecal.dtype == np.float32
    np.testing.assert_allclose(showers.ecal.sum(axis=(1, 2, 3)), 0.02 * np.linspace(10, 100, 12), rtol=1e-5)


def test_cerns_variable_angle_files_hold_fifty_times_gev(write_file: Write) -> None:
    theta = np.linspace(1.1, 2.0, 12)
    path = write_file(ECAL=50 * deposits_gev(ENERGY, (51, 51, 25)), energy=ENERGY, theta=theta, attributes={})
    showers = reader.read(path)
    np.testing.assert_allclose(showers.ecal.sum(axis=(1, 2, 3)), 0.02 * ENERGY, rtol=1e-5)
    np.testing.assert_allclose(showers.energy, ENERGY)
    np.testing.assert_allclose(showers.theta, theta, rtol=1e-6)


@pytest.mark.parametrize(
    ("key", "rows"),
    [
        ("energy", lambda energy: energy),
        ("energy", lambda energy: energy[:, None]),
        ("target", lambda energy: np.stack([np.full_like(energy, 11), energy], axis=1)),
        ("energy", lambda energy: np.stack([np.full_like(energy, 11), energy], axis=1)[:, None]),
    ],
    ids=["energy", "energy of one column", "target[:, 1]", "energy[:, 0, 1]"],
)
def test_cerns_fixed_angle_files_hold_gev_and_no_angle(
    write_file: Write, key: str, rows: Callable[[np.ndarray], np.ndarray]
) -> None:
    arrays = {"energy": None, key: rows(ENERGY)}
    showers = reader.read(write_file(ECAL=deposits_gev(ENERGY, (25, 25, 25)), theta=None, attributes={}, **arrays))
    np.testing.assert_allclose(showers.ecal.sum(axis=(1, 2, 3)), 0.02 * ENERGY, rtol=1e-5)
    np.testing.assert_allclose(showers.energy, ENERGY)
    np.testing.assert_allclose(showers.theta, math.pi / 2)


def test_a_wrong_unit_is_seen_by_the_sampling_fraction(write_file: Write) -> None:
    path = write_file(ECAL=50 * deposits_gev(ENERGY, (25, 25, 25)), energy=ENERGY, attributes={})
    with pytest.raises(Refusal, match=r"showers.h5: silicon holds 100\.000% of the electrons' energy; units\?.*ecal_unit"):
        reader.inspect(path)


SOUND_ECAL = 1e3 * deposits_gev(np.linspace(10, 100, 12, dtype=np.float32), (25, 25, 25))


def spoilt(value: float) -> np.ndarray:
    """Shower 7 with one unsound cell."""
    ecal = SOUND_ECAL.copy()
    ecal[7, 3, 2, 1] = value
    return ecal


@pytest.mark.parametrize(
    ("arrays", "said"),
    [
        ({"ECAL": None}, "has no ECAL"),
        ({"energy": None}, "has no energy"),
        ({"ECAL": SOUND_ECAL[:, :24]}, r"ECAL has shape \(12, 24, 25, 25\); expected \(N, 25, 25, 25\) or \(N, 51, 51, 25\)"),
        ({"ECAL": SOUND_ECAL[0]}, r"ECAL has shape \(25, 25, 25\)"),
        ({"ECAL": SOUND_ECAL.astype(np.int32)}, "ECAL holds int32; expected floating-point"),
        ({"ECAL": SOUND_ECAL[:0]}, "holds no showers"),
        ({"ECAL": spoilt(math.nan)}, "ECAL of shower 7 is not sound; expected no NaN"),
        ({"ECAL": spoilt(math.inf)}, "ECAL of shower 7 is not sound; expected finite"),
        ({"ECAL": spoilt(-1)}, "ECAL of shower 7 is not sound; expected .*nothing negative"),
        ({"energy": np.linspace(10, 100, 11)}, r"energy has shape \(11,\), ECAL has 12 showers"),
        ({"energy": np.linspace(-10, 100, 12)}, "energy of shower 0 is not sound"),
        ({"theta": np.full(11, 1.5)}, r"theta has shape \(11,\), ECAL has 12 showers"),
        ({"theta": np.full(12, 90.0)}, "theta of shower 0 is not sound; expected angles between 0 and pi"),
    ],
)
def test_an_unsound_file_is_refused_by_name(write_file: Write, arrays: dict[str, np.ndarray], said: str) -> None:
    with pytest.raises(Refusal, match=f"showers.h5.*{said}"):
        reader.inspect(write_file(**arrays))


def test_variable_angle_showers_without_angles_are_refused(write_file: Write) -> None:
    with pytest.raises(Refusal, match="has no theta"):
        reader.inspect(write_file(ECAL=50 * deposits_gev(ENERGY, (51, 51, 25)), energy=ENERGY, theta=None, attributes={}))


def test_unknown_units_and_schema_versions_are_refused(write_file: Write) -> None:
    with pytest.raises(Refusal, match="ecal_unit is 'keV'; expected GeV or MeV"):
        reader.inspect(write_file("unit.h5", attributes={"ecal_unit": "keV"}))
    with pytest.raises(Refusal, match="schema_version 9; expected 1"):
        reader.inspect(write_file("version.h5", attributes={"schema_version": 9}))


def test_a_truncated_file_is_refused_by_name(write_file: Write) -> None:
    path = write_file()
    path.write_bytes(path.read_bytes()[:-1000])
    with pytest.raises(Refusal, match=r"showers.h5 is truncated"):
        reader.inspect(path)


def test_damaged_chunks_are_refused_by_name(write_file: Write) -> None:
    path = write_file(ECAL=None)
    with h5py.File(path, "r+") as file:
        ecal = file.create_dataset("ECAL", data=SOUND_ECAL, chunks=(12, 25, 25, 25), compression="gzip")
        where = ecal.id.get_chunk_info(0)
    data = bytearray(path.read_bytes())
    middle = where.byte_offset + where.size // 2
    data[middle : middle + 100] = bytes(100)
    path.write_bytes(data)
    with pytest.raises(Refusal, match=r"showers.h5 is damaged"):
        reader.inspect(path)


def test_what_is_no_hdf5_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "text.h5").write_text("ECAL\n")
    (tmp_path / "nothing.h5").touch()
    with pytest.raises(Refusal, match=r"text.h5 is no HDF5 file"):
        reader.inspect(tmp_path / "text.h5")
    with pytest.raises(Refusal, match=r"nothing.h5 is empty"):
        reader.inspect(tmp_path / "nothing.h5")
