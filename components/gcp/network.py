"""A burst's place in the base's network. Owns a subnetwork, a router and its NAT gateway; not the network.

Nodes have no addresses of their own. Google's services (registry, bucket) are reached inside of Google; what is outside,
through the NAT gateway, whose address is billed as long as it is there: so it is the burst's, and `Deadline` removes it with
the router.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass

from pulumi import ComponentResource, Input, Output, ResourceOptions
from pulumi_gcp import compute

from burst.gke import GkeCluster
from trainer.refusal import Refusal

BLOCK_PREFIX, NODES_PREFIX, SERVICES_PREFIX, PODS_PREFIX = 16, 20, 20, 17
"""Of a burst's /16: 4,096 addresses for nodes, 4,096 for services, and half of it for pods."""
PODS_RANGE, SERVICES_RANGE = "pods", "services"
"""Names of the subnetwork's secondary ranges."""
PODS_PER_GPU_NODE, PODS_PER_SYSTEM_NODE = 32, 64
"""GKE gives a node twice as many addresses as it may have pods, and 110 pods if nobody says otherwise: 128 nodes of a /17 and
no more (cloud.google.com/kubernetes-engine/docs/how-to/flexible-pod-cidr)."""
NUM_PASSING_NODES = 1
"""Of the pool that GKE makes with a cluster and that is removed at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranges:
    """IPv4 ranges of a burst, as CIDR."""

    nodes: str
    services: str
    pods: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BurstNetworkArgs:
    """For which cluster, in which network."""

    gke: GkeCluster
    network: Input[str]
    """The base's, by name."""


class BurstNetwork(ComponentResource):
    """Addresses for nodes, pods and services, and the way out; all named as the cluster."""

    subnetwork_name: Output[str]

    def __init__(self, name: str, args: BurstNetworkArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__("hepburst:gcp:BurstNetwork", name, {}, opts)
        mine = ResourceOptions(parent=self)
        self.subnetwork = compute.Subnetwork(name, subnetwork_inputs(args.gke, args.network), opts=mine)
        self.router = compute.Router(name, router_inputs(args.gke, args.network), opts=mine)
        self.nat = compute.RouterNat(name, nat_inputs(args.gke, self.router.name, self.subnetwork.self_link), opts=mine)
        self.subnetwork_name = self.subnetwork.name
        self.register_outputs({"subnetwork": self.subnetwork_name})


def ranges(ip_block: str) -> Ranges:
    """A burst's block, divided: nodes, then services, and the upper half for pods.

    >>> ranges("10.64.0.0/16")
    Ranges(nodes='10.64.0.0/20', services='10.64.16.0/20', pods='10.64.128.0/17')
    """
    try:
        block = ipaddress.IPv4Network(ip_block)
    except ValueError as error:
        raise _refused(ip_block) from error
    if block.prefixlen != BLOCK_PREFIX or not block.is_private:
        raise _refused(ip_block)
    nodes, services, *_ = block.subnets(new_prefix=NODES_PREFIX)
    _, pods = block.subnets(new_prefix=PODS_PREFIX)
    return Ranges(nodes=str(nodes), services=str(services), pods=str(pods))


def max_gpu_nodes(ip_block: str) -> int:
    """So many GPU nodes have addresses for their pods, beside the system node and GKE's passing one.

    >>> max_gpu_nodes("10.64.0.0/16")
    509
    """
    num_addresses = ipaddress.IPv4Network(ranges(ip_block).pods).num_addresses
    return (num_addresses - 2 * PODS_PER_SYSTEM_NODE) // (2 * PODS_PER_GPU_NODE) - NUM_PASSING_NODES


def _refused(ip_block: str) -> Refusal:
    return Refusal(
        f"the address block {ip_block!r}",
        expected=f"a private IPv4 block of /{BLOCK_PREFIX}, such as 10.64.0.0/16",
        remedy="correct network.ip_block",
    )


def subnetwork_inputs(gke: GkeCluster, network: Input[str]) -> compute.SubnetworkArgs:
    """Primary addresses for nodes, secondary ones for pods and services; Google's APIs are reached without a public address."""
    found = ranges(gke.ip_block)
    return compute.SubnetworkArgs(
        name=gke.name,
        project=gke.project,
        region=gke.region,
        network=network,
        ip_cidr_range=found.nodes,
        secondary_ip_ranges=[
            compute.SubnetworkSecondaryIpRangeArgs(range_name=PODS_RANGE, ip_cidr_range=found.pods),
            compute.SubnetworkSecondaryIpRangeArgs(range_name=SERVICES_RANGE, ip_cidr_range=found.services),
        ],
        private_ip_google_access=True,
    )


def router_inputs(gke: GkeCluster, network: Input[str]) -> compute.RouterArgs:
    """Of the router, for its NAT gateway alone."""
    return compute.RouterArgs(name=gke.name, project=gke.project, region=gke.region, network=network)


def nat_inputs(gke: GkeCluster, router: Input[str], subnetwork: Input[str]) -> compute.RouterNatArgs:
    """Of the gateway: for this subnetwork, since one that is for all of a network's would refuse a second burst's."""
    return compute.RouterNatArgs(
        name=gke.name,
        project=gke.project,
        region=gke.region,
        router=router,
        nat_ip_allocate_option="AUTO_ONLY",
        source_subnetwork_ip_ranges_to_nat="LIST_OF_SUBNETWORKS",
        subnetworks=[compute.RouterNatSubnetworkArgs(name=subnetwork, source_ip_ranges_to_nats=["ALL_IP_RANGES"])],
        log_config=compute.RouterNatLogConfigArgs(enable=True, filter="ERRORS_ONLY"),
    )
