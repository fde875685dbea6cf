"""Bursts on GKE as the settings of a stack would read them, small and quick to make."""

from __future__ import annotations

import datetime
from dataclasses import replace

from burst import facts
from burst.cluster import BucketVolume, Cluster, ClusterAccess, NodeGroup, Workers
from burst.gke import GkeCluster, GpuGroup
from burst.spec import Burst, Pool, Purchase, Target
from cli import project
from stacks import settings
from trainer.contract import Preset

ZONE = "us-central1-a"


def group(
    accelerator: str = "V100-16GB",
    num_gpus: int = 8,
    num_nodes: int = 1,
    purchase: Purchase = Purchase.SPOT,
    *,
    num_local_ssds: int = 0,
) -> GpuGroup:
    """Nodes of `num_gpus` each, on their default host."""
    shape = facts.gke_shape(accelerator, num_gpus, ZONE)
    return GpuGroup(shape=shape, num_nodes=num_nodes, purchase=purchase, num_local_ssds=num_local_ssds)


def burst_on(*groups: GpuGroup, num_epochs: int = 60) -> Burst:
    """The published network on the groups, all in one zone, one rank a GPU."""
    local = settings.from_file("local", project.ROOT)
    node_groups = tuple(NodeGroup(num_nodes=each.num_nodes, ranks_per_node=each.shape.num_accelerators) for each in groups)
    workers = Workers(groups=node_groups, cpus_per_rank=4, memory_gib_per_rank=16, accelerator=groups[0].shape.accelerator)
    dataset = replace(local.workload.dataset, num_showers=138_874, image_shape=(51, 51, 25))
    run = replace(
        local.workload.run, preset=Preset.PUBLISHED, num_ranks=workers.num_ranks, batch_per_rank=96, num_epochs=num_epochs
    )
    return Burst(
        name="gke",
        workload=replace(local.workload, run=run, dataset=dataset),
        pools=tuple(
            Pool(
                target=Target.GKE,
                region="gcp/us-central1",
                shape=each.shape,
                num_nodes=each.num_nodes,
                purchase=each.purchase,
            )
            for each in groups
        ),
        cluster=Cluster(
            access=ClusterAccess(kubeconfig="", context="", namespace="gke"),
            workers=workers,
            volume=BucketVolume(folder="gke"),
            image="registry.example.org/trainer@sha256:" + "0" * 64,
        ),
        gke=GkeCluster(
            name="hepburst-gke",
            project="a-project",
            zone=ZONE,
            groups=groups,
            deadline=datetime.datetime(2026, 12, 1, 18, tzinfo=datetime.UTC),
        ),
    )
