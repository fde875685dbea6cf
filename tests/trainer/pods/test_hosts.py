from __future__ import annotations

import socket
import threading
import time
from pathlib import Path

import pytest

from trainer.pods import hosts
from trainer.pods.hosts import Host, HostsMissing
from trainer.refusal import Refusal


def test_a_hostfile_of_the_operator_is_read(tmp_path: Path) -> None:
    path = tmp_path / "hostfile"
    path.write_text("# workers\ntrain-worker-0.train.ns.svc slots=2\n\ntrain-worker-1.train.ns.svc\n")
    assert hosts.read_hostfile(path) == [
        Host(name="train-worker-0.train.ns.svc", num_slots=2),
        Host(name="train-worker-1.train.ns.svc"),
    ]


@pytest.mark.parametrize(
    ("text", "words"),
    [("", "names no host"), ("a slots=0\n", "'a slots=0'"), ("a slots=two\n", "'a slots=two'"), ("a max=2\n", "'a max=2'")],
)
def test_a_hostfile_of_another_form_is_refused(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "hostfile"
    path.write_text(text)
    with pytest.raises(Refusal, match=words):
        hosts.read_hostfile(path)


def test_a_hostfile_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Refusal, match=r"nowhere: No such file .* give --hostfile"):
        hosts.read_hostfile(tmp_path / "nowhere")


def test_a_discovery_script_that_fails_knows_no_hosts(tmp_path: Path) -> None:
    (tmp_path / "discover.sh").write_text("echo a; exit 1")
    assert hosts.discover(tmp_path / "discover.sh") == []


def test_workers_that_do_not_answer_in_time_are_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(hosts, "SAY_SECONDS", 0.0)
    monkeypatch.setattr(hosts, "LOCAL_HOSTS", ("localhost",))
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with pytest.raises(HostsMissing, match=rf"no answer on port {port} within 1 s from 127.0.0.1"):
        hosts.wait_for([Host(name="127.0.0.1"), Host(name="localhost")], port, seconds=0.6, give_up=lambda: False)
    assert f"waiting for 127.0.0.1 to answer on port {port}" in capsys.readouterr().err


def test_a_wait_ends_when_the_last_worker_answers_or_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hosts, "LOCAL_HOSTS", ())
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    worker = Host(name="127.0.0.1")
    hosts.wait_for([worker], port, seconds=60, give_up=lambda: True)

    def come_up() -> None:
        time.sleep(0.7)
        with socket.create_server(("127.0.0.1", port)) as server:
            server.accept()[0].close()

    thread = threading.Thread(target=come_up)
    thread.start()
    hosts.wait_for([worker], port, seconds=30, give_up=lambda: False)
    thread.join()
