"""`make up` and `make down` from a killed engine to nothing left. The tests share one project and follow each other."""

from __future__ import annotations

import os
import re
import signal
import subprocess
from pathlib import Path

import pytest

from engine.stamp import Stamp, environment_digest
from tests.e2e.project import COMMAND_SECONDS, Project

SEED = 1
NUM_EPOCHS = 2
ORPHAN_SECONDS = 10
KILLED = 128 + signal.SIGKILL
ELSEWHERE = Path("/another/copy")
"""The commands are run in a shell that was activated there."""


@pytest.fixture(scope="module")
def made(fresh_project: Project) -> Project:
    """The copy as a set-up leaves it, with a run long enough to be killed in."""
    stamp = Stamp(environment_digest(fresh_project.folder))
    stamp.write(fresh_project.own / ".setup.json")
    fresh_project.configure(workload__num_epochs=NUM_EPOCHS)
    return fresh_project


def start(project: Project, command: str) -> subprocess.Popen[str]:
    """What `make up` and `make down` run."""
    env = {name: value for name, value in os.environ.items() if not name.startswith(("PULUMI_", "HEPBURST_"))}
    env.update(HEPBURST_PROJECT=str(ELSEWHERE), PULUMI_BACKEND_URL=(ELSEWHERE / ".hepburst" / "state").as_uri())
    with (project.folder / "output.txt").open("w") as output:
        arguments = ["python3", "-m", "engine", command, "local"]
        return subprocess.Popen(arguments, cwd=project.folder, env=env, stdout=output, stderr=subprocess.STDOUT, text=True)


def make(project: Project, command: str) -> str:
    with start(project, command) as process:
        assert process.wait(COMMAND_SECONDS) == 0, project.said()
    return project.said()


def events_text(project: Project) -> str:
    (folder,) = project.run_folders()
    return (folder / "events.jsonl").read_text()


def test_the_engine_killed_in_the_first_training_leaves_no_orphan_and_is_told(made: Project) -> None:
    with start(made, "up") as process:
        made.wait_until(lambda: any(event["event"] == "step" for event in made.events(SEED)), process)
        (engine,) = [pid for pid, command in made.processes().items() if re.match(r"pulumi up\b", command)]
        os.kill(engine, signal.SIGKILL)
        assert process.wait(COMMAND_SECONDS) == KILLED, made.said()
    assert "The engine was killed" in made.said()
    made.wait_until(lambda: not made.processes(), seconds=ORPHAN_SECONDS)


def test_up_recovers_trains_and_names_the_report(made: Project) -> None:
    said = make(made, "up")
    assert "its lock is cleared" in said
    assert "The report of this run: .hepburst/local/report.html" in said
    assert made.output("run")["num_epochs"] == NUM_EPOCHS
    assert len(made.run_folders()) == 1, "it went on in the folder of the killed one"


def test_up_again_changes_nothing(made: Project) -> None:
    before = events_text(made)
    assert "6 unchanged" in make(made, "up")
    assert events_text(made) == before


def test_another_region_is_another_cost_and_no_training(made: Project) -> None:
    events, cost = events_text(made), made.output("cost")
    made.configure(workload__num_epochs=NUM_EPOCHS, pool__region="gcp/us-central1")
    make(made, "up")
    assert events_text(made) == events
    assert made.output("cost")["actual"]["kgco2e"] != cost["actual"]["kgco2e"]


def test_down_leaves_nothing_and_another_has_nothing_to_do(made: Project) -> None:
    assert "Nothing is left of stack local." in make(made, "down")
    assert not (made.own / "local").exists()
    assert not [
        file for file in (made.own / "state").rglob("*") if file.is_file() and "local" in str(file.relative_to(made.own))
    ]
    assert made.data.is_file()
    assert made.processes() == {}
    assert "There is no stack local here: nothing to destroy." in make(made, "down")
