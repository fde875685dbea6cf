"""The digest over all facts in use: any byte of any of them changes it, and nothing else does."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from burst import facts
from burst.facts import rows
from burst.facts.snapshots import of_folder
from trainer.refusal import Refusal

TABLES = sorted(path.name for path in rows.FOLDER.glob("*.csv"))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the shipped tables; each test leaves it as it was."""
    copy = tmp_path_factory.mktemp("facts")
    for name in TABLES:
        shutil.copy(rows.FOLDER / name, copy / name)
    return copy


def test_equal_tables_have_equal_digests_wherever_they_lie(folder: Path) -> None:
    assert of_folder(folder) == facts.snapshot()


@pytest.mark.parametrize("name", TABLES)
def test_any_byte_of_any_table_changes_the_digest(folder: Path, name: str) -> None:
    path, before = folder / name, of_folder(folder)
    content = path.read_bytes()
    for position in (0, len(content) // 2, len(content) - 1):
        changed = bytearray(content)
        changed[position] ^= 1
        path.write_bytes(changed)
        assert of_folder(folder).sha256 != before.sha256
    path.write_bytes(content)
    assert of_folder(folder) == before


def test_a_table_of_another_name_changes_the_digest(folder: Path) -> None:
    before = of_folder(folder)
    renamed = (folder / "sizes.csv").rename(folder / "sizes_2.csv")
    assert of_folder(folder).sha256 != before.sha256
    renamed.rename(folder / "sizes.csv")
    assert of_folder(folder) == before


def test_the_users_own_measurements_are_facts_too(folder: Path, tmp_path: Path) -> None:
    own, before = tmp_path / "calibration.csv", of_folder(folder)
    assert of_folder(folder, own=own) == before, "none yet"
    own.write_text("a", encoding="utf-8")
    measured = of_folder(folder, own=own)
    own.write_text("b", encoding="utf-8")
    assert len({before.sha256, measured.sha256, of_folder(folder, own=own).sha256}) == 3


def test_older_prices_change_nothing(folder: Path) -> None:
    before, older = of_folder(folder), folder / "prices-2020-01-01.csv"
    older.write_text("provider\nany\n", encoding="utf-8")
    assert of_folder(folder) == before
    older.unlink()


@pytest.mark.parametrize("name", ["prices-2031-02-03.csv", "prices-2031-02-03_02.csv"])
def test_the_newest_prices_are_in_use_and_date_the_snapshot(folder: Path, name: str) -> None:
    before, newer = of_folder(folder), folder / name
    newer.write_text("provider\nany\n", encoding="utf-8")
    after = of_folder(folder)
    newer.unlink()
    assert (after.prices_file, after.date) == (name, "2031-02-03")
    assert after.sha256 != before.sha256


def test_the_second_prices_of_a_day_are_newer_than_the_first(folder: Path) -> None:
    second = folder / f"prices-{facts.snapshot().date}_02.csv"
    second.write_text("provider\nany\n", encoding="utf-8")
    in_use = of_folder(folder).prices_file
    second.unlink()
    assert in_use == second.name


def test_what_is_no_table_changes_nothing(folder: Path) -> None:
    before, note = of_folder(folder), folder / "README.md"
    note.write_text("a note", encoding="utf-8")
    assert of_folder(folder) == before
    note.unlink()


def test_a_folder_without_prices_is_refused_with_what_brings_them_back(tmp_path: Path) -> None:
    with pytest.raises(Refusal, match="burst facts refresh"):
        of_folder(tmp_path)


def test_a_snapshot_shows_its_date_and_the_start_of_its_digest() -> None:
    shown = facts.snapshot()
    assert str(shown) == f"{shown.date} (sha256 {shown.sha256[:12]})"
