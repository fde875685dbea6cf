"""A burst's place in the base's network. Owns a subnetwork, a router and its NAT gateway; not the network.

Nodes have no addresses of their own. Google's services (registry, bucket) are reached inside of Google; what is outside,
through the NAT gateway, whose address is billed as long as it is there: so it is the burst's, and `Deadline` removes it with
the router.
"""

from __future__ import annotations

from dataclasses import dataclass

from pulumi import ComponentResource, Input, Output, ResourceOptions
from pulumi_gcp import compute

from burst.gke import GkeCluster
from burst.ip_block import ranges

PODS_RANGE, SERVICES_RANGE = "pods", "services"
"""Names of the subnetwork's secondary ranges."""


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
