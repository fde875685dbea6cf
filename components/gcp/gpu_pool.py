"""A group of GPU nodes of a burst. Owns the node pool and nothing else: the cluster and its network are others'.

GKE itself labels the nodes (`cloud.google.com/gke-nodepool`, `cloud.google.com/gke-accelerator`), installs the driver and
the device plugin, and taints them with `nvidia.com/gpu=present:NoSchedule`, since the cluster has a node without GPUs before
(cloud.google.com/kubernetes-engine/docs/how-to/gpus).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pulumi import ComponentResource, Input, ResourceOptions
from pulumi_gcp import container

from burst.gke import GkeCluster, GpuGroup
from burst.ip_block import PODS_PER_GPU_NODE
from burst.spec import Purchase
from components.gcp.cluster import BOOT_DISK_GB, BOOT_DISK_TYPE, IMAGE_TYPE, SCOPES, timeouts
from trainer.refusal import Refusal

FLEX_START_MAX_SECONDS = 7 * 86_400
"""The longest life of a flex-start node, and its life where nobody says otherwise
(cloud.google.com/kubernetes-engine/docs/concepts/dws)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GpuPoolArgs:
    """Which group, of which cluster."""

    gke: GkeCluster
    group: GpuGroup
    cluster_name: Input[str]
    """`Cluster.cluster_name`: known when the system node stands."""
    node_account: Input[str]
    labels: Mapping[str, str]
    accelerator_type: str
    """Google's name: `nvidia-tesla-v100`."""
    driver_version: str
    """`DEFAULT` or `LATEST`: see `driver_version`."""

    def __post_init__(self) -> None:
        if self.group.purchase is not Purchase.FLEX_START:
            return
        if not self.group.autoscales:
            raise Refusal(
                f"the group {self.group.name} with a fixed number of flex-start nodes",
                expected="nodes that come when there are any",
                remedy="set autoscales: true",
            )
        if (self.gke.max_run_seconds or 0) > FLEX_START_MAX_SECONDS:
            raise Refusal(
                f"flex-start nodes for {self.gke.max_run_seconds} s",
                expected=f"{FLEX_START_MAX_SECONDS} s (seven days) at most",
                remedy="set max_run_hours to 168 or less",
            )


