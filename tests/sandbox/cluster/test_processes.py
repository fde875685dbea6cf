from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox.cluster.processes import MARK, Processes, Program, identify, mark_of, memory_mb

SLEEP = Program(name="sleeper", command=("sleep", "60"))


@pytest.fixture
def processes(tmp_path: Path) -> Iterator[Processes]:
    made = Processes(folder=tmp_path, records=tmp_path / "processes", logs=tmp_path / "logs")
    yield made
    made.sweep()


def until(is_so: object) -> None:
    assert callable(is_so)
    deadline = time.monotonic() + 60
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_program_is_started_once_and_is_gone_after_stop(processes: Processes) -> None:
    assert processes.start(SLEEP)
    first = processes.identity("sleeper")
    assert not processes.start(SLEEP)
    assert first is not None
    assert processes.identity("sleeper") == first
    until(lambda: memory_mb(first) > 0)
    processes.stop("sleeper")
    assert not first.is_alive
    assert processes.names() == []


def test_another_process_with_the_recorded_number_is_never_signalled(processes: Processes, tmp_path: Path) -> None:
    with subprocess.Popen(["sleep", "60"]) as stranger:
        until(lambda: identify(stranger.pid))
        there = identify(stranger.pid)
        assert there is not None
        stale = dataclasses.replace(there, start_ticks=there.start_ticks - 1)
        (tmp_path / "processes").mkdir()
        (tmp_path / "processes" / "sleeper.json").write_text(json.dumps(dataclasses.asdict(stale)))
        assert processes.identity("sleeper") is None
        processes.stop("sleeper")
        assert stranger.poll() is None
        stranger.kill()


def test_a_program_whose_record_was_never_written_is_found_by_its_mark(processes: Processes, tmp_path: Path) -> None:
    processes.start(SLEEP)
    lost = processes.identity("sleeper")
    assert lost is not None
    assert mark_of(lost) == str(tmp_path)
    (tmp_path / "processes" / "sleeper.json").unlink()
    assert processes.start(SLEEP)  # and the lost one does not run beside it
    assert not lost.is_alive
    assert [one.pid for one in processes.sweep()] != []
    assert list(processes.marked()) == []


def test_a_program_that_ends_is_started_again_if_it_is_to_be_and_named_if_not(processes: Processes) -> None:
    processes.start(Program(name="again", command=("sh", "-c", "echo began; exit 3"), restarts=True))
    until(lambda: processes.log("again").read_text().count("began") >= 2)
    assert processes.epitaph() is None
    processes.start(Program(name="once", command=("sh", "-c", "echo famous last words; exit 3")))
    until(lambda: processes.epitaph() is not None)
    told = processes.epitaph()
    assert told is not None
    assert told.startswith("once ended")
    assert told.endswith("famous last words")
    processes.stop("again")
    processes.forget_ended()
    assert processes.names() == []


def test_what_ignores_the_polite_signal_is_killed_with_its_children(processes: Processes, tmp_path: Path) -> None:
    stubborn = "trap '' TERM; sleep 61 & echo $! > \"$0\"; wait; wait"
    child = tmp_path / "child"
    processes.start(Program(name="stubborn", command=("sh", "-c", stubborn, str(child))))
    until(lambda: child.exists() and child.read_text().strip())
    processes.stop("stubborn", seconds=0.2)
    until(lambda: identify(int(child.read_text())) is None)


def test_programs_get_nothing_of_the_users_environment(processes: Processes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PULUMI_CONFIG_PASSPHRASE", "secret")
    processes.start(Program(name="env", command=("env",), environment={"OWN": "1"}, memory_mb=7))
    until(lambda: MARK in processes.log("env").read_text())
    told = processes.log("env").read_text()
    assert "secret" not in told
    assert "OWN=1" in told
    assert "GOMEMLIMIT=7MiB" in told
    assert os.environ["PATH"]
