"""The IPv4 block that a burst has for itself in its base's network, divided among nodes, services and pods."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass

from trainer.refusal import Refusal

BLOCK_PREFIX, NODES_PREFIX, SERVICES_PREFIX, PODS_PREFIX = 16, 20, 20, 17
"""Of a burst's /16: 4,096 addresses for nodes, 4,096 for services, and half of it for pods."""
PRIVATE = tuple(ipaddress.IPv4Network(block) for block in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"))
"""RFC 1918."""
PODS_PER_GPU_NODE, PODS_PER_SYSTEM_NODE = 32, 64
"""GKE gives a node twice as many addresses as it may have pods, and 110 pods if nobody says otherwise: 128 nodes of a /17 and
no more (cloud.google.com/kubernetes-engine/docs/how-to/flexible-pod-cidr)."""
NUM_PASSING_NODES = 1
"""Of the pool that GKE makes with a cluster and that is removed at once."""
MAX_GPU_NODES = (2 ** (32 - PODS_PREFIX) - 2 * PODS_PER_SYSTEM_NODE) // (2 * PODS_PER_GPU_NODE) - NUM_PASSING_NODES
"""So many have addresses for their pods, beside the system node and GKE's passing one: 509."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranges:
    """IPv4 ranges of a burst, as CIDR."""

    nodes: str
    services: str
    pods: str


def ranges(ip_block: str) -> Ranges:
    """A burst's block, divided: nodes, then services, and the upper half for pods. Refuses what is no private /16.

    >>> ranges("10.64.0.0/16")
    Ranges(nodes='10.64.0.0/20', services='10.64.16.0/20', pods='10.64.128.0/17')
    """
    try:
        block = ipaddress.IPv4Network(ip_block)
    except ValueError:
        block = None
    if block is None or block.prefixlen != BLOCK_PREFIX or not any(block.subnet_of(private) for private in PRIVATE):
        raise Refusal(
            f"hepburst:network.ip_block is {ip_block!r}",
            expected=f"a private IPv4 block of /{BLOCK_PREFIX} that ends in two zeros, such as 10.64.0.0/16",
            remedy="correct hepburst:network.ip_block",
        )
    nodes, services, *_ = block.subnets(new_prefix=NODES_PREFIX)
    _, pods = block.subnets(new_prefix=PODS_PREFIX)
    return Ranges(nodes=str(nodes), services=str(services), pods=str(pods))
