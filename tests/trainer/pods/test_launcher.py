"""`python -m trainer.pods` up to where it starts ranks."""

from __future__ import annotations

import dataclasses
import fcntl
import json
import subprocess
import sys
from pathlib import Path

import pytest

from trainer import run_folder
from trainer.contract import EVENTS_FILE, RESULT_FILE, RUN_FILE, RunConfig, RunResult, RunStatus
from trainer.pods.__main__ import main
from trainer.pods.staging import stage_sample
from trainer.refusal import Refusal
from trainer.showers import reader
from trainer.showers.digest import sha256_of_file
from trainer.showers.sample import FIXED


@pytest.fixture
def run(config: RunConfig, tmp_path: Path) -> list[str]:
    """Arguments for a run of two ranks on this machine."""
    dataclasses.replace(config, num_ranks=2, batch_per_rank=4).write(tmp_path / "run.json")
    (tmp_path / "hostfile").write_text("localhost slots=2\n")
    (tmp_path / "termination-log").touch()
    return [
        str(tmp_path / "run.json"),
        *("--out", str(tmp_path / "out")),
        *("--hostfile", str(tmp_path / "hostfile")),
        *("--termination-message", str(tmp_path / "termination-log")),
    ]


@pytest.mark.parametrize(
    ("extra", "words"),
    [
        (["--elastic", "--min-ranks", "3"], "--min-ranks is 3; expected 1 to num_ranks = 2"),
        (["--elastic", "--min-ranks", "0"], "--min-ranks is 0"),
        (["--elastic", "--hostfile", "none", "--discovery", "none"], "no none; expected a script"),
        (["--hostfile", "none"], "none: No such file"),
    ],
)
def test_bad_input_is_refused_in_one_line_and_in_the_termination_message(
    run: list[str], extra: list[str], words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*run, *extra]) == 2
    said = capsys.readouterr()
    assert said.err.startswith("refused: ")
    assert words in said.err
    assert said.err.count("\n") == 1
    assert said.out == ""
    assert not (tmp_path / "out").exists()
    last = json.loads((tmp_path / "termination-log").read_text())
    assert last["status"] == "refused"
    assert words in last["message"]
    assert last["run_id"] == RunConfig.read(tmp_path / "run.json").run_id()


def test_a_hostfile_without_room_for_all_ranks_is_refused(
    run: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "hostfile").write_text("localhost slots=1\n")
    assert main(run) == 2
    assert "has 1 slots; expected num_ranks = 2" in capsys.readouterr().err


def test_data_of_another_digest_are_refused(run: list[str], config: RunConfig, tmp_path: Path) -> None:
    dataclasses.replace(config, num_ranks=2, batch_per_rank=4, data_sha256="0" * 64).write(tmp_path / "run.json")
    assert main(run) == 2
    assert "has SHA-256" in (tmp_path / "termination-log").read_text()


def test_a_run_that_has_succeeded_is_not_repeated(run: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = RunConfig.read(tmp_path / "run.json")
    folder = tmp_path / "out"
    folder.mkdir()
    RunResult(
        run_id=config.run_id(),
        lineage_id=config.lineage_id(),
        status=RunStatus.SUCCEEDED,
        message="2 epochs trained",
        num_epochs=2,
        num_steps=6,
        num_ranks=2,
        train_seconds=1.0,
        samples_per_second=1.0,
        segments=(),
        losses={},
        physics={},
        checkpoint="",
        checkpoint_sha256="",
        environment={},
    ).write(folder / RESULT_FILE)
    assert main(run) == 0
    assert [json.loads(line)["event"] for line in capsys.readouterr().out.splitlines()] == ["finished"]
    assert (folder / RUN_FILE).exists()
    assert json.loads((folder / EVENTS_FILE).read_text())["message"] == "2 epochs trained"


def test_workers_that_never_answer_fail_the_run_by_name(run: list[str], tmp_path: Path) -> None:
    (tmp_path / "hostfile").write_text("::1 slots=2\n")
    assert main([*run, "--ssh-port", "9", "--wait-seconds", "0.1"]) == 1
    assert "no answer on port 9 within 0 s from ::1" in (tmp_path / "termination-log").read_text()


def test_a_folder_is_waited_for_while_its_run_ends(tmp_path: Path) -> None:
    code = (
        "import sys, time; from pathlib import Path; from trainer.run_folder import locked\n"
        "with locked(Path(sys.argv[1])): print('held', flush=True); time.sleep(1.5)"
    )
    with subprocess.Popen([sys.executable, "-c", code, tmp_path], stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        with pytest.raises(Refusal, match=f"process {holder.pid} is already at work"), run_folder.locked(tmp_path):
            pass
        with run_folder.locked(tmp_path, wait_seconds=60) as descriptor:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


def test_a_shipped_sample_is_put_where_the_run_looks_for_it_and_only_then(config: RunConfig, tmp_path: Path) -> None:
    path = tmp_path / "data" / "sample" / "fixed.h5"
    wanted = dataclasses.replace(config, data_path=str(path), data_sha256=sha256_of_file(FIXED))
    assert not stage_sample(dataclasses.replace(wanted, data_sha256="0" * 64))
    assert not stage_sample(dataclasses.replace(wanted, data_path="s3://bucket/fixed.h5"))
    assert stage_sample(wanted)
    assert reader.inspect(path).sha256 == wanted.data_sha256
    assert [each.name for each in path.parent.iterdir()] == ["fixed.h5"]
    assert not stage_sample(wanted)
    (tmp_path / "file").touch()
    with pytest.raises(Refusal, match=r"file/fixed.h5: .*expected a volume that can be written"):
        stage_sample(dataclasses.replace(wanted, data_path=str(tmp_path / "file" / "fixed.h5")))
