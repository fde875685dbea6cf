from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from engine.places import VENV
from engine.progress import Step
from sandbox.cluster import horovod
from trainer.refusal import Refusal


@pytest.fixture
def step(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Step:
    monkeypatch.setattr("engine.progress.LOGS", tmp_path)
    return Step("horovod-mpi")


def test_what_is_there_is_taken_as_it_is(step: Step, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    folder = tmp_path / "hepburst" / "cluster" / f"horovod-mpi-{horovod.recipe_digest()}"
    folder.mkdir(parents=True)
    assert horovod.mpi_horovod(step, {"PATH": ""}) == folder


def test_a_machine_without_debians_tools_is_refused_before_anything_is_made(
    step: Step, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    with pytest.raises(Refusal, match="no apt-get"):
        horovod.mpi_horovod(step, {"PATH": str(tmp_path)})
    assert not (tmp_path / "cache").exists()


def test_another_torch_or_other_settings_are_another_horovod(monkeypatch: pytest.MonkeyPatch) -> None:
    before = horovod.recipe_digest()
    assert len(before) == 12
    assert horovod.recipe_digest() == before
    monkeypatch.setattr(horovod, "_settings", lambda: {"tools": [], "variables": {}})
    assert horovod.recipe_digest() != before


@pytest.mark.cluster
def test_horovod_with_mpi_is_built_from_nothing_and_can_both(
    step: Step, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from engine.python_environment import machine_uv

    uv = machine_uv(os.environ)
    assert uv is not None
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    folder = horovod.mpi_horovod(step, {**os.environ, "PATH": f"{uv.parent}{os.pathsep}{os.environ['PATH']}"})
    assert {path.name for path in folder.iterdir() if not path.name.endswith(".dist-info")} == {"horovod"}
    assert [path.name for path in folder.parent.iterdir() if path.name.startswith(".")] == [".horovod-mpi.lock"]
    ask = [str(VENV / "bin" / "python"), "-c", "import horovod; print(horovod.__file__)"]
    said = subprocess.run(ask, env={**os.environ, "PYTHONPATH": str(folder)}, capture_output=True, text=True, check=True)
    assert said.stdout.strip() == str(folder / "horovod" / "__init__.py")
