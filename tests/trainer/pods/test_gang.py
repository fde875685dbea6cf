from __future__ import annotations

import dataclasses
import json
import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.trainer.pods.conftest import StartPods
from tests.trainer.pods.waiting import wait_for
from trainer.contract import RunConfig
from trainer.launch import EXIT_SUCCEEDED, STARTED_VARIABLE
from trainer.pods import hosts, static
from trainer.pods.__main__ import main
from trainer.pods.ending import EXIT_INCOMPLETE, Ending
from trainer.pods.gang import CLOCK_FILE, Gang
from trainer.pods.hosts import Host, HostsMissing
from trainer.pods.static import Mpirun


class Clock:
    """Stands until it is set."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_the_wait_goes_on_in_a_launcher_that_is_made_anew(tmp_path: Path, clock: Clock) -> None:
    assert Gang(folder=tmp_path, job="a", seconds=600, clock=clock).seconds_left() == 600
    clock.now += 400
    assert Gang(folder=tmp_path, job="a", seconds=600, clock=clock).seconds_left() == 200
    clock.now += 400
    assert Gang(folder=tmp_path, job="a", seconds=600, clock=clock).seconds_left() == 0


def test_another_job_of_the_same_run_waits_from_the_beginning(tmp_path: Path, clock: Clock) -> None:
    Gang(folder=tmp_path, job="a", seconds=600, clock=clock).seconds_left()
    clock.now += 4000
    assert Gang(folder=tmp_path, job="b", seconds=600, clock=clock).seconds_left() == 600


def test_once_all_are_there_the_next_loss_has_a_wait_of_its_own(tmp_path: Path, clock: Clock) -> None:
    gang = Gang(folder=tmp_path, job="a", seconds=600, clock=clock)
    gang.seconds_left()
    gang.is_whole()
    gang.is_whole()
    clock.now += 4000
    assert gang.seconds_left() == 600


@pytest.mark.parametrize("torn", ["", "{", "[]", '{"job": "a"}', '{"job": "a", "began_unix_seconds": "soon"}'])
def test_a_clock_that_cannot_be_read_begins_anew(tmp_path: Path, clock: Clock, torn: str) -> None:
    (tmp_path / CLOCK_FILE).write_text(torn)
    assert Gang(folder=tmp_path, job="a", seconds=600, clock=clock).seconds_left() == 600


def test_a_clock_of_the_future_does_not_lengthen_the_wait(tmp_path: Path, clock: Clock) -> None:
    (tmp_path / CLOCK_FILE).write_text(json.dumps({"job": "a", "began_unix_seconds": 9e9}))
    assert Gang(folder=tmp_path, job="a", seconds=600, clock=clock).seconds_left() == 600


def test_the_last_words_say_how_many_came(tmp_path: Path) -> None:
    missing = HostsMissing("no answer", num_there=3, num_hosts=16)
    ending = Gang(folder=tmp_path, job="a", seconds=1800).ending(missing)
    assert ending.exit_status == EXIT_INCOMPLETE
    assert ending.message.startswith("3 of 16 workers came within 30 min")
    assert json.loads(ending.to_json("0a"))["status"] == "incomplete"


@pytest.fixture
def worker() -> Iterator[tuple[str, int]]:
    """Something that answers, and its port."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield "127.0.0.1", server.getsockname()[1]


def test_a_worker_that_went_while_others_came_is_waited_for_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = iter([True, False, True, False, True, True])  # a, not b; b, but a not any more; a again, and b still
    asked = []

    def answer(host: Host, ssh_port: int) -> bool:
        asked.append(host.name)
        return next(answers)

    monkeypatch.setattr(hosts, "answers", answer)
    monkeypatch.setattr(hosts, "POLL_SECONDS", 0.0)
    hosts.wait_for([Host(name="a"), Host(name="b")], 22, seconds=60, give_up=lambda: False)
    assert asked == ["a", "b", "b", "a", "a", "b"]


def test_a_launcher_gives_up_when_its_time_is_over_and_its_successor_at_once(
    start_pods: StartPods, config: RunConfig, tmp_path: Path, worker: tuple[str, int]
) -> None:
    name, port = worker
    (tmp_path / "hostfile").write_text(f"{name} slots=1\n::1 slots=1\n")
    options = ["--hostfile", str(tmp_path / "hostfile"), "--ssh-port", str(port), "--gang-seconds", "2", "--job", "a"]
    for _ in range(2):
        pods = start_pods(*options)
        assert pods.end() == EXIT_INCOMPLETE
        assert pods.last_words()["status"] == "incomplete"
        assert "1 of 2 workers came within" in pods.last_words()["message"]
    assert json.loads((pods.folder / CLOCK_FILE).read_text())["job"] == "a"


def test_a_launcher_that_is_stopped_while_it_waits_ends_as_interrupted(start_pods: StartPods, tmp_path: Path) -> None:
    (tmp_path / "hostfile").write_text("::1 slots=2\n")
    pods = start_pods("--hostfile", str(tmp_path / "hostfile"), "--ssh-port", "9", "--gang-seconds", "600", "--job", "a")
    wait_for(lambda: (pods.folder / CLOCK_FILE).exists())
    pods.process.send_signal(signal.SIGTERM)
    assert pods.end() == 3


def test_when_all_have_come_the_clock_is_put_away_and_the_run_begins(
    config: RunConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun: list[float] = []

    def run(mpirun: Mpirun, *_: object, **__: object) -> Ending:
        assert not (tmp_path / "out" / CLOCK_FILE).exists()
        begun.append(float(mpirun.environment[STARTED_VARIABLE]))
        return Ending(exit_status=EXIT_SUCCEEDED, message="")

    def wait_for_workers(*_: object, seconds: float, **__: object) -> None:
        assert seconds == pytest.approx(60, abs=5)
        assert (tmp_path / "out" / CLOCK_FILE).exists()
        begun.append(time.time())

    monkeypatch.setattr(static, "run", run)
    monkeypatch.setattr(hosts, "wait_for", wait_for_workers)
    dataclasses.replace(config, num_ranks=2, batch_per_rank=4).write(tmp_path / "run.json")
    (tmp_path / "hostfile").write_text("localhost slots=2\n")
    options = ["--out", str(tmp_path / "out"), "--hostfile", str(tmp_path / "hostfile"), "--gang-seconds", "60"]
    assert main([str(tmp_path / "run.json"), *options]) == EXIT_SUCCEEDED
    assert begun == sorted(begun), "the run begins when its workers are there, not when the launcher is"


@pytest.mark.usefixtures("no_rank_environment")
def test_an_elastic_gang_with_too_few_ranks_gives_up_as_well(start_pods: StartPods, tmp_path: Path) -> None:
    (tmp_path / "discover.sh").write_text("#!/bin/sh\necho localhost:1\n")
    (tmp_path / "hostfile").write_text("localhost slots=1\n127.0.0.1 slots=1\n")
    options = ["--elastic", "--min-ranks", "2", "--discovery", str(tmp_path / "discover.sh"), "--gang-seconds", "4"]
    pods = start_pods(*options, "--hostfile", str(tmp_path / "hostfile"), "--job", "a")
    assert pods.end() == EXIT_INCOMPLETE
    assert pods.last_words()["message"] == "1 of 2 ranks have a host after 4 s"
