"""`burst attach` to a cluster that the burst made: its kubeconfig from the stack, its gang, its end by the deadline."""

from __future__ import annotations

import dataclasses
import datetime
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from burst import facts
from burst.cluster import BucketVolume, Cluster, ClusterAccess, NewVolume, NodeGroup, Workers
from burst.gke import BaseIds, GkeCluster, GpuGroup
from burst.spec import Burst, Pool, Purchase, Target
from cli import project
from cli.following import follow, log, rented, watching
from cli.following.collector import manifest
from cli.following.situation import Stage, situation
from cli.following.telling import Teller
from stacks import settings
from tests.cli.attach_objects import JOB, ended, job, pod, seen, unscheduled, words
from tests.cli.command import Run
from tests.cli.toy_api import NAMESPACE, ToyApi

FAR = datetime.datetime(2100, 1, 1, tzinfo=datetime.UTC)
PAST = datetime.datetime(2026, 11, 1, 18, tzinfo=datetime.UTC)
TELL = Teller.tell
SHORT = "3 of 16 workers came within 30 min: not trained, and the nodes are given back"


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


def rented_burst(kubeconfig: Path, deadline: datetime.datetime) -> Burst:
    local = settings.from_file("local", project.ROOT)
    shape = facts.gke_shape("V100-16GB", 1, "us-central1-a")
    group = GpuGroup(shape=shape, num_nodes=2, purchase=Purchase.SPOT)
    workers = Workers(
        groups=(NodeGroup(num_nodes=2, ranks_per_node=1),), cpus_per_rank=1, memory_gib_per_rank=1, gang_seconds=1800
    )
    access = ClusterAccess(kubeconfig=str(kubeconfig), context="toy", namespace=NAMESPACE)
    return Burst(
        name="gke",
        workload=local.workload,
        pools=(Pool(target=Target.GKE, region="gcp/us-central1", shape=shape, num_nodes=2, purchase=Purchase.SPOT),),
        cluster=Cluster(access=access, workers=workers, volume=BucketVolume(folder="gke"), image="trainer@sha256:0a"),
        gke=GkeCluster(name="hepburst-gke", project="my-project", zone="us-central1-a", groups=(group,), deadline=deadline),
    )


def of_gke(*conditions: str) -> dict[str, Any]:
    """The stack's job."""
    found = job(*conditions)
    found["metadata"]["labels"]["app.kubernetes.io/instance"] = "gke"
    return found


Deploy = Callable[..., Burst]


