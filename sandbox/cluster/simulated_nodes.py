"""Nodes that kwok pretends: any number, with any accelerators, on which pods run without running anything."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from sandbox.cluster.api import Api, Manifest, condition
from sandbox.cluster.places import Places
from sandbox.cluster.processes import Program
from trainer.refusal import Refusal

GROUP_LABEL = "hepburst.io/group"
KWOK = "kwok"
PODS_THAT_GO_ON = Path(__file__).with_name("pods_that_go_on.yaml")
_GROUP = re.compile(r"([1-9]\d*)x(\d+)")


@dataclass(frozen=True, kw_only=True)
class NodeGroup:
    """Identical simulated nodes."""

    name: str
    num_nodes: int
    gpus_per_node: int
    cpus_per_node: int = 96
    memory_gb_per_node: int = 600
    is_tainted: bool = False
    """Kept for pods that tolerate `nvidia.com/gpu=present:NoSchedule`, as clouds do with their accelerators."""

    @classmethod
    def read(cls, text: str, *, is_tainted: bool = False) -> NodeGroup:
        """From NODESxGPUS; the text is the group's name too.

        >>> group = NodeGroup.read("16x8")
        >>> group.name, group.num_nodes, group.gpus_per_node
        ('16x8', 16, 8)
        """
        match = _GROUP.fullmatch(text)
        if not match:
            raise Refusal(
                f"node group {text!r}", expected="NODESxGPUS such as 16x8 (or 660x0)", remedy="write it so: --group 16x8"
            )
        nodes, gpus = int(match[1]), int(match[2])
        return cls(name=text, num_nodes=nodes, gpus_per_node=gpus, is_tainted=is_tainted and gpus > 0)

    def manifests(self) -> list[Manifest]:
        """The nodes: `<group>-0` and on, with the group's label."""
        return [self._node(f"{self.name}-{index}") for index in range(self.num_nodes)]

    def _node(self, name: str) -> Manifest:
        capacity = {"cpu": str(self.cpus_per_node), "memory": f"{self.memory_gb_per_node}G", "pods": "110"}
        if self.gpus_per_node:
            capacity["nvidia.com/gpu"] = str(self.gpus_per_node)
        taint = {"key": "nvidia.com/gpu", "value": "present", "effect": "NoSchedule"}
        labels = {"type": KWOK, GROUP_LABEL: self.name, "kubernetes.io/hostname": name, "kubernetes.io/os": "linux"}
        return {
            "apiVersion": "v1",
            "kind": "Node",
            "metadata": {"name": name, "labels": labels, "annotations": {"kwok.x-k8s.io/node": "fake"}},
            "spec": {"taints": [taint] if self.is_tainted else []},
            "status": {"capacity": capacity, "allocatable": capacity},
        }


def kwok(places: Places, binaries: Path, *, port: int, with_jobs_that_go_on: bool = False) -> Program:
    """kwok, which keeps every node ready and every pod in the phase that its kind ends in, or else running."""
    config = places.folder / "kwok.yaml"
    stages = f"---\n{PODS_THAT_GO_ON.read_text(encoding='ascii')}" if with_jobs_that_go_on else ""
    config.write_text(
        "apiVersion: config.kwok.x-k8s.io/v1alpha1\nkind: KwokConfiguration\n"
        "options: {podPlayStageParallelism: 32, nodePlayStageParallelism: 16, podsOnNodeSyncParallelism: 32}\n" + stages,
        encoding="ascii",
    )
    command = (
        str(binaries / "bin" / KWOK),
        f"--kubeconfig={places.inner_kubeconfig}",
        "--manage-all-nodes=true",
        "--node-lease-duration-seconds=40",
        f"--server-address=127.0.0.1:{port}",
        f"--config={config}",
    )
    return Program(name=KWOK, command=command, memory_mb=400)


def create(api: Api, groups: list[NodeGroup]) -> None:
    """Create the nodes of these groups that are not there yet."""
    present = {node["metadata"]["name"] for node in api.items("/api/v1/nodes")}
    missing = [node for group in groups for node in group.manifests() if node["metadata"]["name"] not in present]
    with ThreadPoolExecutor(max_workers=8) as pool:
        list(pool.map(lambda node: api.request("POST", "/api/v1/nodes", node), missing))


def num_ready(api: Api) -> int:
    """How many nodes are ready."""
    return sum(condition(node, "Ready") == "True" for node in api.items("/api/v1/nodes"))
