"""The namespace of a burst. Owns the namespace, its quota and its pod security; not what is put into it.

The quota is what the burst declares and a little for what follows it, so that a mistake cannot take the whole cluster. It is
enforced by the API server, which refuses pods beyond it.
"""

from __future__ import annotations

from dataclasses import dataclass

from pulumi import ComponentResource, Output, ResourceOptions
from pulumi_kubernetes.core import v1 as core
from pulumi_kubernetes.meta.v1 import ObjectMetaArgs

from burst.cluster import Workers
from components.kubernetes.fuse import FuseSidecar
from components.kubernetes.mpi_job_spec import LAUNCHER_CPUS, LAUNCHER_MEMORY_GIB
from components.kubernetes.pods import cpus, gibibytes, labels

SPARE_CPUS, SPARE_MEMORY_GIB, SPARE_PODS = 1.0, 2.0, 2
"""For the pod that collects results, and for a launcher that is being replaced."""
POD_SECURITY = "pod-security.kubernetes.io"


@dataclass(frozen=True, slots=True, kw_only=True)
class BurstNamespaceArgs:
    """A namespace for the workers of one stack."""

    stack: str
    namespace: str
    workers: Workers
    fuse_sidecar: FuseSidecar | None = None
    """Beside the container of each pod, where the run volume is a bucket."""


class BurstNamespace(ComponentResource):
    """A namespace that admits pods without privileges alone, and no more of them than the burst declares."""

    def __init__(self, name: str, args: BurstNamespaceArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__("hepburst:kubernetes:BurstNamespace", name, {}, opts)
        metadata = ObjectMetaArgs(name=args.namespace, labels={**labels(args.stack), **restricted()})
        self.namespace = core.Namespace(name, metadata=metadata, opts=ResourceOptions(parent=self))
        self.namespace_name: Output[str] = self.namespace.metadata.apply(lambda found: str(found.name))
        self.quota = core.ResourceQuota(
            "quota",
            metadata=ObjectMetaArgs(name="burst", namespace=self.namespace_name, labels=labels(args.stack)),
            spec=core.ResourceQuotaSpecArgs(hard=quota(args.workers, args.fuse_sidecar)),
            opts=ResourceOptions(parent=self),
        )
        self.register_outputs({"namespace": self.namespace_name})


def restricted() -> dict[str, str]:
    """Labels by which the API server refuses pods that Kubernetes' security standard `restricted` forbids."""
    return {f"{POD_SECURITY}/{mode}": "restricted" for mode in ("enforce", "warn")}


def quota(workers: Workers, fuse_sidecar: FuseSidecar | None = None) -> dict[str, str]:
    """`spec.hard`: what the workers, a launcher and what follows them ask for together.

    >>> from burst.cluster import NodeGroup
    >>> group = NodeGroup(num_nodes=2, ranks_per_node=8)
    >>> quota(Workers(groups=(group,), cpus_per_rank=4, memory_gib_per_rank=8, accelerator="V100-16GB"))
    {'pods': '5', 'requests.cpu': '65200m', 'limits.memory': '131Gi', 'requests.nvidia.com/gpu': '16'}
    """
    num_ranks, num_pods = workers.num_ranks, workers.num_workers + 1 + SPARE_PODS
    num_cpus = num_ranks * workers.cpus_per_rank + LAUNCHER_CPUS + SPARE_CPUS
    memory_gib = num_ranks * workers.memory_gib_per_rank + LAUNCHER_MEMORY_GIB + SPARE_MEMORY_GIB
    if fuse_sidecar:
        num_cpus += num_pods * fuse_sidecar.cpus
        memory_gib += num_pods * fuse_sidecar.memory_gib
    hard = {"pods": str(num_pods), "requests.cpu": cpus(num_cpus), "limits.memory": gibibytes(memory_gib)}
    if workers.accelerator:
        hard[f"requests.{workers.accelerator_resource}"] = str(num_ranks)
    return hard
