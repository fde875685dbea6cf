"""128 GPUs on simulated nodes: the real scheduler, MPI Operator and Kueue place the very job that the component declares."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from burst.cluster import NodeGroup, Workers
from components.kubernetes.mpi_job import API_VERSION, KIND, QUEUE_LABEL, with_image
from components.kubernetes.mpi_job_spec import JobManifest, job_name_of, labels_of, mpi_job_spec
from sandbox.cluster.light import LightCluster
from sandbox.cluster.queues import make_queue
from sandbox.cluster.simulated_nodes import GROUP_LABEL
from sandbox.cluster.simulated_nodes import NodeGroup as SimulatedGroup
from trainer.contract import RunConfig

pytestmark = pytest.mark.cluster

IMAGE = "registry.example.org/trainer@sha256:" + "0" * 64
NAMESPACE = "burst"
JOBS = f"/apis/kubeflow.org/v2beta1/namespaces/{NAMESPACE}/mpijobs"
WORKLOADS = f"/apis/kueue.x-k8s.io/v1beta1/namespaces/{NAMESPACE}/workloads"
PODS = f"/api/v1/namespaces/{NAMESPACE}/pods"
SECONDS = 60.0
SYSTEM = SimulatedGroup(name="system", num_nodes=1, gpus_per_node=0)
"""Where the launcher goes: GPU nodes are tainted."""


def simulated(*layout: tuple[int, int]) -> list[SimulatedGroup]:
    groups = [SimulatedGroup(name=f"{n}x{g}", num_nodes=n, gpus_per_node=g, is_tainted=True) for n, g in layout]
    return [*groups, SYSTEM]


def workers_on(*layout: tuple[int, int]) -> Workers:
    groups = tuple(
        NodeGroup(num_nodes=nodes, ranks_per_node=gpus, node_labels=((GROUP_LABEL, f"{nodes}x{gpus}"),))
        for nodes, gpus in layout
    )
    return Workers(groups=groups, cpus_per_rank=8, memory_gib_per_rank=32, accelerator="V100-16GB")


def job_of(workers: Workers, *, seed: int = 1, queue: str = "") -> dict[str, Any]:
    run = RunConfig(data_path="/data.h5", data_sha256="", num_epochs=1, num_ranks=workers.num_ranks, seed=seed)
    run = with_image(run, IMAGE)
    labels = {**labels_of("onprem", run), **({QUEUE_LABEL: queue} if queue else {})}
    return {
        "apiVersion": API_VERSION,
        "kind": KIND,
        "metadata": {"name": job_name_of(run.run_id()), "namespace": NAMESPACE, "labels": labels},
        "spec": mpi_job_spec(JobManifest(stack="onprem", run=run, image=IMAGE, workers=workers, claim_name="runs")),
    }


def prepared(cluster: LightCluster) -> None:
    """What the pods of a job refer to, as the stack would make it."""
    api = cluster.api
    api.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}})
    api.apply({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "trainer", "namespace": NAMESPACE}})
    volume = {
        "accessModes": ["ReadWriteMany"],
        "capacity": {"storage": "1Gi"},
        "hostPath": {"path": "/nowhere"},
        "storageClassName": "",
    }
    api.apply({"apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": "runs"}, "spec": volume})
    claim = {
        "accessModes": ["ReadWriteMany"],
        "resources": {"requests": {"storage": "1Gi"}},
        "storageClassName": "",
        "volumeName": "runs",
    }
    api.apply(
        {
            "apiVersion": "v1",
            "kind": "PersistentVolumeClaim",
            "metadata": {"name": "runs", "namespace": NAMESPACE},
            "spec": claim,
        }
    )


def pods_of(cluster: LightCluster, role: str) -> list[dict[str, Any]]:
    label = "training.kubeflow.org/job-role"
    return [pod for pod in cluster.api.items(PODS) if pod["metadata"]["labels"].get(label) == role]


def conditions(cluster: LightCluster, job: dict[str, Any]) -> dict[str, str]:
    """Those of an MPIJob that hold, with the times at which they began to."""
    return _holding(cluster.api.get(f"{JOBS}/{job['metadata']['name']}"))


def workload_of(cluster: LightCluster, job: dict[str, Any]) -> dict[str, str]:
    """The conditions that hold of what Kueue calls a job's workload."""
    names = {each["metadata"]["ownerReferences"][0]["name"]: each for each in cluster.api.items(WORKLOADS)}
    return _holding(names[job["metadata"]["name"]])


