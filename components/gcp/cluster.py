"""A private cluster for one burst. Owns the cluster and its system node; not its network, nor the nodes that train.

Nodes have private addresses alone. The control plane is reached by a DNS name at Google's front door, which asks for IAM
rights (`container.clusters.connect`), from a laptop or a CI job anywhere; it has no IP address that anybody could reach.
Automatic upgrades are held off until the deadline: one that replaces nodes would end a training that needs all of them at
once.
"""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypedDict

from pulumi import ComponentResource, CustomTimeouts, Input, Output, ResourceOptions
from pulumi_gcp import container

from burst.gke import GkeCluster
from burst.ip_block import PODS_PER_GPU_NODE, PODS_PER_SYSTEM_NODE
from components.gcp.network import PODS_RANGE, SERVICES_RANGE

SYSTEM_MACHINE = "e2-standard-4"
"""For Kubernetes' own pods, the MPI Operator and the launcher."""
PASSING_MACHINE = "e2-medium"
"""Of the pool that GKE makes with every cluster, and that goes as soon as the cluster is there."""
BOOT_DISK_GB, BOOT_DISK_TYPE = 100, "pd-balanced"
"""Of every node: the trainer's image takes 7 GB unpacked (`burst/facts/sizes.csv`)."""
IMAGE_TYPE = "COS_CONTAINERD"
SCOPES = ["https://www.googleapis.com/auth/cloud-platform"]
"""What an account may do, its roles say."""
EXCLUSION = datetime.timedelta(days=180)
"""The longest that GKE holds off upgrades of nodes
(cloud.google.com/kubernetes-engine/docs/concepts/maintenance-windows-and-exclusions)."""
EXCLUSION_MARGIN = datetime.timedelta(hours=2)
"""After the deadline: an upgrade must not be what the deletion waits for."""
TIMEOUT_MINUTES = 45
"""For GKE to make or remove a cluster or a pool: less than `Deadline` tries."""
API_TIME = "%Y-%m-%dT%H:%M:%SZ"


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterArgs:
    """Which cluster, where in the network, and whose its nodes are."""

    gke: GkeCluster
    network: Input[str]
    subnetwork: Input[str]
    """With the secondary ranges that `BurstNetwork` names."""
    node_account: Input[str]
    labels: Mapping[str, str]
    uses_filestore: bool = False
    """Whether GKE's driver for Filestore is wanted; the one for buckets always is."""


