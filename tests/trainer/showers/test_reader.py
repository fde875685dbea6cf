"""Data sets of one file and of many."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.trainer.showers.shower_files import Write, deposits_gev
from trainer.refusal import Refusal
from trainer.showers import digest, reader
from trainer.showers.schema import Showers


def write_three(write_file: Write) -> Path:
    """Three files of 12 showers, with energies 1 to 36 GeV in the order of their names."""
    for number in range(3):
        energy = np.arange(12 * number + 1, 12 * number + 13, dtype=np.float32)
        path = write_file(f"Ele_{number}.h5", energy=energy, ECAL=1e3 * deposits_gev(energy, (25, 25, 25)))
    return path.parent


def test_a_folder_and_a_pattern_are_one_data_set(write_file: Write) -> None:
    folder = write_three(write_file)
    for path in (folder, f"{folder}/Ele_?.h5"):
        assert reader.inspect(path).num_showers == 36
        np.testing.assert_array_equal(reader.read(path).energy, np.arange(1, 37))


def test_showers_are_given_in_the_order_asked_for(write_file: Write) -> None:
    folder = write_three(write_file)
    wanted = np.array([30, 2, 2, 35, 13, 0])
    showers = reader.read(folder, wanted)
    np.testing.assert_array_equal(showers.energy, wanted + 1)
    np.testing.assert_allclose(showers.ecal.sum(axis=(1, 2, 3)), 0.02 * (wanted + 1), rtol=1e-5)
    np.testing.assert_array_equal(reader.read(folder, range(10, 14)).energy, [11, 12, 13, 14])


def test_showers_that_are_not_there_are_refused(write_file: Write) -> None:
    with pytest.raises(Refusal, match=r"showers 11 to 12 of .*; expected 0 to 11"):
        reader.read(write_file(), range(11, 13))


def test_files_of_different_forms_are_not_one_data_set(write_file: Write) -> None:
    energy = np.linspace(100, 200, 12, dtype=np.float32)
    write_file("a.h5")
    path = write_file("b.h5", ECAL=50 * deposits_gev(energy, (51, 51, 25)), energy=energy, attributes={})
    with pytest.raises(Refusal, match=r"b.h5 holds showers of \(51, 51, 25\) cells; expected \(25, 25, 25\), as in .*a.h5"):
        reader.inspect(path.parent)


@pytest.mark.parametrize("path", ["missing.h5", "missing*.h5", "."])
def test_a_path_without_showers_is_refused(path: str, tmp_path: Path) -> None:
    with pytest.raises(Refusal, match="no showers at"):
        reader.inspect(tmp_path / path)


def test_a_file_that_changes_is_looked_at_again(write_file: Write) -> None:
    path = write_file()
    before = reader.inspect(path)
    write_file(energy=np.linspace(11, 100, 12))
    os.utime(path, ns=(1, 1))
    assert reader.inspect(path).sha256 != before.sha256
    assert reader.inspect(path).sampling_fraction != before.sampling_fraction


def test_the_digest_is_the_one_of_sha256sum(write_file: Write) -> None:
    path = write_file()
    assert reader.inspect(path).sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


def test_the_digest_of_a_folder_depends_on_contents_and_names(write_file: Write) -> None:
    folder = write_three(write_file)
    before = reader.inspect(folder).sha256
    (folder / "Ele_2.h5").rename(folder / "Ele_3.h5")
    assert reader.inspect(folder).sha256 != before


def test_a_large_file_is_hashed_once(write_file: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(digest, "CACHED_FROM_BYTES", 0)
    path = write_file()
    status = path.stat()
    before = digest.sha256_of_file(path)
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))  # as if unchanged: only reading it again could tell
    assert digest.sha256_of_file(path) == before
    os.utime(path, ns=(1, 1))
    assert digest.sha256_of_file(path) == hashlib.sha256(data).hexdigest() != before


def test_looking_at_a_file_needs_no_torch(write_file: Write) -> None:
    code = "import sys; from trainer.showers import reader; reader.inspect(sys.argv[1]); assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code, str(write_file())], check=True)


@given(num_showers=st.integers(2, 500), test_fraction=st.floats(0.01, 0.99))
def test_a_split_is_a_partition_with_both_parts(num_showers: int, test_fraction: float) -> None:
    train, test = reader.split(num_showers, test_fraction)
    assert len(train) >= 1
    assert len(test) >= 1
    assert sorted([*train, *test]) == list(range(num_showers))
    assert abs(len(test) - num_showers * test_fraction) <= 1
    np.testing.assert_array_equal(reader.split(num_showers, test_fraction)[0], train)


def test_joined_showers_can_be_taken_apart() -> None:
    one = Showers(ecal=np.ones((2, 1, 1, 1), np.float32), energy=np.ones(2, np.float32), theta=np.ones(2, np.float32))
    both = Showers.joined(one, one[:1])
    assert len(both) == 3
    assert both[np.array([2, 0])].ecal.shape == (2, 1, 1, 1)
