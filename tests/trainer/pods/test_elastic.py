"""Elastic runs: real ranks on two names of this machine."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

import pytest

from tests.trainer.pods.conftest import StartPods
from tests.trainer.pods.waiting import wait_for
from trainer.contract import RESULT_FILE, RunResult

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("no_rank_environment")]


@pytest.fixture
def options(tmp_path: Path) -> list[str]:
    (tmp_path / "discover.sh").write_text("#!/bin/sh\necho localhost:1\necho 127.0.0.1:1\n")
    discovery = ("--discovery", str(tmp_path / "discover.sh"), "--hostfile", str(tmp_path / "none"))
    return ["--elastic", *discovery, "--cooldown-seconds", "1"]


def test_a_run_goes_on_without_a_rank_that_is_killed_and_takes_it_back(start_pods: StartPods, options: list[str]) -> None:
    pods = start_pods(*options)
    ranks = pods.trains()
    assert len(ranks) == 2
    os.kill(ranks[1], signal.SIGKILL)
    wait_for(lambda: "1 of 2 ranks" in pods.said())
    assert ranks[0] in pods.ranks()
    wait_for(lambda: pods.said().count("2 of 2 ranks") == 2)
    resumed = wait_for(lambda: [phase for phase in pods.events("phase") if "resumed_at_step" in phase])
    num_steps = resumed[-1]["resumed_at_step"]
    wait_for(lambda: pods.events("step")[-1]["step"] > num_steps)
    assert len(pods.ranks()) == 2

    pods.process.send_signal(signal.SIGTERM)
    assert pods.end() == 3
    assert pods.ranks() == []
    assert pods.last_words()["status"] == "interrupted"
    result = RunResult.read(pods.folder / RESULT_FILE)
    assert result.num_steps > num_steps
    assert result.num_ranks == 2
    assert len(result.segments) >= 2
    events = [json.loads(line)["event"] for line in pods.process.stdout or ()]
    assert events[-1] == "finished"


def test_with_too_few_ranks_left_the_launcher_fails_and_its_ranks_end(start_pods: StartPods, options: list[str]) -> None:
    pods = start_pods(*options, "--min-ranks", "2")
    os.kill(pods.trains()[0], signal.SIGKILL)
    assert pods.end() == 1
    assert pods.ranks() == []
    assert pods.last_words()["message"] == "too few ranks are left: 1, and 2 must be"