class Cluster(ComponentResource):
    """A zonal cluster with one small node, ready for GPU pools."""

    cluster_name: Output[str]
    """Known when the system node stands: GKE taints GPU nodes, so that nothing else lands there, only where other nodes are."""
    endpoint: Output[str]
    """A DNS name."""
    workload_pool: Output[str]
    """`PROJECT.svc.id.goog`."""

    def __init__(self, name: str, args: ClusterArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__("hepburst:gcp:Cluster", name, {}, opts)
        mine = ResourceOptions(parent=self, custom_timeouts=timeouts(), delete_before_replace=True)
        self.cluster = container.Cluster(
            name,
            cluster_inputs(args),
            # Of a pool that is gone; what the API tells of it afterwards is another pool's.
            opts=ResourceOptions.merge(mine, ResourceOptions(ignore_changes=["nodeConfig"])),
        )
        self.system = container.NodePool("system", system_pool_inputs(args, self.cluster.name), opts=mine)
        self.cluster_name = self.system.cluster
        self.endpoint = self.cluster.control_plane_endpoints_config.apply(
            lambda found: str(found.dns_endpoint_config.endpoint) if found.dns_endpoint_config else ""
        )
        self.workload_pool = self.cluster.workload_identity_config.apply(lambda found: str(found.workload_pool))
        self.register_outputs({"endpoint": self.endpoint})


def timeouts() -> CustomTimeouts:
    """Of the cluster and its pools."""
    limit = f"{TIMEOUT_MINUTES}m"
    return CustomTimeouts(create=limit, update=limit, delete=limit)


def cluster_inputs(args: ClusterArgs) -> container.ClusterArgs:
    """Of the cluster."""
    gke = args.gke
    return container.ClusterArgs(
        name=gke.name,
        project=gke.project,
        location=gke.zone,
        description="hepburst: one burst; deleted at its deadline",
        deletion_protection=False,
        release_channel=container.ClusterReleaseChannelArgs(channel="REGULAR"),
        maintenance_policy=maintenance_inputs(gke.deadline),
        cost_management_config=container.ClusterCostManagementConfigArgs(enabled=True),
        resource_labels=dict(args.labels),
        workload_identity_config=container.ClusterWorkloadIdentityConfigArgs(workload_pool=f"{gke.project}.svc.id.goog"),
        addons_config=_addons(args.uses_filestore),
        # Empty GPU nodes go within minutes, not ten.
        cluster_autoscaling=container.ClusterClusterAutoscalingArgs(autoscaling_profile="OPTIMIZE_UTILIZATION"),
        logging_config=container.ClusterLoggingConfigArgs(enable_components=["SYSTEM_COMPONENTS", "WORKLOADS"]),
        monitoring_config=_monitoring(),
        enable_shielded_nodes=True,
        **_network_inputs(args),
        **_passing_pool_inputs(args),
    )


def _addons(uses_filestore: bool) -> container.ClusterAddonsConfigArgs:
    return container.ClusterAddonsConfigArgs(
        gcs_fuse_csi_driver_config=container.ClusterAddonsConfigGcsFuseCsiDriverConfigArgs(enabled=True),
        gcp_filestore_csi_driver_config=container.ClusterAddonsConfigGcpFilestoreCsiDriverConfigArgs(enabled=uses_filestore),
    )


def _monitoring() -> container.ClusterMonitoringConfigArgs:
    """GKE's own metrics, which are free; not the managed Prometheus, which bills samples."""
    return container.ClusterMonitoringConfigArgs(
        enable_components=["SYSTEM_COMPONENTS"],
        managed_prometheus=container.ClusterMonitoringConfigManagedPrometheusArgs(enabled=False),
    )


def maintenance_inputs(deadline: datetime.datetime) -> container.ClusterMaintenancePolicyArgs:
    """No upgrade of nodes until the deadline is over, from the deadline alone: nothing here depends on today.

    In a release channel upgrades of nodes cannot be turned off, only held off. The control plane still gets its patches, in a
    daily window: pods go on meanwhile, and whoever asks the API waits some minutes.
    """
    end = deadline + EXCLUSION_MARGIN
    exclusion = container.ClusterMaintenancePolicyMaintenanceExclusionArgs(
        exclusion_name="burst",
        start_time=(end - EXCLUSION).strftime(API_TIME),
        end_time=end.strftime(API_TIME),
        exclusion_options=container.ClusterMaintenancePolicyMaintenanceExclusionExclusionOptionsArgs(
            scope="NO_MINOR_OR_NODE_UPGRADES"
        ),
    )
    return container.ClusterMaintenancePolicyArgs(
        daily_maintenance_window=container.ClusterMaintenancePolicyDailyMaintenanceWindowArgs(start_time="03:00"),
        maintenance_exclusions=[exclusion],
    )


class _NetworkInputs(TypedDict):
    """Those of a cluster's inputs that say how it is reached, and where its pods are."""

    network: Input[str]
    subnetwork: Input[str]
    networking_mode: str
    datapath_provider: str
    default_max_pods_per_node: int
    ip_allocation_policy: container.ClusterIpAllocationPolicyArgs
    private_cluster_config: container.ClusterPrivateClusterConfigArgs
    control_plane_endpoints_config: container.ClusterControlPlaneEndpointsConfigArgs


def _network_inputs(args: ClusterArgs) -> _NetworkInputs:
    return _NetworkInputs(
        network=args.network,
        subnetwork=args.subnetwork,
        networking_mode="VPC_NATIVE",
        datapath_provider="ADVANCED_DATAPATH",
        default_max_pods_per_node=PODS_PER_GPU_NODE,
        ip_allocation_policy=container.ClusterIpAllocationPolicyArgs(
            cluster_secondary_range_name=PODS_RANGE, services_secondary_range_name=SERVICES_RANGE
        ),
        private_cluster_config=container.ClusterPrivateClusterConfigArgs(enable_private_nodes=True),
        control_plane_endpoints_config=container.ClusterControlPlaneEndpointsConfigArgs(
            dns_endpoint_config=container.ClusterControlPlaneEndpointsConfigDnsEndpointConfigArgs(allow_external_traffic=True),
            ip_endpoints_config=container.ClusterControlPlaneEndpointsConfigIpEndpointsConfigArgs(enabled=False),
        ),
    )


class _PassingPoolInputs(TypedDict):
    """Those of a cluster's inputs that say what becomes of its first pool."""

    remove_default_node_pool: bool
    initial_node_count: int
    node_config: container.ClusterNodeConfigArgs


def _passing_pool_inputs(args: ClusterArgs) -> _PassingPoolInputs:
    """GKE makes no cluster without a pool. Its node runs as our account: the project's default one may be disabled or gone."""
    return _PassingPoolInputs(
        remove_default_node_pool=True,
        initial_node_count=1,
        node_config=container.ClusterNodeConfigArgs(
            machine_type=PASSING_MACHINE,
            service_account=args.node_account,
            oauth_scopes=SCOPES,
            image_type=IMAGE_TYPE,
            workload_metadata_config=container.ClusterNodeConfigWorkloadMetadataConfigArgs(mode="GKE_METADATA"),
        ),
    )


def system_pool_inputs(args: ClusterArgs, cluster_name: Input[str]) -> container.NodePoolArgs:
    """One small node on demand, which nothing pre-empts: it has the launcher."""
    return container.NodePoolArgs(
        name="system",
        project=args.gke.project,
        location=args.gke.zone,
        cluster=cluster_name,
        node_count=1,
        max_pods_per_node=PODS_PER_SYSTEM_NODE,
        management=container.NodePoolManagementArgs(auto_repair=True, auto_upgrade=True),
        node_config=container.NodePoolNodeConfigArgs(
            machine_type=SYSTEM_MACHINE,
            service_account=args.node_account,
            oauth_scopes=SCOPES,
            image_type=IMAGE_TYPE,
            disk_size_gb=BOOT_DISK_GB,
            disk_type=BOOT_DISK_TYPE,
            gcfs_config=container.NodePoolNodeConfigGcfsConfigArgs(enabled=True),
            resource_labels=dict(args.labels),
            shielded_instance_config=container.NodePoolNodeConfigShieldedInstanceConfigArgs(
                enable_integrity_monitoring=True, enable_secure_boot=True
            ),
            workload_metadata_config=container.NodePoolNodeConfigWorkloadMetadataConfigArgs(mode="GKE_METADATA"),
        ),
    )
