"""`burst attach` against an API server on loopback: what is refused, followed, said, and survived."""

from __future__ import annotations

import dataclasses
import json
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from burst.cluster import Cluster, ClusterAccess, ExistingClaim, NodeGroup, Workers
from burst.spec import Burst, Pool, Shape, Target
from cli import project
from cli.following import follow, log, watching
from stacks import settings
from tests.cli.attach_objects import JOB, ended, job, pod, words
from tests.cli.command import Run
from tests.cli.toy_api import NAMESPACE, PATHS, ToyApi

WORKERS = (pod("worker-0"), pod("worker-1"))
LAUNCHER = f"{JOB}-launcher-a"


@pytest.fixture
def toy(monkeypatch: pytest.MonkeyPatch) -> Iterator[ToyApi]:
    monkeypatch.setattr(watching, "FIRST_WAIT_SECONDS", 0.05)
    monkeypatch.setattr(log, "RETRY_SECONDS", 0.05)
    monkeypatch.setattr(follow, "TICK_SECONDS", 0.05)
    monkeypatch.setattr(follow, "SETTLE_SECONDS", 0.2)
    monkeypatch.setattr(follow, "OUTAGE_SECONDS", 0.3)
    made = ToyApi()
    yield made
    made.close()


@pytest.fixture
def access(toy: ToyApi, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ClusterAccess:
    """The stack `onprem` is in the toy's cluster."""
    found = ClusterAccess(kubeconfig=str(toy.kubeconfig(tmp_path / "kubeconfig")), context="toy", namespace=NAMESPACE)
    point_to(found, monkeypatch)
    return found


def point_to(access: ClusterAccess, monkeypatch: pytest.MonkeyPatch) -> None:
    local = settings.from_file("local", project.ROOT)
    workers = Workers(groups=(NodeGroup(num_nodes=2, ranks_per_node=1),), cpus_per_rank=1, memory_gib_per_rank=1)
    shape = Shape(provider="own", name="node", accelerator="", num_accelerators=0, vcpus=1, memory_gib=1)
    burst = Burst(
        name="onprem",
        workload=local.workload,
        pools=(Pool(target=Target.KUBERNETES, region=local.pool.region, shape=shape, num_nodes=2),),
        cluster=Cluster(access=access, workers=workers, volume=ExistingClaim(name="runs"), image="trainer@sha256:0a"),
    )
    monkeypatch.setattr(settings, "from_file", lambda stack, folder: burst)


class Story:
    """Things that happen one after the other in the cluster while somebody follows."""

    def __init__(self, toy: ToyApi) -> None:
        self.toy = toy
        toy.put("jobs", job("Created"))

    def workers(self) -> None:
        for worker in WORKERS:
            self.toy.put("pods", worker)

    def launch(self, name: str = "launcher-a", minute: int = 2) -> None:
        self.toy.put("pods", pod(name, minute=minute))
        self.toy.put("jobs", job("Created", "Running"))

    def emit(self, event: str, *, on: str = LAUNCHER, **members: Any) -> None:
        self.toy.say(on, json.dumps({"event": event, "unix_seconds": time.time(), **members}))

    def step(self, step: int, *, on: str = LAUNCHER) -> None:
        progress = {"epoch": 1, "num_epochs": 2, "step": step, "num_steps": 99, "samples_per_second": 50.0}
        self.emit("step", on=on, **progress, seconds_left=9.0, losses={"generator": 1.5})

    def fail(self, name: str = "launcher-a", message: str = "") -> None:
        """The launcher ends, and the job with it."""
        self.toy.log_ended.add(f"{JOB}-{name}")
        self.toy.put("pods", pod(name, "Failed", minute=2, state=ended(1, message)))
        self.toy.put("jobs", job("Created", "Failed"))


def told(story: Callable[[], None]) -> threading.Thread:
    """Tell a story beside the test."""
    thread = threading.Thread(target=story, daemon=True)
    thread.start()
    return thread


def later(toy: ToyApi, act: Callable[[], object]) -> None:
    """Do something beside the test, once somebody follows."""

    def run() -> None:
        wait_for_a_follower(toy)
        act()

    told(run)


def wait_for_a_follower(toy: ToyApi) -> None:
    """Until all kinds of objects are watched, and a little longer: who comes before that is refused instead of told."""
    before, deadline = len(toy.requests), time.monotonic() + 30
    while sum("watch=true" in each for each in toy.requests[before:]) < len(PATHS) and time.monotonic() < deadline:
        time.sleep(0.02)
    pause()


def pause() -> None:
    """So long that what has happened is seen."""
    time.sleep(0.35)


def test_a_stack_of_this_machine_is_refused_with_the_way_to_follow_it(burst: Run) -> None:
    found = burst("attach", "local")
    run_id = settings.from_file("local", project.ROOT).workload.run.lineage_id()
    assert found.status == 2
    assert f"tail -f .hepburst/local/runs/{run_id}/events.jsonl" in found.refusals[0]


@pytest.mark.parametrize(
    ("error", "said", "remedy"),
    [
        ((401, "Unauthorized"), "does not accept the credentials of context toy", "kubectl --context toy auth whoami"),
        ((403, "mpijobs is forbidden"), "not allowed: mpijobs is forbidden", "ask for them"),
        ((404, "page not found"), "knows no MPIJob", "mpi_operator: install"),
        ((500, "etcd is full"), "answers with an error: etcd is full (500)", "cluster-info"),
    ],
)
def test_a_cluster_that_lets_nobody_in_is_one_line_with_a_remedy(
    burst: Run, toy: ToyApi, access: ClusterAccess, error: tuple[int, str], said: str, remedy: str
) -> None:
    toy.error = error
    found = burst("attach", "onprem")
    assert found.status == 2
    (refusal,) = found.refusals
    assert said in refusal
    assert remedy in refusal


def test_a_cluster_that_is_not_there_is_one_line(burst: Run, toy: ToyApi, access: ClusterAccess) -> None:
    toy.close()
    found = burst("attach", "onprem")
    assert found.status == 2
    assert f"the cluster of context toy at {toy.address} does not answer: Connection refused" in found.refusals[0]


def test_a_kubeconfig_without_the_context_or_none_at_all_is_refused(
    burst: Run, access: ClusterAccess, monkeypatch: pytest.MonkeyPatch
) -> None:
    for wrong in (dataclasses.replace(access, context="other"), dataclasses.replace(access, kubeconfig="/nowhere")):
        point_to(wrong, monkeypatch)
        found = burst("attach", "onprem")
        assert found.status == 2
        assert "the kubeconfig gives no way into the cluster" in found.refusals[0]


def test_without_the_client_the_way_to_install_it_is_told(
    burst: Run, access: ClusterAccess, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [name for name in sys.modules if name.split(".")[0] == "kubernetes"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "kubernetes", None)
    found = burst("attach", "onprem")
    assert "make setup EXTRA=kubernetes" in found.refusals[0]


def test_a_stack_without_a_job_is_refused_with_the_command_that_makes_one(
    burst: Run, toy: ToyApi, access: ClusterAccess
) -> None:
    assert "pulumi up -s onprem" in burst("attach", "onprem").refusals[0]
    toy.put("jobs", job("Created"))
    assert "no job of run 0a1b2d (did you mean 0a1b2c?)" in burst("attach", "onprem", "--run", "0a1b2d").refusals[0]


def test_times_that_are_none_are_refused_together(burst: Run) -> None:
    assert len(burst("attach", "onprem", "--patience", "0", "--timeout", "-1").refusals) == 2


def test_a_run_is_told_from_its_first_pod_to_its_last_words(burst: Run, toy: ToyApi, access: ClusterAccess) -> None:
    story = Story(toy)

    def run() -> None:
        wait_for_a_follower(toy)
        story.workers()
        pause()
        story.launch()
        story.emit("phase", name="training")
        story.step(7)
        story.emit("health", problem="the generator collapsed", action="return to step 3")
        pause()
        toy.remove("pods", WORKERS[1])
        pause()
        story.fail(message=words("failed", "rank 1 died", "RuntimeError: no", "Killed"))

    told(run)
    found = burst("attach", "onprem")
    assert found.status == 1
    sentences = [line[10:] for line in found.out.splitlines() if "of 2 workers" not in line]
    step = sentences.pop(next(index for index, each in enumerate(sentences) if each.startswith("epoch")))
    assert step == "epoch 1/2  0:09 left  50 showers/s  G 1.50  step 7/99"
    assert sentences == [
        f"job {JOB} in namespace {NAMESPACE}",
        "workers pending",
        "workers run, the launcher is pending",
        "launcher started",
        "training",
        "warning: the generator collapsed; return to step 3",
        f"worker lost: {JOB}-worker-1 (deleted)",
        "failed: rank 1 died",
        "  RuntimeError: no",
        "  Killed",
    ]


def test_without_last_words_the_end_of_the_log_is_told(burst: Run, toy: ToyApi, access: ClusterAccess) -> None:
    story = Story(toy)
    story.launch()
    toy.say(LAUNCHER, "Traceback (most recent call last):")
    toy.say(LAUNCHER, "MemoryError")
    story.fail()
    found = burst("attach", "onprem")
    assert found.status == 1
    assert [line[10:] for line in found.out.splitlines()][-3:] == [
        "failed: the launcher ended with exit status 1",
        "  Traceback (most recent call last):",
        "  MemoryError",
    ]


def test_an_interrupted_run_and_a_deleted_one_end_with_3(burst: Run, toy: ToyApi, access: ClusterAccess) -> None:
    story = Story(toy)
    story.launch()
    story.fail(message=words("interrupted", "interrupted at step 7 of 99"))
    found = burst("attach", "onprem")
    assert (found.status, "interrupted at step 7 of 99" in found.out) == (3, True)
    toy.put("jobs", job("Created", "Running"))
    later(toy, lambda: toy.remove("jobs", job()))
    found = burst("attach", "onprem")
    assert (found.status, "the job is gone: it was deleted" in found.out) == (3, True)


def test_events_come_once_each_however_often_the_streams_break(burst: Run, toy: ToyApi, access: ClusterAccess) -> None:
    story = Story(toy)
    story.workers()
    story.launch()

    def run() -> None:
        for step in range(1, 31):
            story.step(step)
            time.sleep(0.03)
            if step % 6 == 0:
                toy.break_streams()
        pause()
        story.fail()

    told(run)
    found = burst("attach", "onprem", "--json")
    assert found.status == 1
    assert [json.loads(line)["step"] for line in found.out.splitlines()] == list(range(1, 31))
    assert "does not answer" not in found.err


def test_a_new_launcher_is_followed_on(burst: Run, toy: ToyApi, access: ClusterAccess) -> None:
    story = Story(toy)
    story.workers()
    story.launch()
    story.step(1)
    second = f"{JOB}-launcher-b"

    def run() -> None:
        wait_for_a_follower(toy)
        toy.log_ended.add(LAUNCHER)
        toy.put("pods", pod("launcher-a", "Failed", minute=2, state=ended(1, words("failed", "rank 0 died"))))
        pause()
        story.launch("launcher-b", minute=3)
        story.emit("phase", on=second, name="training", resumed_at_step=1)
        story.step(2, on=second)
        pause()
        story.fail("launcher-b")

    told(run)
    found = burst("attach", "onprem")
    for said in (
        "failed (rank 0 died); waiting for attempt 2 of 7",
        "restarted: attempt 2 of 7",
        "training, resumed at step 1",
    ):
        assert said in found.out


def test_an_outage_is_told_once_and_its_end_as_well(burst: Run, toy: ToyApi, access: ClusterAccess) -> None:
    story = Story(toy)
    story.workers()
    story.launch()

    def run() -> None:
        story.step(1)
        wait_for_a_follower(toy)
        toy.is_away = True
        for step in range(2, 12):
            story.step(step)
            time.sleep(0.1)
        toy.is_away = False
        story.step(12)
        time.sleep(1.5)
        story.fail()

    told(run)
    found = burst("attach", "onprem", "--json")
    assert found.status == 1
    assert found.err.count("does not answer") == found.err.count("connected again, after") == 1
    assert [json.loads(line)["step"] for line in found.out.splitlines()] == list(range(1, 13))


def test_an_outage_without_end_is_borne_as_long_as_asked(burst: Run, toy: ToyApi, access: ClusterAccess) -> None:
    Story(toy).launch()
    later(toy, lambda: setattr(toy, "is_away", True))
    found = burst("attach", "onprem", "--patience", "0.02")
    assert found.status == 2
    assert "the run does not need us" in found.err
    assert "then attach again" in found.err.splitlines()[-1]


def test_a_server_that_refuses_everybody_while_it_starts_is_waited_for(burst: Run, toy: ToyApi, access: ClusterAccess) -> None:
    story = Story(toy)
    story.launch()

    def run() -> None:
        wait_for_a_follower(toy)
        toy.error = (403, "RBAC: clusterrole not found")
        toy.break_streams()
        pause()
        toy.error = None
        pause()
        story.fail()

    told(run)
    assert burst("attach", "onprem").status == 1


def test_a_server_that_has_forgotten_is_asked_for_everything_anew(burst: Run, toy: ToyApi, access: ClusterAccess) -> None:
    story = Story(toy)
    story.workers()

    def run() -> None:
        wait_for_a_follower(toy)
        toy.break_streams()
        with toy.lock:
            story.launch()
            toy.forgotten = len(toy.changes)
        pause()
        story.fail()

    told(run)
    found = burst("attach", "onprem")
    assert found.status == 1
    assert "launcher started" in found.out


def test_a_timeout_and_ctrl_c_leave_the_run_alone(burst: Run, toy: ToyApi, access: ClusterAccess) -> None:
    Story(toy)
    found = burst("attach", "onprem", "--timeout", "0.01")
    assert (found.status, "the run goes on in the cluster" in found.out) == (124, True)
    later(toy, lambda: os.kill(os.getpid(), signal.SIGINT))
    found = burst("attach", "onprem")
    assert (found.status, "burst attach onprem" in found.out) == (130, True)
    assert all(request.startswith(("/api/v1/", "/apis/kubeflow.org/")) for request in toy.requests)


def test_a_log_that_is_gone_does_not_hide_the_end(burst: Run, toy: ToyApi, access: ClusterAccess) -> None:
    toy.put("jobs", job("Created", "Failed"))
    found = burst("attach", "onprem")
    assert (found.status, "failed: it is Failed" in found.out) == (1, True)
