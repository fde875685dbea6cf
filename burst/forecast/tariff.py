"""What is billed beside a node's own price, where: every rate with the line of the price list that it comes from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache

from burst import facts
from burst.facts import Offer, ServicePrice
from burst.ranges import Case
from burst.spec import Purchase, Shape, Target
from trainer.refusal import Refusal

SYSTEM_SHAPE = "e2-standard-4"
"""GKE's one node for what is not training: DNS, the MPI Operator."""
NUM_DEADLINE_JOBS = 2
"""Of Cloud Scheduler, in a burst on GKE: one deletes the cluster, one the router. Billed by the day, here by the hour; three a
month are free for a billing account, but others may have used them up."""
OCI_BALANCED_UNITS = 10
"""Performance units of OCI's default block volume."""
NUM_SYSTEM_NODES = 1
"""Of GKE, behind the NAT gateway as the others."""
MAX_NAT_VMS = 32
"""From the next VM on, a NAT gateway has one price."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tariff:
    """Rates in US dollars. Each grows with one thing alone, so that a bill is a sum of products."""

    node_hour: Mapping[str, float] = field(default_factory=dict)
    """For each host of each node, and each hour that it lives."""
    cluster_hour: Mapping[str, float] = field(default_factory=dict)
    """For each hour that the cluster lives."""
    burst_hour: Mapping[str, float] = field(default_factory=dict)
    """For each hour from the grant of the machines to the end: what lies in storage and registry."""
    once: Mapping[str, float] = field(default_factory=dict)
    nat_vm_hour: float = 0.0
    nat_gateway_hour: float = 0.0
    """Instead of `nat_vm_hour` x VMs where they are more than `MAX_NAT_VMS`."""
    prices: tuple[ServicePrice, ...] = ()
    """The lines that it rests on."""


@cache
def tariff(target: Target, region: str, case: Case = Case.EXPECTED) -> Tariff:
    """What a target bills in a region, for the sizes of `case`; refuses a service whose price no row tells."""
    return {Target.GKE: _gke, Target.GCP_TPU: _tpu, Target.AZURE_ML: _azure_ml, Target.OCI: _oci}[target](region, case)


def _gb(what: str, case: Case) -> float:
    return facts.size(what).gb.at(case)


def _gcp_storage(region: str, case: Case) -> tuple[dict[str, ServicePrice], Tariff]:
    found = {
        "disk": facts.service_price("gcp", "persistent_disk", "pd-balanced", region),
        "bucket": facts.service_price("gcp", "gcs", "standard", region),
        "registry": facts.service_price("gcp", "artifact_registry", "storage", region),
        "egress": facts.service_price(
            "gcp", "internet_egress", "premium tier, worldwide excl. China/Australia, 0-1 TB/month", region
        ),
        "address": facts.service_price("gcp", "external_ip", "address used by a NAT gateway", region),
    }
    rates = Tariff(
        node_hour={"boot disks": found["disk"].usd_per_hour * _gb("boot_disk", case)},
        burst_hour={
            "data in the bucket": found["bucket"].usd_per_hour * _gb("dataset", case),
            "image in the registry": found["registry"].usd_per_hour * _gb("image", case),
        },
        once={"egress of results": found["egress"].usd * _gb("results", case)},
    )
    return found, rates


def _gke(region: str, case: Case) -> Tariff:
    found, shared = _gcp_storage(region, case)
    fee = facts.service_price("gcp", "gke", "cluster management fee", region)
    job = facts.service_price("gcp", "cloud_scheduler", "job", region)
    system = _system_offer(region)
    nat_vm = facts.service_price("gcp", "cloud_nat", "gateway, up to 32 VMs", region)
    nat_gateway = facts.service_price("gcp", "cloud_nat", "gateway, more than 32 VMs", region)
    return Tariff(
        node_hour=shared.node_hour,
        cluster_hour={
            "control plane": fee.usd_per_hour,
            "system node": system.usd_per_hour + shared.node_hour["boot disks"],
            "NAT address": found["address"].usd_per_hour,
        },
        burst_hour={**shared.burst_hour, "deadline (Cloud Scheduler)": NUM_DEADLINE_JOBS * job.usd_per_hour},
        once=shared.once,
        nat_vm_hour=nat_vm.usd_per_hour,
        nat_gateway_hour=nat_gateway.usd_per_hour,
        prices=(*found.values(), fee, job, nat_vm, nat_gateway),
    )


def _tpu(region: str, case: Case) -> Tariff:
    found, shared = _gcp_storage(region, case)
    return Tariff(
        node_hour={**shared.node_hour, "external address": found["address"].usd_per_hour},
        burst_hour=shared.burst_hour,
        once=shared.once,
        prices=tuple(found.values()),
    )


def _azure_ml(region: str, case: Case) -> Tariff:
    disk = facts.service_price("azure", "managed_disk", "Premium SSD P10 128 GiB LRS", region)
    registry = facts.service_price("azure", "acr", "Basic tier", region)
    blob = facts.service_price("azure", "blob", "Hot LRS, first 50 TB", region)
    egress = facts.service_price("azure", "internet_egress", "Zone 1 (NA/EU), next 10 TB after 100 GB free", region)
    return Tariff(
        node_hour={"OS disks": disk.usd_per_hour},
        burst_hour={
            "registry, Basic": registry.usd_per_hour,
            "data in the storage account": blob.usd_per_hour * _gb("dataset", case),
        },
        once={"egress of results": egress.usd * _gb("results", case)},
        prices=(disk, registry, blob, egress),
    )


def _oci(region: str, case: Case) -> Tariff:
    volume = facts.service_price("oci", "block_volume", "Block Volume storage", region)
    units = facts.service_price("oci", "block_volume", "Block Volume performance unit", region)
    storage = facts.service_price("oci", "object_storage", "Standard", region)
    egress = facts.service_price("oci", "internet_egress", "outbound from NA, Europe, UK, first 10 TB/month", region)
    boot_usd_per_hour = (volume.usd_per_hour + OCI_BALANCED_UNITS * units.usd_per_hour) * _gb("boot_disk", case)
    return Tariff(
        node_hour={"boot volumes": boot_usd_per_hour},
        burst_hour={
            "data and image in object storage": storage.usd_per_hour * (_gb("dataset", case) + _gb("image", case)),
        },
        once={"egress of results": egress.usd * _gb("results", case)},
        prices=(volume, units, storage, egress),
    )


def system_shape(target: Target) -> Shape | None:
    """The node that a cluster has beside its pools, for its energy; None where there is none."""
    return next(iter(_system_offers().values())).shape if target is Target.GKE else None


def _system_offer(region: str) -> Offer:
    if region not in _system_offers():
        raise Refusal(
            f"no price of {SYSTEM_SHAPE} in {region}", expected="one, for GKE's system node", remedy="choose another region"
        )
    return _system_offers()[region]


@cache
def _system_offers() -> dict[str, Offer]:
    offers = facts.market().sound
    return {
        offer.region: offer for offer in offers if offer.shape.name == SYSTEM_SHAPE and offer.purchase is Purchase.ON_DEMAND
    }
