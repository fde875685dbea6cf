from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest

from trainer.contract import RESULT_FILE, RUN_FILE, SHOWERS_FILE, Preset, RunConfig, RunResult, RunStatus
from trainer.physics import read_samples
from trainer.refusal import Refusal
from trainer.showers import reader
from trainer.validation import validate

pytestmark = pytest.mark.usefixtures("no_rank_environment")


def trainer(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "trainer", *map(str, arguments)], capture_output=True, text=True, check=False)


def assert_refused(done: subprocess.CompletedProcess[str], words: str) -> None:
    """Exit status 2 and one line that says why."""
    assert done.returncode == 2, done.stderr
    assert words in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_run_writes_its_result_and_the_showers_of_its_report_and_is_not_repeated(config: RunConfig, tmp_path: Path) -> None:
    dataclasses.replace(config, num_epochs=1).write(tmp_path / RUN_FILE)
    out = tmp_path / "out"
    done = trainer(tmp_path / RUN_FILE, "--out", out)
    assert done.returncode == 0, done.stderr
    result = RunResult.read(out / RESULT_FILE)
    assert result.status is RunStatus.SUCCEEDED
    assert result.num_epochs == 1
    assert result.num_steps == 3
    assert result.samples_per_second > 0
    assert result.segments[0].cpu_seconds > 0
    assert set(result.physics) == {"gan", "floor"}
    assert (out / result.checkpoint).exists()
    geant4, gan = read_samples(out / SHOWERS_FILE)
    assert geant4.ecal.shape == gan.ecal.shape == (6, 25, 25, 25)

    events_before = done.stdout.splitlines()
    again = trainer(tmp_path / RUN_FILE, "--out", out)
    assert again.returncode == 0
    assert [json.loads(line)["event"] for line in again.stdout.splitlines()] == ["finished"]
    assert len(events_before) > 5
    assert RunResult.read(out / RESULT_FILE) == result


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"data_sha256": "0" * 64}, "has SHA-256"),
        ({"batch_per_rank": 20, "num_ranks": 2}, "need 40 for one step; expected at most the 24 showers"),
        ({"data_path": "nowhere.h5"}, "nowhere.h5"),
        ({"test_fraction": 0.1}, "3 of 30 showers to test with; expected 4 or more"),
    ],
)
def test_a_run_that_cannot_work_is_refused_before_anything_is_made(
    config: RunConfig, tmp_path: Path, changes: dict[str, object], words: str
) -> None:
    dataclasses.replace(config, **changes).write(tmp_path / RUN_FILE)  # type: ignore[arg-type]
    assert_refused(trainer(tmp_path / RUN_FILE), words)
    assert [path.name for path in tmp_path.iterdir()] == [RUN_FILE]


def test_a_damaged_run_file_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / RUN_FILE).write_text('{"num_epochs": ')
    assert_refused(trainer(tmp_path / RUN_FILE), str(tmp_path / RUN_FILE))


def test_help_names_both_commands_and_the_exit_statuses() -> None:
    done = trainer("--help")
    assert done.returncode == 0
    assert "validate CHECKPOINT DATA.h5" in done.stdout
    assert "3 interrupted" in " ".join(done.stdout.split())


def test_validate_tells_the_physics_of_a_checkpoint_on_unseen_showers(
    best_checkpoint: Path, data: Path, tmp_path: Path
) -> None:
    physics = json.loads(validate(best_checkpoint, str(data), as_json=True))
    assert physics["gan"]["num_showers"] == 6
    text = validate(best_checkpoint, str(data), as_json=False)
    assert "a small model of our own, on 6 showers kept from its training" in text
    assert "floor" in text

    other = tmp_path / "other.h5"
    with h5py.File(data) as source, h5py.File(other, "w") as target:
        for key in ("ECAL", "energy", "theta"):
            target[key] = source[key][:20]
    assert json.loads(validate(best_checkpoint, str(other), as_json=True))["gan"]["num_showers"] == 20


def test_validate_refuses_showers_of_another_shape_and_damaged_checkpoints(
    best_checkpoint: Path, data: Path, tmp_path: Path
) -> None:
    wide = tmp_path / "wide.h5"
    with h5py.File(data) as source, h5py.File(wide, "w") as target:
        target["ECAL"] = np.pad(source["ECAL"][:4], ((0, 0), (13, 13), (13, 13), (0, 0)))
        target["energy"], target["theta"] = source["energy"][:4], source["theta"][:4]
        target.attrs["ecal_unit"] = "GeV"
    with pytest.raises(Refusal, match="51 x 51 x 25 cells; expected 25 x 25 x 25"):
        validate(best_checkpoint, str(wide), as_json=False)
    damaged = tmp_path / "damaged.pt"
    damaged.write_bytes(best_checkpoint.read_bytes()[:-1])
    assert_refused(trainer("validate", damaged, data), "damaged.pt is damaged")


def test_a_preset_without_a_network_for_the_showers_is_refused(config: RunConfig, data: Path, tmp_path: Path) -> None:
    wide = tmp_path / "wide.h5"
    with h5py.File(data) as source, h5py.File(wide, "w") as target:
        target["ECAL"] = np.pad(source["ECAL"][:30], ((0, 0), (13, 13), (13, 13), (0, 0)))
        target["energy"], target["theta"] = source["energy"][:], source["theta"][:]
        target.attrs["ecal_unit"] = "GeV"
    (tmp_path / "run").mkdir()
    changed = dataclasses.replace(config, data_path=str(wide), data_sha256=reader.inspect(wide).sha256, preset=Preset.DEMO)
    changed.write(tmp_path / "run" / RUN_FILE)
    assert_refused(trainer(tmp_path / "run" / RUN_FILE), "51 x 51 x 25 cells for preset demo")


def test_a_folder_of_another_run_is_refused_and_left_as_it_was(config: RunConfig, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    dataclasses.replace(config, seed=2).write(other / RUN_FILE)
    before = (other / RUN_FILE).read_bytes()
    config.write(tmp_path / RUN_FILE)
    assert_refused(trainer(tmp_path / RUN_FILE, "--out", other), "holds run")
    assert (other / RUN_FILE).read_bytes() == before
