"""Static runs by a real mpirun, with a Horovod that was built for MPI."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from functools import lru_cache
from pathlib import Path

import pytest
import torch

from tests.trainer.pods.conftest import Pods, StartPods
from tests.trainer.pods.waiting import wait_for
from trainer import checkpoint
from trainer.contract import RESULT_FILE, RunResult
from trainer.showers.cache import cache_folder

pytestmark = [pytest.mark.cluster, pytest.mark.usefixtures("no_rank_environment")]


@lru_cache
def mpi_environment() -> dict[str, str] | None:
    """What makes ranks find a Horovod with MPI: this environment's own, or the one that the rehearsal cluster has built."""
    for folder in ("", *map(str, (cache_folder() / "cluster").glob("horovod-mpi-*"))):
        environment = {"PYTHONPATH": folder} if folder else {}
        code = "import sys, horovod.torch as horovod; sys.exit(not horovod.mpi_built())"
        done = subprocess.run([sys.executable, "-c", code], env={**os.environ, **environment}, capture_output=True, check=False)
        if done.returncode == 0:
            return {**environment, "OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1"}
    return None


@pytest.fixture
def start(start_pods: StartPods, tmp_path: Path) -> StartPods:
    if shutil.which("mpirun") is None:
        pytest.skip("no mpirun on this machine")
    environment = mpi_environment()
    if environment is None:
        pytest.skip("no Horovod with MPI: neither here nor in the rehearsal cluster's cache (make cluster-up builds it)")
    (tmp_path / "hostfile").write_text("localhost slots=2\n")

    def started(num_epochs: int = 10_000) -> Pods:
        return start_pods("--hostfile", str(tmp_path / "hostfile"), num_epochs=num_epochs, **environment)

    return started


def tensors(value: object, name: str = "") -> dict[str, torch.Tensor]:
    if isinstance(value, torch.Tensor):
        return {name: value}
    if isinstance(value, dict):
        return {key: tensor for part, item in value.items() for key, tensor in tensors(item, f"{name}/{part}").items()}
    return {}


def test_two_ranks_under_mpirun_end_bit_equal_to_two_ranks_of_our_own_launcher(start: StartPods, tmp_path: Path) -> None:
    """The sum of two numbers does not depend on their order, and Horovod adds nothing else."""
    pods = start(num_epochs=1)
    assert pods.end() == 0, pods.said()
    own = tmp_path / "own"
    subprocess.run([sys.executable, "-m", "trainer", tmp_path / "run.json", "--out", own], check=True, capture_output=True)
    one, other = (checkpoint.read(folder / "checkpoints" / pods.newest_checkpoint().name) for folder in (pods.folder, own))
    assert one["progress"]["losses"] == other["progress"]["losses"]
    mine, theirs = tensors(one), tensors(other)
    assert mine.keys() == theirs.keys()
    assert [name for name in mine if not torch.equal(mine[name], theirs[name])] == []


def test_sigterm_stops_after_a_checkpoint_and_the_next_launcher_goes_on(start: StartPods) -> None:
    first = start()
    first.trains()
    first.process.send_signal(signal.SIGTERM)
    assert first.end() == 3, first.said()
    assert first.ranks() == []
    assert first.last_words()["status"] == "interrupted"
    num_steps = RunResult.read(first.folder / RESULT_FILE).num_steps
    assert num_steps >= 2

    second = start()
    resumed = wait_for(lambda: [event for event in second.events("phase") if "resumed_at_step" in event])
    assert resumed[0]["resumed_at_step"] == num_steps
    ranks = wait_for(second.ranks)
    second.process.kill()
    wait_for(lambda: not set(ranks) & set(second.ranks()), seconds=15)


def test_a_rank_that_is_killed_ends_the_run_and_is_named(start: StartPods) -> None:
    pods = start()
    os.kill(pods.trains()[1], signal.SIGKILL)
    assert pods.end() == 1
    assert pods.last_words()["message"] in ("rank 0 was killed by SIGKILL", "rank 1 was killed by SIGKILL")
    assert pods.ranks() == []
