from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from trainer.pods import mending
from trainer.pods.hosts import Host
from trainer.pods.mending import Names

WORKER = Names(pod="train-0a-worker-0", job="train-0a", namespace="burst")
HOST = Host(name="train-0a-worker-0.train-0a.burst.svc")


class Toy(mending.Cluster):
    """Has one pod."""

    def __init__(self, pod: dict[str, Any] | None, *, deleting: int = 200) -> None:
        self.pod, self.deleting = pod, deleting
        self.asked: list[tuple[str, str, Mapping[str, Any] | None]] = []

    def ask(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> tuple[int, dict[str, Any]]:
        self.asked.append((method, path, body))
        if method == "GET":
            return (200, self.pod) if self.pod else (404, {"kind": "Status"})
        return self.deleting, {"message": "no"}


def pod(phase: str, **metadata: str) -> dict[str, Any]:
    return {"metadata": {"uid": "u1", **metadata}, "status": {"phase": phase, "reason": "Terminated"}}


@pytest.mark.parametrize("phase", ["Failed", "Succeeded"])
def test_that_very_worker_is_deleted_which_ended(phase: str) -> None:
    toy = Toy(pod(phase))
    assert mending.mend(toy, [WORKER]) == ["worker train-0a-worker-0 has ended (Terminated); it is made anew"]
    method, path, body = toy.asked[-1]
    assert (method, path) == ("DELETE", "/api/v1/namespaces/burst/pods/train-0a-worker-0")
    assert body == {"gracePeriodSeconds": 0, "preconditions": {"uid": "u1"}}


@pytest.mark.parametrize(
    "found", [None, pod("Running"), pod("Pending"), pod("Failed", deletionTimestamp="2026-11-24T16:00:00Z")]
)
def test_a_worker_that_is_gone_lives_or_leaves_is_left_alone(found: dict[str, Any] | None) -> None:
    toy = Toy(found)
    assert mending.mend(toy, [WORKER]) == []
    assert [method for method, *_ in toy.asked] == ["GET"]


@pytest.mark.parametrize(("status", "num_said"), [(403, 1), (404, 0), (409, 0)])
def test_a_deletion_that_is_refused_is_told_and_one_that_others_did_is_not(status: int, num_said: int) -> None:
    assert len(mending.mend(Toy(pod("Failed"), deleting=status), [WORKER])) == num_said


def test_hosts_that_are_no_pods_are_not_mended(tmp_path: Path) -> None:
    assert Names.of(Host(name="localhost")) is None
    with mending.mending(tmp_path, [Host(name="localhost")]):
        pass
    mending.give_back(tmp_path, [Host(name="localhost")])
    mending.give_back(None, [HOST])


def test_a_job_whose_tries_cannot_be_ended_is_told_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv(mending.HOST_VARIABLE, raising=False)
    mending.give_back(tmp_path, [HOST])
    assert "the job will try again, in vain" in capsys.readouterr().err