def _holding(thing: dict[str, Any] | None) -> dict[str, str]:
    found = (thing or {}).get("status", {}).get("conditions", ())
    return {each["type"]: each["lastTransitionTime"] for each in found if each["status"] == "True"}


def succeeded(cluster: LightCluster, job: dict[str, Any]) -> bool:
    return "Succeeded" in conditions(cluster, job)


def wait_until(happens: Callable[[], bool], told: Callable[[], object]) -> float:
    """Seconds until it happened."""
    began = time.monotonic()
    while not happens():
        assert time.monotonic() < began + SECONDS, told()
        time.sleep(0.1)
    return time.monotonic() - began


@pytest.mark.parametrize(
    "layout",
    [((16, 8),), ((32, 4),), ((64, 2),), ((128, 1),), ((8, 8), (16, 4)), ((12, 8), (4, 4), (8, 2))],
    ids=lambda layout: "+".join(f"{nodes}x{gpus}" for nodes, gpus in layout),
)
def test_128_gpus_are_placed_as_declared(
    layout: tuple[tuple[int, int], ...], tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    workers = workers_on(*layout)
    assert workers.num_ranks == 128
    with LightCluster(tmp_path / "cluster", groups=simulated(*layout), with_mpi_operator=True) as cluster:
        prepared(cluster)
        job = job_of(workers)
        placed: Counter[str] = Counter()

        def is_placed() -> bool:
            placed.clear()
            placed.update(pod["spec"].get("nodeName", "") for pod in pods_of(cluster, "worker"))
            return placed.total() == workers.num_workers and "" not in placed

        cluster.api.apply(job)
        seconds = wait_until(is_placed, lambda: placed)
        record_property("seconds_to_place", round(seconds, 1))
        print(f"{workers.num_workers} workers of {workers.slots} GPUs placed in {seconds:.1f} s")
        for nodes, gpus in layout:
            on_group = {node: number for node, number in placed.items() if node.startswith(f"{nodes}x{gpus}-")}
            assert on_group == dict.fromkeys(on_group, gpus // workers.slots)
            assert len(on_group) == nodes
        wait_until(partial(succeeded, cluster, job), partial(conditions, cluster, job))


def test_no_launcher_is_made_while_a_node_is_missing(tmp_path: Path) -> None:
    workers = workers_on((16, 8))
    there = [SimulatedGroup(name="16x8", num_nodes=15, gpus_per_node=8, is_tainted=True), SYSTEM]
    with LightCluster(tmp_path / "cluster", groups=there, with_mpi_operator=True) as cluster:
        prepared(cluster)
        cluster.api.apply(job_of(workers))

        def num_running() -> int:
            return sum(pod["status"].get("phase") == "Running" for pod in pods_of(cluster, "worker"))

        wait_until(lambda: num_running() == 15, num_running)
        time.sleep(3)
        assert num_running() == 15
        assert pods_of(cluster, "launcher") == []


def test_a_queue_admits_a_gang_as_a_whole_or_makes_no_pod(tmp_path: Path) -> None:
    workers = workers_on((16, 8))
    larger = replace(workers, groups=(replace(workers.groups[0], num_nodes=17),))
    with LightCluster(tmp_path / "cluster", groups=simulated((16, 8)), with_mpi_operator=True, with_kueue=True) as cluster:
        prepared(cluster)
        quotas = {"cpu": "2000", "memory": "10Ti", "nvidia.com/gpu": "128"}
        make_queue(cluster.api, "gpus", NAMESPACE, quotas)
        too_large, first, second = (
            job_of(larger, queue="gpus"),
            job_of(workers, queue="gpus"),
            job_of(workers, seed=2, queue="gpus"),
        )
        cluster.api.apply(too_large)
        wait_until(lambda: "Suspended" in conditions(cluster, too_large), lambda: conditions(cluster, too_large))
        assert cluster.api.items(PODS) == []
        cluster.api.apply(first)
        cluster.api.apply(second)
        for job in (first, second):
            wait_until(partial(succeeded, cluster, job), partial(conditions, cluster, job))
        assert workload_of(cluster, first)["Finished"] <= workload_of(cluster, second)["QuotaReserved"]
        assert set(conditions(cluster, too_large)) == {"Created", "Suspended"}
