"""Nodes of a node pool as GKE makes them: their names, labels, taints, and what of a machine is left for pods."""

from __future__ import annotations

import base64
import hashlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import yaml

from sandbox.cloud import machines
from sandbox.cloud.ledger import Plain, Resource, within
from sandbox.cluster.api import Api, Manifest, condition, wait_for
from sandbox.cluster.simulated_nodes import KWOK

POOL_LABEL = "cloud.google.com/gke-nodepool"
GPU = "nvidia.com/gpu"
READY_SECONDS = 180.0
_EFFECTS = {"NO_SCHEDULE": "NoSchedule", "PREFER_NO_SCHEDULE": "PreferNoSchedule", "NO_EXECUTE": "NoExecute"}
_RESERVED_MEMORY = ((4, 0.25), (4, 0.20), (8, 0.10), (112, 0.06), (float("inf"), 0.02))
"""GiB of the machine, and the share that GKE keeps (cloud.google.com/kubernetes-engine/docs/concepts/plan-node-sizes)."""
_RESERVED_CPUS = ((1, 0.06), (1, 0.01), (2, 0.005), (float("inf"), 0.0025))
_EVICTION_GIB = 0.1
_MERGE = "application/merge-patch+json"
_Row = dict[str, Any]


def allocatable(vcpus: float, memory_gib: float) -> tuple[float, float]:
    """CPUs and GiB of a machine that pods may ask for.

    >>> [round(amount, 2) for amount in allocatable(4, 16)]
    [3.92, 13.3]
    """
    return vcpus - _reserved(vcpus, _RESERVED_CPUS), memory_gib - _reserved(memory_gib, _RESERVED_MEMORY) - _EVICTION_GIB


def _reserved(amount: float, steps: tuple[tuple[float, float], ...]) -> float:
    kept = 0.0
    for width, share in steps:
        kept += min(amount, width) * share
        amount -= min(amount, width)
    return kept


def set_nodes(api: Api, pool: Resource) -> None:
    """Make the nodes that the pool lacks, remove those that it has too many."""
    present = {node["metadata"]["name"] for node in of_pool(api, pool.name)}
    wanted = [node(pool, index) for index in range(pool.num_nodes)]
    names = {one["metadata"]["name"] for one in wanted}
    with ThreadPoolExecutor(max_workers=8) as threads:
        list(threads.map(lambda name: _remove(api, name), present - names))
        missing = [one for one in wanted if one["metadata"]["name"] not in present]
        list(threads.map(lambda one: api.request("POST", "/api/v1/nodes", one), missing))
    wait_for(
        f"{len(names)} ready nodes of {pool.name}", lambda: _num_ready(api, pool.name) >= len(names), seconds=READY_SECONDS
    )


def _remove(api: Api, name: str) -> None:
    """A machine that is gone takes its pods with it."""
    for pod in api.items(f"/api/v1/pods?fieldSelector=spec.nodeName%3D{name}"):
        place = f"/api/v1/namespaces/{pod['metadata']['namespace']}/pods/{pod['metadata']['name']}"
        api.delete(f"{place}?gracePeriodSeconds=0")
    api.delete(f"/api/v1/nodes/{name}")


def of_pool(api: Api, name: str) -> list[Manifest]:
    """The nodes that a pool has."""
    return api.items(f"/api/v1/nodes?labelSelector={POOL_LABEL.replace('/', '%2F')}%3D{name}")


def _num_ready(api: Api, name: str) -> int:
    return sum(condition(one, "Ready") == "True" for one in of_pool(api, name))


def labels(pool: Resource, zone: str) -> dict[str, str]:
    """Labels of a pool's nodes: GKE's, and those that the pool gives."""
    config = pool.properties.get("nodeConfig") or {}
    found = {
        POOL_LABEL: pool.name,
        "node.kubernetes.io/instance-type": str(config.get("machineType")),
        "topology.kubernetes.io/zone": zone,
        "topology.kubernetes.io/region": zone.rpartition("-")[0],
    }
    accelerator = machines.accelerator_of(pool.properties, zone)
    found |= {"cloud.google.com/gke-accelerator": accelerator} if accelerator else {}
    for name, label in (("spot", "gke-spot"), ("flexStart", "gke-flex-start"), ("preemptible", "gke-preemptible")):
        found |= {f"cloud.google.com/{label}": "true"} if config.get(name) else {}
    return {**found, **(config.get("labels") or {})}