@pytest.fixture
def deploy(toy: ToyApi, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Deploy:
    """A stack `gke` whose output is the toy's kubeconfig, as far as a pulumi of the test's own tells."""
    output, programs = toy.kubeconfig(tmp_path / "output"), tmp_path / "bin"
    programs.mkdir()
    monkeypatch.setenv("PATH", f"{programs}{os.pathsep}{os.environ['PATH']}")

    def make(deadline: datetime.datetime = FAR, script: str = f'echo "$@" > {tmp_path}/asked; cat {output}') -> Burst:
        (programs / "pulumi").write_text(f"#!/bin/sh\n{script}\n")
        (programs / "pulumi").chmod(0o755)
        burst = rented_burst(tmp_path / "stack" / "kubeconfig", deadline)
        monkeypatch.setattr(settings, "from_file", lambda stack, folder: burst)
        return burst

    return make


def test_the_way_into_the_cluster_is_the_stacks_output(burst: Run, toy: ToyApi, deploy: Deploy, tmp_path: Path) -> None:
    deploy()
    toy.put("jobs", of_gke("Created", "Failed"))
    assert burst("attach", "gke").status == 1
    assert (tmp_path / "stack" / "kubeconfig").read_bytes() == (tmp_path / "output").read_bytes()
    assert (tmp_path / "asked").read_text().split() == ["stack", "output", "kubeconfig", "--stack", "gke", "--non-interactive"]


@pytest.mark.parametrize(
    ("script", "said", "remedy"),
    [
        ("echo 'error: no stack named gke found' >&2; exit 255", "no stack named gke found", "pulumi up -s gke"),
        ("exit 0", "stack gke has no output kubeconfig", "pulumi up -s gke"),
    ],
)
def test_a_stack_that_is_not_deployed_is_refused(burst: Run, deploy: Deploy, script: str, said: str, remedy: str) -> None:
    deploy(script=script)
    found = burst("attach", "gke")
    assert found.status == 2
    (refusal,) = found.refusals
    assert said in refusal
    assert remedy in refusal


def test_without_the_engine_the_way_to_it_is_told(burst: Run, deploy: Deploy, monkeypatch: pytest.MonkeyPatch) -> None:
    deploy()
    monkeypatch.setenv("PATH", "/nowhere")
    assert "make shell" in burst("attach", "gke").refusals[0]


def test_a_cluster_that_its_deadline_has_removed_is_told_with_where_the_results_are(
    burst: Run, toy: ToyApi, deploy: Deploy
) -> None:
    deploy(PAST)
    toy.close()
    (refusal,) = burst("attach", "gke").refusals
    assert "cluster hepburst-gke is gone: its deadline was 2026-11-01 18:00 UTC" in refusal
    assert "gcloud storage ls gs://$(pulumi stack output bucket -s gcp-base)/gke/runs" in refusal
    assert "pulumi destroy -s gke" in refusal


def test_a_cluster_that_is_away_before_its_deadline_is_not_gone(burst: Run, toy: ToyApi, deploy: Deploy) -> None:
    deploy()
    toy.close()
    (refusal,) = burst("attach", "gke").refusals
    assert "does not answer" in refusal
    assert "is gone" not in refusal


def test_a_deadline_that_comes_while_a_run_is_followed_is_told_with_the_last_that_was_seen(
    burst: Run, toy: ToyApi, deploy: Deploy, monkeypatch: pytest.MonkeyPatch
) -> None:
    deploy(PAST)  # which has not removed the cluster yet
    monkeypatch.setattr(rented, "GONE_PATIENCE_SECONDS", 1.0)
    monkeypatch.setattr(Teller, "tell", _then(TELL, lambda: setattr(toy, "is_away", True)))
    toy.put("jobs", of_gke("Created", "Running"))
    toy.put("pods", pod("launcher-a"))
    found = burst("attach", "gke")
    (refusal,) = found.refusals
    assert "cluster hepburst-gke is gone" in refusal
    assert "the last that was seen of the run: launcher started" in refusal


def _then(first: Callable[..., None], second: Callable[[], object]) -> Callable[..., None]:
    def both(*arguments: object) -> None:
        first(*arguments)
        second()

    return both


def test_results_are_where_they_were_kept() -> None:
    found = rented_burst(Path("kubeconfig"), PAST)
    assert found.gke is not None
    assert found.cluster is not None
    ids = BaseIds(network="n", bucket="my-bucket", repository="r", node_account="a", trainer_account="b", deadline_account="c")
    based = dataclasses.replace(found, gke=dataclasses.replace(found.gke, base=ids))
    assert "gs://my-bucket/gke/runs" in str(rented.gone(based))
    on_disk = dataclasses.replace(found, cluster=dataclasses.replace(found.cluster, volume=NewVolume(size_gib=1024)))
    assert "went with it" in str(rented.gone(on_disk))


def test_a_gang_that_did_not_come_never_heals_and_has_its_remedy(burst: Run, toy: ToyApi, deploy: Deploy) -> None:
    failed = pod("launcher-a", "Failed", state=ended(5, words("incomplete", SHORT)))
    (trouble,) = situation(seen(job("Created"), failed)).troubles
    assert trouble.what == SHORT
    assert "hepburst:pool.gang_timeout_minutes" in trouble.remedy
    deploy()
    toy.log_ended.add(f"{JOB}-launcher-a")
    toy.put("jobs", of_gke("Created", "Failed"))
    toy.put("pods", failed)
    found = burst("attach", "gke")
    assert found.status == 1
    assert f"failed: {SHORT}; to mend it: raise hepburst:pool.gang_timeout_minutes" in found.out


def test_a_launcher_that_waits_for_its_gang_says_what_the_workers_wait_for() -> None:
    waiting = job("Created")
    (container,) = waiting["spec"]["mpiReplicaSpecs"]["Launcher"]["template"]["spec"]["containers"]
    container["command"] = ["python", "-m", "trainer.pods", "--gang-seconds", "1800"]
    pods = (pod("worker-0"), pod("worker-1", "Pending", **unscheduled("0/1 nodes are available.")), pod("launcher-a"))
    found = situation(seen(waiting, *pods))
    assert (found.stage, found.text) == (Stage.PENDING, "the launcher waits for all workers: 0/1 nodes are available.")
    assert situation(seen(waiting, pod("worker-0"), pod("worker-1"), pod("launcher-a"))).stage is Stage.RUNNING
    container["command"] += ["--elastic", "--min-ranks", "1"]
    assert situation(seen(waiting, *pods)).stage is Stage.RUNNING


def test_the_pod_that_fetches_results_from_a_bucket_mounts_it_like_the_launcher() -> None:
    on_bucket = job("Succeeded")
    mounting = {"gke-gcsfuse/volumes": "true", "gke-gcsfuse/memory-limit": "512Mi"}
    template = on_bucket["spec"]["mpiReplicaSpecs"]["Launcher"]["template"]
    template["metadata"] = {"annotations": {**mounting, "other": "x"}}
    assert manifest(on_bucket, name="collect-x")["metadata"]["annotations"] == mounting
    assert "annotations" not in manifest(job("Succeeded"), name="collect-x")["metadata"]
