from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from engine import machine
from engine.machine import Room, Work, problems
from tests.engine.conftest import MakeProgram

COMPILES = Work(builds_engine=False, fetches_go=False, syncs_python=True, fetches_uv=False)
COMPILES_NOTHING = Work(builds_engine=True, fetches_go=False, syncs_python=False, fetches_uv=False)


def test_this_machine_has_what_it_needs() -> None:
    assert problems(COMPILES, [], os.environ) == []


def test_every_missing_tool_is_told_at_once_with_its_remedy(programs: Path) -> None:
    told = [str(problem) for problem in problems(COMPILES, [], {"PATH": str(programs)})]
    assert [text.split(" on PATH")[0] for text in told] == [
        "there is no make",
        "there is no bash",
        "there is no cc",
        "there is no C++ compiler",
    ]
    assert all("apt install build-essential" in text for text in told)


def test_a_compiler_without_c17_is_refused_with_its_own_words(program: MakeProgram, programs: Path) -> None:
    for name in ("make", "bash", "cc"):
        program(name, "exit 0")
    program("c++", "echo 'c++: error: unrecognized option -std=c++17' >&2; exit 1")
    (problem,) = problems(COMPILES, [], {"PATH": str(programs)})
    assert "unrecognized option" in str(problem)
    assert "GCC 9" in str(problem)


def test_no_compiler_is_asked_for_where_nothing_is_compiled(programs: Path) -> None:
    assert problems(COMPILES_NOTHING, [], {"PATH": str(programs)}) == []


def test_a_full_disk_is_refused_with_what_is_free_and_what_is_needed(tmp_path: Path) -> None:
    (problem,) = problems(COMPILES_NOTHING, [Room(tmp_path / "not" / "there" / "yet", 1e6)], os.environ)
    assert "GB are free" in str(problem)
    assert "expected 1000000.0 GB" in str(problem)


def test_folders_on_one_disk_share_its_space(tmp_path: Path) -> None:
    most = 0.6 * shutil.disk_usage(tmp_path).free / 1e9
    assert problems(COMPILES_NOTHING, [Room(tmp_path, most)], os.environ) == []
    assert len(problems(COMPILES_NOTHING, [Room(tmp_path / "a", most), Room(tmp_path / "b", most)], os.environ)) == 1


def test_a_machine_with_too_little_memory_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "_memory_gb", lambda: 2.0)
    (problem,) = problems(COMPILES_NOTHING, [], os.environ)
    assert "2.0 GB of memory; expected 4 GB" in str(problem)


def test_another_operating_system_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("platform.system", lambda: "Windows")
    (problem,) = problems(COMPILES_NOTHING, [], os.environ)
    assert "WSL 2" in str(problem)
