"""`burst attach` on a real cluster, with jobs whose launcher is a small script."""

from __future__ import annotations

import dataclasses
import gc
import json
import os
import secrets
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

import cli
from burst.spec import Burst
from cli import project
from cli.following.home import digests
from engine.places import REHEARSAL
from stacks import settings
from tests.cluster.attach_job import Namespace, run_folder

pytestmark = [
    pytest.mark.cluster,
    # Python forgets to close a socket that was reset before its TLS began; it goes with the next collection of garbage.
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


PATIENCE_SECONDS = 180.0


class Attached(NamedTuple):
    """What a call of the command leaves."""

    status: int
    out: str
    err: str


Attach = Callable[..., Attached]


@pytest.fixture(scope="module")
def removed(cluster: None) -> Iterator[list[Namespace]]:
    """Namespaces that are going; in the end all are gone."""
    going: list[Namespace] = []
    yield going
    for namespace in going:
        namespace.wait_until_gone()
    going.clear()
    gc.collect()


@pytest.fixture
def namespace(removed: list[Namespace]) -> Iterator[Namespace]:
    made = Namespace(f"attach-{secrets.token_hex(3)}")
    made.make()
    yield made
    made.remove()
    removed.append(made)


@pytest.fixture
def stack(namespace: Namespace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Burst:
    """The stack `onprem` in the test's namespace; what it brings home comes into the test's folder."""
    shipped = settings.from_file("onprem", project.ROOT)
    assert shipped.cluster is not None
    burst = dataclasses.replace(
        shipped, name=namespace.access.namespace, cluster=dataclasses.replace(shipped.cluster, access=namespace.access)
    )
    monkeypatch.setattr(settings, "from_file", lambda stack, folder: burst)
    monkeypatch.setattr(project, "ROOT", tmp_path)
    return burst


@pytest.fixture
def attach(stack: Burst, capsys: pytest.CaptureFixture[str]) -> Attach:
    def run(*arguments: str) -> Attached:
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            cli.main(["attach", stack.name, *arguments])
        out, err = capsys.readouterr()
        assert "Traceback" not in out + err
        return Attached(int(ended.value.code or 0), out, err)

    return run


def when(is_so: Callable[[], Any], act: Callable[[], Any], later_seconds: float = 1.0) -> threading.Thread:
    """Do something while the test waits, as soon as it is time, and a little later."""

    def run() -> None:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not is_so() and time.monotonic() < deadline:
            time.sleep(0.05)
        time.sleep(later_seconds)
        act()

    thread = threading.Thread(target=run)
    thread.start()
    return thread


def interrupt() -> None:
    """As Ctrl-C does."""
    os.kill(os.getpid(), signal.SIGINT)


def steps(lines: str) -> list[int]:
    """Of the raw events."""
    events = [json.loads(line) for line in lines.splitlines()]
    return [event["step"] for event in events if event["event"] == "step"]


def test_a_run_is_followed_to_its_end_and_comes_home(
    namespace: Namespace, stack: Burst, attach: Attach, tmp_path: Path
) -> None:
    namespace.submit(stack)
    found = attach()
    assert found.status == 0, found.out + found.err
    for said in (
        "workers pending",
        "launcher started",
        "loading",
        "training",
        "step 12/12",
        "succeeded",
        "report: ",
        "cost.actual",
    ):
        assert said in found.out
    folder = run_folder(tmp_path, stack)
    assert set(digests(folder)) == {"run.json", "events.jsonl", "result.json", "checkpoints/best.pt"}
    assert (tmp_path / ".hepburst" / stack.name / "report.html").stat().st_size > 10_000
    assert namespace.collectors() == []

    before = (folder / "checkpoints" / "best.pt").stat().st_ino
    again = attach()
    assert again.status == 0
    assert "were here already, unchanged" in again.out
    assert (folder / "checkpoints" / "best.pt").stat().st_ino == before

    (folder / "result.json").write_text("{}")
    assert attach("--run", stack.workload.run.run_id()).status == 0
    assert json.loads((folder / "result.json").read_text())["num_epochs"] == 1


def test_a_failed_run_ends_with_the_last_words_of_the_rank_that_failed_first(
    namespace: Namespace, stack: Burst, attach: Attach, tmp_path: Path
) -> None:
    namespace.submit(stack, num_failures=9, backoff_limit=0)
    found = attach()
    assert found.status == 1, found.out + found.err
    assert "failed: rank 1 died" in found.out
    assert found.out.index("RuntimeError: no") < found.out.index("Killed")
    assert not run_folder(tmp_path, stack).exists()
    assert attach().status == 1


def test_a_launcher_that_is_begun_again_is_followed_on(namespace: Namespace, stack: Burst, attach: Attach) -> None:
    namespace.submit(stack, num_failures=1)
    found = attach()
    assert found.status == 0, found.out + found.err
    for said in (
        "the launcher failed (rank 1 died); waiting for attempt 2 of 3",
        "restarted: attempt 2 of 3",
        "resumed at step 5",
    ):
        assert said in found.out
    assert found.out.count("step 12/12") == 1


def test_programs_get_each_event_once_and_nothing_else(
    namespace: Namespace, stack: Burst, attach: Attach, tmp_path: Path
) -> None:
    namespace.submit(stack, num_failures=1)
    found = attach("--json")
    assert found.status == 0, found.err
    assert steps(found.out) == list(range(1, 13))
    assert found.out == (run_folder(tmp_path, stack) / "events.jsonl").read_text()


def test_an_image_that_is_not_there_is_told_at_once_and_waited_for(namespace: Namespace, stack: Burst, attach: Attach) -> None:
    image = (REHEARSAL / "image").read_text().strip()
    namespace.submit(stack, image=f"{image.partition('@')[0]}@sha256:{'0' * 64}")
    found = attach("--timeout", "0.4")
    assert found.status == 124
    assert "fails: not found; to mend it: push it" in found.out
    assert found.out.count("to mend it: push it, or set hepburst:image") == 1
    assert "the run goes on in the cluster" in found.out


def test_an_api_server_that_is_away_for_half_a_minute_costs_nothing(namespace: Namespace, stack: Burst, attach: Attach) -> None:
    namespace.submit(stack, num_steps=90, step_seconds=0.5)
    outage = when(
        namespace.is_training,
        lambda: subprocess.run([sys.executable, "-m", "sandbox.cluster", "outage", "--seconds", "30"], check=True),
    )
    found = attach("--json")
    outage.join()
    assert found.status == 0, found.err
    assert found.err.count("the cluster does not answer") == 1
    assert found.err.count("connected again, after") == 1
    assert steps(found.out) == list(range(1, 91))


def test_ctrl_c_leaves_the_run_alone(namespace: Namespace, stack: Burst, attach: Attach) -> None:
    namespace.submit(stack, num_steps=40)
    when(namespace.is_training, interrupt)
    found = attach()
    assert found.status == 130
    assert f"the run goes on in the cluster; to see it again: burst attach {stack.name}" in found.out
    assert len(namespace.pods("launcher")) == 1
    assert attach("--json").status == 0


def test_ctrl_c_while_results_come_leaves_no_pod_and_no_half_folder(
    namespace: Namespace, stack: Burst, attach: Attach, tmp_path: Path
) -> None:
    namespace.submit(stack, num_steps=1)
    assert attach().status == 0
    folder = run_folder(tmp_path, stack)
    (folder / "run.json").write_text("old")
    when(namespace.collectors, interrupt, 0.1)
    found = attach()
    assert found.status == 130
    assert namespace.collectors() == []
    assert (folder / "run.json").read_text() == "old"
    assert [each.name for each in folder.parent.iterdir()] == [folder.name]


def test_a_lost_worker_and_a_deleted_job_are_told(namespace: Namespace, stack: Burst, attach: Attach) -> None:
    namespace.submit(stack, num_steps=200)
    name = f"train-{stack.workload.run.run_id()}"
    jobs = f"/apis/kubeflow.org/v2beta1/namespaces/{namespace.access.namespace}/mpijobs/{name}"
    killed = when(namespace.is_training, lambda: namespace.kill(namespace.pods("worker")[0]))
    when(lambda: not killed.is_alive(), lambda: namespace.api.delete(jobs, {"propagationPolicy": "Background"}), 5.0)
    found = attach()
    assert found.status == 3, found.out + found.err
    assert f"worker lost: {name}-worker-0" in found.out
    assert "the job is gone: it was deleted from the cluster" in found.out


RULES = (
    {"apiGroups": ["kubeflow.org"], "resources": ["mpijobs"], "verbs": ["list", "watch"]},
    {"apiGroups": [""], "resources": ["pods"], "verbs": ["get", "list", "watch", "create", "delete"]},
    {"apiGroups": [""], "resources": ["pods/log"], "verbs": ["get"]},
    {"apiGroups": [""], "resources": ["pods/exec"], "verbs": ["get", "create"]},
    {"apiGroups": [""], "resources": ["events"], "verbs": ["list", "watch"]},
)
"""The Role that following needs, in the namespace alone."""


@pytest.mark.parametrize("missing", [None, "events", "pods"])
def test_these_rights_are_enough_and_each_is_asked_for(
    namespace: Namespace, stack: Burst, attach: Attach, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, missing: str | None
) -> None:
    rules = [rule for rule in RULES if rule["resources"] != [missing]]
    kubeconfig = tmp_path / "kubeconfig"
    kubeconfig.write_text(json.dumps(namespace.kubeconfig_of("follower", rules)))
    assert stack.cluster is not None
    access = dataclasses.replace(namespace.access, kubeconfig=str(kubeconfig), context="")
    limited = dataclasses.replace(stack, cluster=dataclasses.replace(stack.cluster, access=access))
    monkeypatch.setattr(settings, "from_file", lambda stack, folder: limited)
    namespace.submit(stack, num_steps=3)
    found = attach()
    if missing is None:
        assert found.status == 0, found.out + found.err
        assert "step 3/3" in found.out
    else:
        assert found.status == 2
        assert f"refused: not allowed: {missing} is forbidden" in found.err
        assert found.err.count("\n") == 1
