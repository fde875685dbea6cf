from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from engine.places import PROJECT
from engine.stamp import LOCKED_FILES, Stamp, environment_digest


@pytest.fixture
def project(tmp_path: Path) -> Path:
    for name in LOCKED_FILES:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(PROJECT / name, tmp_path / name)
    return tmp_path


def test_a_stamp_reads_back_as_it_was_written(tmp_path: Path) -> None:
    stamp = Stamp("abc", ("dev",), ("gcp",))
    stamp.write(tmp_path / "new" / "setup.json")
    assert Stamp.read(tmp_path / "new" / "setup.json") == stamp


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"digest": "abc", "groups": 1, "extras": []}'])
def test_a_damaged_stamp_covers_nothing(tmp_path: Path, content: str) -> None:
    (tmp_path / "setup.json").write_text(content)
    assert not Stamp.read(tmp_path / "setup.json").covers(Stamp("abc"))
    assert not Stamp.read(tmp_path / "missing.json").covers(Stamp("abc"))


@pytest.mark.parametrize("name", LOCKED_FILES)
def test_a_change_of_what_is_locked_asks_for_a_set_up(project: Path, name: str) -> None:
    before = environment_digest(project)
    assert environment_digest(project) == before
    with (project / name).open("a") as file:
        file.write("\n")
    assert environment_digest(project) != before


def test_an_environment_does_not_survive_a_move(project: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    moved = shutil.copytree(project, tmp_path_factory.mktemp("elsewhere") / "project")
    assert environment_digest(moved) != environment_digest(project)


def test_a_new_lock_keeps_the_groups_of_the_old_environment() -> None:
    assert Stamp("new").joined(Stamp("old", ("dev",), ("gcp",))) == Stamp("new", ("dev",), ("gcp",))
