"""Claim 5: the Higgs analysis on 660 nodes for less than 300 USD. It trains nothing: only its machines are reckoned here."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from burst import facts
from burst.facts import AFTER, BEFORE, Billed, Offer, PhaseName
from burst.forecast import estimate
from burst.forecast.estimate import SECONDS_PER_HOUR, Times
from burst.forecast.tariff import tariff
from burst.ranges import Case, Range
from burst.spec import Purchase, Target
from burst.worked_examples.claims import claim
from burst.worked_examples.runs import REGION

SHAPES = ("n1-highmem-16", "n1-highmem-32")
"""What the nodes may have been; their type is not known."""
SECONDS_PER_MINUTE = 60.0
GB_PER_TB = 1000.0
NOTHING = Range.exactly(0.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Higgs:
    """The claim's nodes as one shape, bought one way, on GKE."""

    offer: Offer
    num_cores: int
    """Virtual CPUs of all nodes."""
    usd: Range
    """The demonstration, with its nodes from boot to gone, disks, control plane and NAT."""
    usd_per_hour: float
    """Of all nodes together, with what is billed beside them."""
    max_minutes: float
    """From the nodes' boot to their end, up to which the bill stays below the claim."""
    num_lost: float | None
    """Nodes expected to be taken back meanwhile; None on demand."""


def higgs() -> list[Higgs]:
    """Both shapes, on demand and spot."""
    purchases = (Purchase.ON_DEMAND, Purchase.SPOT)
    return [_higgs(facts.find("gcp", shape, REGION, purchase)) for shape in SHAPES for purchase in purchases]


def node_minutes() -> Range:
    """From a node's boot to its end: the demonstration, and the phases of GKE that bill nodes, without a GPU's driver."""
    demonstration = claim("Higgs: duration of the demonstration").number
    return sum(_phases(Billed.NODES), start=NOTHING) * (1 / SECONDS_PER_MINUTE) + Range.exactly(demonstration)


def _phases(billed: Billed) -> Iterator[Range]:
    known = facts.phases(Target.GKE)
    names = [name for name in (*BEFORE, *AFTER) if name in known and name is not PhaseName.DRIVER_INSTALLATION]
    return (known[name].seconds for name in names if known[name].billed is billed)


def _higgs(offer: Offer) -> Higgs:
    num_nodes, limit_usd = int(claim("Higgs: nodes").number), claim("Higgs: cost").number
    cluster_alone = sum(_phases(Billed.CLUSTER), start=NOTHING)
    minutes = node_minutes()
    usd = Range(*(_usd(offer, num_nodes, minutes.at(case) * SECONDS_PER_MINUTE, cluster_alone.at(case)) for case in Case))
    without_nodes, with_an_hour = (
        _usd(offer, num_nodes, seconds, cluster_alone.expected) for seconds in (0.0, SECONDS_PER_HOUR)
    )
    usd_per_hour = with_an_hour - without_nodes
    num_lost = None
    if offer.purchase is Purchase.SPOT:
        per_node_hour = facts.preemption(offer.shape, offer.purchase).per_node_hour.expected
        num_lost = per_node_hour * num_nodes * minutes.expected / 60
    return Higgs(
        offer=offer,
        num_cores=round(num_nodes * offer.shape.vcpus),
        usd=usd,
        usd_per_hour=usd_per_hour,
        max_minutes=60 * (limit_usd - without_nodes) / usd_per_hour,
        num_lost=num_lost,
    )


def _usd(offer: Offer, num_nodes: int, node_seconds: float, cluster_alone_seconds: float) -> float:
    """What GKE bills. The data set is whoever keeps it's (`data_usd_per_month`); reading it in its region costs nothing."""
    own = replace(tariff(Target.GKE, offer.region), burst_hour={}, once={})
    zero, busy = np.zeros(1), np.full(1, node_seconds)
    spent = Times(
        num_epochs=zero,
        num_updates=zero,
        epoch=zero,
        training=busy,
        rework=zero,
        busy=busy,
        idle=zero,
        cluster=busy + cluster_alone_seconds,
        wall=busy + cluster_alone_seconds,
    )
    place = estimate.place([offer], [own], case=Case.EXPECTED)
    return float(estimate.total(estimate.usd_items(place, spent, np.full(1, float(num_nodes))))[0])


def data_usd_per_month() -> float:
    """Keeping the data set in a bucket of the region."""
    return facts.service_price("gcp", "gcs", "standard", REGION).usd * GB_PER_TB * claim("Higgs: data set").number


def read_seconds() -> float:
    """Reading the data set once at the rate that was published."""
    return claim("Higgs: data set").number * GB_PER_TB / claim("Higgs: read rate from Cloud Storage").number
