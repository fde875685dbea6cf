"""Real Geant4: low energies, so that a shower takes milliseconds."""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
import time
from pathlib import Path

import h5py
import numpy as np
import pytest

from trainer.refusal import Refusal
from trainer.showers import cached, geant4, reader, writing
from trainer.showers.__main__ import main
from trainer.showers.generate import generate, parts_folder_of
from trainer.showers.recipe import Geometry, Recipe

RECIPE = Recipe(geometry=Geometry.FIXED, energy_min_gev=0.5, energy_max_gev=1, seed=5)
COMMAND = [sys.executable, "-m", "trainer.showers"]
ARGUMENTS = ["--energy-min", "0.5", "--energy-max", "1", "--seed", "5"]
NUM_SHOWERS = 160
"""Four blocks, the last one short."""


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Made by one process without interruption."""
    path = tmp_path_factory.mktemp("reference") / "showers.h5"
    generate(RECIPE, NUM_SHOWERS, path, num_processes=1)
    return path


def test_showers_look_like_showers(reference: Path) -> None:
    showers = reader.read(reference)
    assert showers.ecal.shape == (NUM_SHOWERS, 25, 25, 25)
    assert showers.energy.min() >= 0.5
    assert showers.energy.max() <= 1
    fraction = showers.ecal.sum(axis=(1, 2, 3)) / showers.energy
    assert 0.025 < fraction.mean() < 0.033
    layers = showers.ecal.sum(axis=(0, 1, 2))
    assert 3 <= np.argmax(layers) <= 8
    assert np.argmax(showers.ecal.sum(axis=(0, 2, 3))) == np.argmax(showers.ecal.sum(axis=(0, 1, 3))) == 12


def test_the_number_of_processes_does_not_show(reference: Path, tmp_path: Path) -> None:
    generate(RECIPE, NUM_SHOWERS, tmp_path / "showers.h5", num_processes=2)
    assert (tmp_path / "showers.h5").read_bytes() == reference.read_bytes()
    assert [path.name for path in tmp_path.iterdir()] == ["showers.h5"]


def test_a_shorter_set_is_the_beginning_of_a_longer_one(reference: Path, tmp_path: Path) -> None:
    generate(RECIPE, 20, tmp_path / "showers.h5")
    np.testing.assert_array_equal(reader.read(tmp_path / "showers.h5").ecal, reader.read(reference, range(20)).ecal)


def test_another_seed_gives_other_showers(reference: Path, tmp_path: Path) -> None:
    generate(Recipe(geometry=Geometry.FIXED, energy_min_gev=0.5, energy_max_gev=1, seed=6), 5, tmp_path / "other.h5")
    assert not np.isin(reader.read(tmp_path / "other.h5").energy, reader.read(reference).energy).any()


def processes_below(pid: int) -> list[int]:
    children = [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    return children + [below for child in children for below in processes_below(child)]


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_a_stopped_run_leaves_no_process_and_goes_on(reference: Path, tmp_path: Path, how: signal.Signals) -> None:
    out = tmp_path / "showers.h5"
    command = [*COMMAND, "generate", "--num-showers", str(NUM_SHOWERS), *ARGUMENTS, "--processes", "2", "--out", str(out)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        _until(lambda: list(parts_folder_of(out).glob("block-*.h5")), "the first block")
        workers = processes_below(process.pid)
        process.send_signal(how)
        said = process.stderr.read() if how == signal.SIGINT else ""
    if how == signal.SIGINT:
        assert process.returncode == 3
        assert f"what is done is kept in {parts_folder_of(out)}" in said
        assert "Traceback" not in said
    _until(lambda: not any(Path(f"/proc/{worker}").exists() for worker in workers), "the end of the workers")
    kept = {path: path.stat().st_mtime_ns for path in parts_folder_of(out).glob("block-*.h5")}
    assert kept
    assert not out.exists()
    generate(RECIPE, NUM_SHOWERS, out, progress=lambda done, *_: _assert_at_least(done, 10 * len(kept)))
    assert out.read_bytes() == reference.read_bytes()


def _assert_at_least(done: int, kept: int) -> None:
    assert done >= kept, "finished blocks were made again"


def _until(condition, what: str) -> None:  # type: ignore[no-untyped-def]  # any truth value
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline, f"waited 30 s for {what}"
        time.sleep(0.02)


def test_a_longer_set_takes_over_finished_blocks(reference: Path, tmp_path: Path) -> None:
    out = tmp_path / "showers.h5"
    parts_folder_of(out).mkdir()
    with h5py.File(reference) as file:
        attributes = dict(file.attrs)
    showers = reader.read(reference, range(50))
    marked = showers.ecal * 1e3
    marked[0, 0, 0, 0] = 7.0  # so that its source can be told
    writing.write(parts_folder_of(out) / "block-000000.h5", marked, showers.energy.tolist(), showers.theta.tolist(), attributes)
    generate(RECIPE, 60, out)
    made = reader.read(out)
    assert made.ecal[0, 0, 0, 0] == np.float32(0.007)
    np.testing.assert_array_equal(made.energy, reader.read(reference, range(60)).energy)


def test_parts_of_another_recipe_are_refused(tmp_path: Path) -> None:
    out = tmp_path / "showers.h5"
    parts_folder_of(out).mkdir()
    (parts_folder_of(out) / "recipe.json").write_text('{"seed": 6}')
    with pytest.raises(Refusal, match=r"showers.h5.parts holds showers of another recipe"):
        generate(RECIPE, 10, out)


def test_a_set_that_another_process_makes_is_refused(tmp_path: Path) -> None:
    import fcntl

    out = tmp_path / "showers.h5"
    parts_folder_of(out).mkdir()
    with (parts_folder_of(out) / "recipe.json").open("w") as claim:
        fcntl.flock(claim, fcntl.LOCK_EX)
        with pytest.raises(Refusal, match="another process is writing to"):
            generate(RECIPE, 10, out)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--num-showers", "0"], "0 showers; expected 1 to"),
        (["--num-showers", "5", "--processes", "0"], "0 processes; expected 1 to"),
        (["--num-showers", "5", "--energy-min", "200"], "energy from 200 to 100 GeV"),
        (["--num-showers", "5", "--theta-min", "60"], "geometry fixed with theta 60 to 90 degrees"),
        (["--num-showers", "5", "--out", "nowhere/showers.h5"], "there is no folder"),
        (["--num-showers", "5", "--out", "."], "exists; expected a file that is not there yet"),
    ],
)
def test_bad_arguments_are_refused_in_one_line(
    tmp_path: Path, arguments: list[str], said: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["generate", "--out", "showers.h5", *arguments]) == 2
    refusal = capsys.readouterr().err
    assert said in refusal
    assert refusal.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_a_missing_wheel_is_refused_with_its_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "geant4_pybind", None)
    with pytest.raises(Refusal, match=r"geant4-pybind is not installed.*uv sync"):
        geant4.load()


def test_a_missing_system_library_is_refused_with_its_remedy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "geant4_pybind.py").write_text("raise ImportError('libGL.so.1: cannot open shared object file')")
    monkeypatch.delitem(sys.modules, "geant4_pybind", raising=False)
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(Refusal, match=r"libGL.so.1: cannot open.*apt-get install libgl1"):
        geant4.load()


def test_a_deposit_beyond_float16_is_refused(tmp_path: Path) -> None:
    ecal_mev = np.full((1, 25, 25, 25), 70_000, np.float32)
    with pytest.raises(Refusal, match="a cell holds 70000 MeV; expected at most 65504"):
        writing.write(tmp_path / "showers.h5", ecal_mev, [1.0], [1.5], {})
    assert not list(tmp_path.iterdir())


def test_a_refusal_crosses_processes() -> None:
    refusal = pickle.loads(pickle.dumps(Refusal("3 apples", expected="4", remedy="buy one")))  # noqa: S301 - our own
    assert isinstance(refusal, Refusal)
    assert str(refusal) == "3 apples; expected 4; to mend it: buy one"


def test_a_cached_set_is_made_once_and_its_digest_told(tmp_path: Path) -> None:
    command = [*COMMAND, "dataset", "--num-showers", "5", *ARGUMENTS]
    environment = {**os.environ, "XDG_CACHE_HOME": str(tmp_path)}
    first, second = (subprocess.run(command, env=environment, capture_output=True, text=True, check=True) for _ in range(2))
    path = Path(first.stdout.splitlines()[0])
    assert path.is_relative_to(tmp_path)
    assert "simulating 5 showers" in first.stderr
    assert second.stderr == ""
    assert second.stdout == first.stdout
    assert reader.inspect(path).sha256 in first.stdout


def test_another_recipe_or_length_is_another_cached_set() -> None:
    others = [Recipe.standard(geometry, seed=seed) for geometry in Geometry for seed in (1, 2)]
    paths = {cached.path_of(recipe, num_showers) for recipe in others for num_showers in (10, 20)}
    assert len(paths) == 8
