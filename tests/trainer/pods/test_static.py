"""What mpirun says, word for word as OpenMPI 4.1 said it, and how it is started."""

from __future__ import annotations

from pathlib import Path

import pytest

from trainer.pods import environment
from trainer.pods.static import Complaints, Mpirun

ENDED = """\
mpirun detected that one or more processes exited with non-zero status, thus causing
the job to be terminated. The first process to do so was:

  Process name: [[24267,1],1]
  Exit code:    3
"""
KILLED = "mpirun noticed that process rank 0 with PID 29547 on node 10.98.77.2 exited on signal 9 (Killed)."
LOST = """\
ORTE has lost communication with a remote daemon.

  HNP daemon   : [[24935,0],0] on node vm
  Remote daemon: [[24935,0],2] on node 10.98.77.3
"""


@pytest.mark.parametrize(
    ("said", "rank", "how", "node"),
    [
        (ENDED, "1", "ended with status 3", ""),
        (KILLED, "0", "was killed by SIGKILL", ""),
        (LOST, "", "", "10.98.77.3"),
        (f"{KILLED}\n{ENDED}", "0", "was killed by SIGKILL", ""),
    ],
)
def test_the_rank_that_mpirun_blames_is_understood(said: str, rank: str, how: str, node: str) -> None:
    complaints = Complaints()
    for line in said.splitlines():
        complaints.add(line)
    assert (complaints.rank, complaints.how, complaints.node) == (rank, how, node)


def test_no_value_of_a_variable_is_on_mpiruns_command_line() -> None:
    mpirun = Mpirun(
        rank_command=["python", "-m", "trainer"],
        num_ranks=4,
        hostfile=Path("/etc/mpi/hostfile"),
        environment={"AWS_SECRET_ACCESS_KEY": "hush"},
        ssh_port=2222,
    )
    command = mpirun.command()
    assert command[:3] == ["mpirun", "-n", "4"]
    assert command[-3:] == ["python", "-m", "trainer"]
    assert command[command.index("-x") + 1] == "AWS_SECRET_ACCESS_KEY"
    assert not any("hush" in word for word in command)


def test_ranks_get_what_is_meant_for_them_of_the_launchers_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_SECRET_ACCESS_KEY", "KUBERNETES_SERVICE_HOST", "HOROVOD_CYCLE_TIME", "HEPBURST_PARENT_PID"):
        monkeypatch.setenv(name, "7")
    found = environment.of_ranks(line_address="10.0.0.1:9", started_unix_seconds=1.5, num_threads=2)
    assert [found[name] for name in ("AWS_SECRET_ACCESS_KEY", "HOROVOD_CYCLE_TIME")] == ["7", "7"]
    assert found["OMP_NUM_THREADS"] == "2"
    assert found["HEPBURST_LAUNCHER_ADDRESS"] == "10.0.0.1:9"
    assert not {"KUBERNETES_SERVICE_HOST", "HEPBURST_PARENT_PID", "HOME"} & set(found)


def test_the_users_own_settings_of_openmpi_stay() -> None:
    assert "OMPI_MCA_btl" not in environment.of_mpi({"OMPI_MCA_btl": "self,tcp"})
    assert environment.of_mpi({})["OMPI_MCA_mpi_yield_when_idle"] == "1"
