from __future__ import annotations

import json
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.trainer.pods.conftest import StartPods
from tests.trainer.pods.waiting import wait_for
from trainer.contract import RunConfig
from trainer.pods import hosts
from trainer.pods.ending import EXIT_INCOMPLETE
from trainer.pods.gang import CLOCK_FILE, Gang
from trainer.pods.hosts import Host, HostsMissing


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
