"""A burst on GKE: a private cluster of its own that ends at its deadline, and in it the same run as in any cluster."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from typing import Any

import pulumi
import pulumi_gcp
import pulumi_kubernetes

from burst import facts
from burst.cluster import NewVolume
from burst.forecast import forecast, warnings
from burst.forecast.speedup import speedup
from burst.gke import GkeCluster, GpuGroup
from burst.numerals import number
from burst.spec import Burst
from components.gcp.cluster import Cluster, ClusterArgs
from components.gcp.deadline import Deadline, DeadlineArgs
from components.gcp.gpu_pool import GpuPool, GpuPoolArgs, driver_version
from components.gcp.kubeconfig import kubeconfig
from components.gcp.labels import labels
from components.gcp.network import BurstNetwork, BurstNetworkArgs
from components.gcp.trainer_identity import TrainerIdentity, TrainerIdentityArgs
from stacks import kubernetes
from stacks.gcp_base import base_ids

LEFT = "what lies in the base's bucket and registry; subnetwork, scheduler jobs and state stay too and are not billed"
LEFT_WITH_FILESTORE = f"the Filestore volume, which is billed until you delete it (gcloud filestore instances list); {LEFT}"


def deploy(burst: Burst) -> None:
    """Declare deadline, network, cluster, GPU nodes and run, and export what they cost and how the run is followed."""
    assert burst.gke is not None
    assert burst.cluster is not None
    expected = forecast(burst)  # first: what it refuses must be refused before anything is declared
    faster = speedup(burst)
    image = kubernetes.image_of(burst.cluster)
    for warning in warnings(burst, datetime.date.today()):
        pulumi.log.warn(warning)
    outputs = declare(burst, image)
    pulumi.export("cost", {"forecast": expected.to_output(), "actual": outputs["cost"]})
    pulumi.export("speedup", speedup_output(faster))
    pulumi.export("run", outputs["run"])
    pulumi.export("report", outputs["report"])
    pulumi.export("deadline", deadline_output(burst.gke, has_filestore=isinstance(burst.cluster.volume, NewVolume)))
    pulumi.export("kubeconfig", outputs["kubeconfig"])


def declare(burst: Burst, image: pulumi.Input[str]) -> pulumi.Output[dict[str, Any]]:
    """Every resource; gives what is known of the run afterwards. `image`: a reference with a digest."""
    gke, inside = burst.gke, burst.cluster
    assert gke is not None
    assert inside is not None
    base, marks = base_ids(gke.base, gke.region), labels(burst.name, gke)
    google = pulumi_gcp.Provider("google", project=gke.project, region=gke.region, zone=gke.zone, default_labels=marks)
    mine = pulumi.ResourceOptions(provider=google)

    deadline = Deadline("deadline", DeadlineArgs(gke=gke, account=base["deadline_account"]), opts=mine)
    network = BurstNetwork("network", BurstNetworkArgs(gke=gke, network=base["network"]), opts=_after(mine, deadline))
    cluster = Cluster(
        "cluster",
        ClusterArgs(
            gke=gke,
            network=base["network"],
            subnetwork=network.subnetwork_name,
            node_account=base["node_account"],
            labels=marks,
            uses_filestore=isinstance(inside.volume, NewVolume),
        ),
        opts=_after(mine, deadline),
    )
    for group in gke.groups:
        GpuPool(group.name, _pool_args(gke, group, cluster, base["node_account"], marks), opts=mine)
    identity = TrainerIdentity(
        "identity",
        TrainerIdentityArgs(
            project=gke.project,
            trainer_account=base["trainer_account"],
            namespace=inside.access.namespace,
            workload_pool=cluster.workload_pool,
        ),
        opts=mine,
    )

    access = cluster.endpoint.apply(lambda endpoint: kubeconfig(endpoint, gke.name))
    outputs = kubernetes.declare(
        burst,
        image,
        provider=_provider(access, cluster),
        cloud=kubernetes.Cloud(
            bucket=base["bucket"], trainer_account=base["trainer_account"], needs=[network, cluster, identity]
        ),
    )
    return pulumi.Output.all(outputs=outputs, kubeconfig=access).apply(
        lambda known: {**known["outputs"], "kubeconfig": known["kubeconfig"]}
    )


def _pool_args(
    gke: GkeCluster, group: GpuGroup, cluster: Cluster, node_account: pulumi.Input[str], marks: dict[str, str]
) -> GpuPoolArgs:
    known = facts.gke_accelerator(group.shape)
    return GpuPoolArgs(
        gke=gke,
        group=group,
        cluster_name=cluster.cluster_name,
        node_account=node_account,
        labels=marks,
        accelerator_type=known.gke_type,
        driver_version=driver_version(allows_latest=known.allows_latest_driver),
    )


def _after(mine: pulumi.ResourceOptions, *needs: pulumi.Resource) -> pulumi.ResourceOptions:
    return pulumi.ResourceOptions.merge(mine, pulumi.ResourceOptions(depends_on=list(needs)))


def _provider(access: pulumi.Output[str], cluster: Cluster) -> pulumi_kubernetes.Provider:
    """Of the burst's own cluster: once its deadline has removed it, what was in it is gone with it."""
    return pulumi_kubernetes.Provider(
        "kubernetes",
        kubeconfig=access,
        delete_unreachable=True,
        upsert_existing_objects=True,
        opts=pulumi.ResourceOptions(depends_on=[cluster]),
    )


def speedup_output(rows: Sequence[dict[str, Any]]) -> dict[str, str]:
    """A line for each number of GPUs, so that a preview shows at a glance what more of them bring.

    >>> hours, usd = ({"low": 1.0, "expected": 2.0, "high": 4.0}, {"low": 5.0, "expected": 8.0, "high": 20.0})
    >>> told = {"num_gpus": 2, "nodes": "2 x a", "basis": "measured"}
    >>> speedup_output([{**told, "hours": hours, "usd": usd, "speedup": 1.8, "efficiency": 0.9}])
    {'2 GPUs': '2 h (1 to 4), 8 USD (5 to 20), speed-up 1.8, efficiency 90%; 2 x a; measured'}
    """

    def between(of: dict[str, float], unit: str) -> str:
        return f"{number(of['expected'])} {unit} ({number(of['low'])} to {number(of['high'])})"

    return {
        f"{row['num_gpus']} GPU{'s' if row['num_gpus'] > 1 else ''}": (
            f"{between(row['hours'], 'h')}, {between(row['usd'], 'USD')}, speed-up {number(row['speedup'])}, "
            f"efficiency {row['efficiency']:.0%}; {row['nodes']}; {row['basis']}"
        )
        for row in rows
    }


def deadline_output(gke: GkeCluster, *, has_filestore: bool) -> dict[str, str]:
    """When Google removes what, and what is left."""
    return {
        "utc": gke.deadline.strftime("%Y-%m-%dT%H:%MZ"),
        "removes": f"cluster {gke.name} with its nodes, and its NAT, by Cloud Scheduler with the base's deadline account",
        "leaves": LEFT_WITH_FILESTORE if has_filestore else LEFT,
    }