class GpuPool(ComponentResource):
    """A node pool: a fixed number of nodes, or none until pods ask for them."""

    def __init__(self, name: str, args: GpuPoolArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__("hepburst:gcp:GpuPool", name, {}, opts)
        self.pool = container.NodePool(
            name,
            pool_inputs(args),
            # Names are ours, so the old pool goes before the new one can be made.
            opts=ResourceOptions(parent=self, custom_timeouts=timeouts(), delete_before_replace=True),
        )
        self.register_outputs({"pool": self.pool.name})


def driver_version(*, allows_latest: bool) -> str:
    """Which of GKE's two drivers is installed: the newest where it still knows the accelerator.

    NVIDIA's branches after R580 have dropped Volta and Pascal; R580 has security updates until 2028-08
    (docs.nvidia.com/datacenter/tesla/drivers). GKE picks a driver by the version of the node and by these two words
    (GPUDriverInstallationConfig of its API); a branch cannot be named. So V100 gets `DEFAULT`, the elder, and the version of
    its nodes is held until the deadline (`components.gcp.cluster.maintenance_inputs`). Which branch it is, only a node tells.

    >>> driver_version(allows_latest=False)
    'DEFAULT'
    """
    return "LATEST" if allows_latest else "DEFAULT"


def pool_inputs(args: GpuPoolArgs) -> container.NodePoolArgs:
    """Of the node pool.

    `node_count` where the number is fixed; an autoscaled pool has none, so that `up` never undoes what the autoscaler did.
    """
    gke, group = args.gke, args.group
    return container.NodePoolArgs(
        name=group.name,
        project=gke.project,
        location=gke.zone,
        cluster=args.cluster_name,
        node_count=None if group.autoscales else group.num_nodes,
        autoscaling=_autoscaling(group.num_nodes) if group.autoscales else None,
        max_pods_per_node=PODS_PER_GPU_NODE,
        management=management(group.purchase),
        upgrade_settings=upgrade_settings(group.purchase),
        placement_policy=container.NodePoolPlacementPolicyArgs(type="COMPACT") if gke.is_compact else None,
        node_config=node_inputs(args),
    )


def _autoscaling(num_nodes: int) -> container.NodePoolAutoscalingArgs:
    return container.NodePoolAutoscalingArgs(total_min_node_count=0, total_max_node_count=num_nodes, location_policy="ANY")


def management(purchase: Purchase) -> container.NodePoolManagementArgs:
    """Flex-start nodes cannot be made anew in their place, so GKE wants no repair of them.

    Upgrades: a release channel refuses `auto_upgrade` off; the cluster's maintenance exclusion is what holds them off.
    """
    return container.NodePoolManagementArgs(auto_repair=purchase is not Purchase.FLEX_START, auto_upgrade=True)


def upgrade_settings(purchase: Purchase) -> container.NodePoolUpgradeSettingsArgs | None:
    """If there ever is one: node by node and without spare nodes, for which there would be no quota.

    For flex-start nodes GKE knows one way alone (SHORT_LIVED), and takes it where nothing is said. Google's Terraform provider,
    of which Pulumi's is made, has refused that word (terraform-provider-google, resource_container_node_pool.go).
    """
    if purchase is Purchase.FLEX_START:
        return None
    return container.NodePoolUpgradeSettingsArgs(strategy="SURGE", max_surge=0, max_unavailable=1)


def max_run_duration(gke: GkeCluster, purchase: Purchase) -> str | None:
    """A node's longest life, as the API writes it; None where nothing but the deadline ends it."""
    longest = gke.max_run_seconds
    if longest is None and purchase is Purchase.FLEX_START:
        longest = FLEX_START_MAX_SECONDS
    return None if longest is None else f"{longest}s"


def node_inputs(args: GpuPoolArgs) -> container.NodePoolNodeConfigArgs:
    """Of every node."""
    group, is_flex_start = args.group, args.group.purchase is Purchase.FLEX_START
    return container.NodePoolNodeConfigArgs(
        machine_type=group.machine_type,
        guest_accelerators=[_accelerator(args)],
        spot=group.purchase is Purchase.SPOT or None,
        flex_start=is_flex_start or None,
        max_run_duration=max_run_duration(args.gke, group.purchase),
        reservation_affinity=_no_reservation() if is_flex_start else None,
        service_account=args.node_account,
        oauth_scopes=SCOPES,
        image_type=IMAGE_TYPE,
        disk_size_gb=BOOT_DISK_GB,
        disk_type=BOOT_DISK_TYPE,
        ephemeral_storage_local_ssd_config=_local_ssds(group.num_local_ssds),
        gvnic=container.NodePoolNodeConfigGvnicArgs(enabled=True),
        gcfs_config=container.NodePoolNodeConfigGcfsConfigArgs(enabled=True),  # image streaming: pods start before all is there
        resource_labels=dict(args.labels),
        shielded_instance_config=container.NodePoolNodeConfigShieldedInstanceConfigArgs(enable_integrity_monitoring=True),
        workload_metadata_config=container.NodePoolNodeConfigWorkloadMetadataConfigArgs(mode="GKE_METADATA"),
    )


def _accelerator(args: GpuPoolArgs) -> container.NodePoolNodeConfigGuestAcceleratorArgs:
    """Also where the GPUs are part of the machine type: the driver is said here."""
    return container.NodePoolNodeConfigGuestAcceleratorArgs(
        type=args.accelerator_type,
        count=args.group.shape.num_accelerators,
        gpu_driver_installation_config=container.NodePoolNodeConfigGuestAcceleratorGpuDriverInstallationConfigArgs(
            gpu_driver_version=args.driver_version
        ),
    )


def _local_ssds(count: int) -> container.NodePoolNodeConfigEphemeralStorageLocalSsdConfigArgs | None:
    """Under the pods' own storage and images, where the caches of the bucket's driver are too."""
    return container.NodePoolNodeConfigEphemeralStorageLocalSsdConfigArgs(local_ssd_count=count) if count else None


def _no_reservation() -> container.NodePoolNodeConfigReservationAffinityArgs:
    return container.NodePoolNodeConfigReservationAffinityArgs(consume_reservation_type="NO_RESERVATION")
