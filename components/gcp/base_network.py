"""The network that bursts share. Owns the VPC network, which costs nothing; not what bursts put into it."""

from __future__ import annotations

from dataclasses import dataclass

from pulumi import ComponentResource, Output, ResourceOptions
from pulumi_gcp import compute


@dataclass(frozen=True, slots=True, kw_only=True)
class BaseNetworkArgs:
    """Its name, in which project."""

    name: str
    project: str


class BaseNetwork(ComponentResource):
    """A VPC network without a subnetwork: each burst brings its own."""

    network_name: Output[str]

    def __init__(self, name: str, args: BaseNetworkArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__("hepburst:gcp:BaseNetwork", name, {}, opts)
        self.network = compute.Network(name, network_inputs(args), opts=ResourceOptions(parent=self))
        self.network_name = self.network.name
        self.register_outputs({"network": self.network_name})


def network_inputs(args: BaseNetworkArgs) -> compute.NetworkArgs:
    """Of the network. GKE makes the firewall rules of its clusters; nothing else is let in."""
    return compute.NetworkArgs(
        name=args.name,
        project=args.project,
        description="hepburst: bursts bring their subnetworks",
        auto_create_subnetworks=False,
        routing_mode="REGIONAL",
    )