def taints(properties: Plain) -> list[_Row]:
    """The pool's own, and the one by which GKE keeps other pods off GPUs."""
    own = within(properties, "nodeConfig.taints")
    found = [{"key": one["key"], "value": one.get("value", ""), "effect": _EFFECTS[one["effect"]]} for one in own]
    has_gpus = bool(machines.accelerator_of(properties, str(properties["location"])))
    taint = {"key": GPU, "value": "present", "effect": "NoSchedule"}
    return [*found, taint] if has_gpus and taint not in found else found


def node(pool: Resource, index: int) -> Manifest:
    """The pool's node of this number."""
    zone = str(pool.properties["location"])
    machine = machines.of_pool(pool.properties, zone)
    cpus, memory_gib = allocatable(machine.vcpus, machine.memory_gib)
    cluster = str(pool.properties["cluster"]).rpartition("/")[2]
    name = f"gke-{cluster[:24]}-{pool.name[:20]}-{hashlib.sha256(pool.id.encode()).hexdigest()[:4]}-{index:04d}"
    gpus = {GPU: str(machine.num_accelerators)} if machine.accelerator else {}
    pods = {"pods": str(int(pool.properties.get("maxPodsPerNode") or 110)), "ephemeral-storage": "90Gi"}
    full = {"cpu": f"{machine.vcpus:g}", "memory": f"{int(machine.memory_gib * 1024)}Mi", **gpus, **pods}
    left = {"cpu": f"{int(cpus * 1000)}m", "memory": f"{int(memory_gib * 1024)}Mi", **gpus, **pods}
    own = {"type": KWOK, "kubernetes.io/hostname": name, "kubernetes.io/os": "linux", "kubernetes.io/arch": "amd64"}
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name, "labels": {**own, **labels(pool, zone)}, "annotations": {"kwok.x-k8s.io/node": "fake"}},
        "spec": {"taints": taints(pool.properties), "providerID": f"gce://{pool.properties['project']}/{zone}/{name}"},
        "status": {"capacity": full, "allocatable": left},
    }


def mark(api: Api, pool: Resource) -> None:
    """On the full cluster, whose one node really runs pods: it stands for all nodes of the GPU pool, and for the system's.

    It has their labels and their GPUs, but no taint; a pool without GPUs or without nodes is not to be seen.
    """
    zone = str(pool.properties["location"])
    machine = machines.of_pool(pool.properties, zone)
    if not machine.accelerator:
        return
    if pool.num_nodes:
        _stand_for(api, labels(pool, zone), machine.num_accelerators * pool.num_nodes)
    else:
        unmark(api)


def unmark(api: Api) -> None:
    """The full cluster's node is nobody's again."""
    _stand_for(api, {}, None)


def _stand_for(api: Api, own: dict[str, str], num_gpus: int | None) -> None:
    """Labels that were given before and are not now go; kubelet makes of a GPU that is there one that pods may have."""
    (one,) = api.items("/api/v1/nodes")
    name = one["metadata"]["name"]
    api.apply({"apiVersion": "v1", "kind": "Node", "metadata": {"name": name, "labels": own}})
    capacity = {GPU: None if num_gpus is None else str(num_gpus)}
    api.request("PATCH", f"/api/v1/nodes/{name}/status", {"status": {"capacity": capacity}}, kind=_MERGE)


def server(kubeconfig: Path) -> str:
    """The API server's URL."""
    return str(yaml.safe_load(kubeconfig.read_text(encoding="utf-8"))["clusters"][0]["cluster"]["server"])


def token(kubeconfig: Path) -> str:
    """The administrator's."""
    return str(yaml.safe_load(kubeconfig.read_text(encoding="utf-8"))["users"][0]["user"]["token"])


def authority(kubeconfig: Path) -> str:
    """The certificate of what signed the server's."""
    config = yaml.safe_load(kubeconfig.read_text(encoding="utf-8"))
    return base64.b64decode(config["clusters"][0]["cluster"]["certificate-authority-data"]).decode()
