"""The bill of the rehearsed cloud: what was made, with its own properties, for as long as the ledger says that it was there.

Prices are those of `burst/facts`; the forecast's reckoning is used nowhere, so that the two can be held against each other.
Not billed here: traffic, and the e2-medium node that GKE makes with a cluster and removes at once.
"""

from __future__ import annotations

import datetime
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise

from burst import facts
from burst.facts import service_price
from sandbox.cloud import machines
from sandbox.cloud.ledger import Entry, Op, Plain, within
from sandbox.cloud.rules import CLUSTER, JOB, POOL

ROUTER_NAT = "gcp:compute/routerNat:RouterNat"
BUCKET, REPOSITORY = "gcp:storage/bucket:Bucket", "gcp:artifactregistry/repository:Repository"
STORAGE = ("data in the bucket", "image in the registry")
"""Items of the base, which go on."""
DEFAULT_DISK = ("pd-balanced", 100.0)
"""GKE's own, in GB (cloud.google.com/kubernetes-engine/docs/concepts/node-images)."""
LOCAL_SSD_GB = 375.0
WITH_OWN_SSDS = ("a2-ultragpu-", "a3-", "a4-")
"""Machine types whose price holds their local SSDs (burst/facts/refresh/gcp.py)."""
FREE_JOBS = 3
"""Of Cloud Scheduler, for a billing account that has no others (burst/facts/service_prices.csv)."""
MAX_NAT_VMS = 32
"""From the next VM on, a gateway has one price."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """A time during which a resource was there and did not change."""

    type: str
    id: str
    start: datetime.datetime
    end: datetime.datetime
    properties: Plain
    num_nodes: int

    @property
    def hours(self) -> float:
        """Its length."""
        return (self.end - self.start).total_seconds() / 3600

    @property
    def region(self) -> str:
        """Of a zone or region."""
        place = str(self.properties.get("location") or self.properties.get("region") or "").lower()
        return place.rpartition("-")[0] if place.count("-") == 2 else place


def bill(entries: Iterable[Entry], until: datetime.datetime) -> dict[str, float]:
    """US dollars by item up to a time. Raises Refusal for what has no price."""
    usd: dict[str, float] = defaultdict(float)
    found = list(stretches(entries, until))
    for stretch in found:
        for item, usd_per_hour in rates(stretch).items():
            usd[item] += usd_per_hour * stretch.hours
    for start, end in pairwise(sorted({mark for one in found for mark in (one.start, one.end)})):
        for item, usd_per_hour in shared_rates([one for one in found if one.start <= start < one.end]).items():
            usd[item] += usd_per_hour * (end - start).total_seconds() / 3600
    return {item: amount for item, amount in usd.items() if amount > 0}


def billing_at(entries: Iterable[Entry], when: datetime.datetime) -> dict[str, float]:
    """What is billed at a moment: US dollars an hour, by item and resource."""
    now = [one for one in stretches(entries, when + datetime.timedelta(seconds=1)) if one.start <= when < one.end]
    usd = {f"{item}: {one.id}": rate for one in now for item, rate in rates(one).items()} | shared_rates(now)
    return {item: rate for item, rate in usd.items() if rate > 0}


def stretches(entries: Iterable[Entry], until: datetime.datetime) -> Iterator[Stretch]:
    """All stretches that began before `until`. What is being made is billed from its beginning, what goes until it is gone."""
    by_id: dict[str, list[Entry]] = defaultdict(list)
    for entry in entries:
        if entry.op in (Op.CREATE, Op.UPDATE, Op.NODES, Op.PREEMPT, Op.DELETE):
            by_id[entry.id].append(entry)
    for changes in by_id.values():
        yield from _stretches_of(changes, until)


def _stretches_of(changes: list[Entry], until: datetime.datetime) -> Iterator[Stretch]:
    properties: Plain = {}
    num_nodes = 0
    start: datetime.datetime | None = None
    for change in changes:
        after = change.num_nodes if change.num_nodes is not None else num_nodes
        # Nodes that come are billed from the request, those that go until they are gone.
        when = change.end if change.op is Op.DELETE or after < num_nodes else change.start
        if start is not None and start < min(when, until):
            yield _stretch(change, start, min(when, until), properties, num_nodes)
        properties, num_nodes = change.properties or properties, after
        start = None if change.op is Op.DELETE else when
        num_nodes = 0 if change.op is Op.DELETE else num_nodes
    if start is not None and start < until:
        yield _stretch(changes[-1], start, until, properties, num_nodes)


def _stretch(of: Entry, start: datetime.datetime, end: datetime.datetime, properties: Plain, num_nodes: int) -> Stretch:
    return Stretch(type=of.type, id=of.id, start=start, end=end, properties=properties, num_nodes=num_nodes)


def rates(stretch: Stretch) -> dict[str, float]:
    """US dollars an hour of one resource, by item."""
    region = stretch.region
    if stretch.type == CLUSTER:
        return {"control plane": service_price("gcp", "gke", "cluster management fee", region).usd_per_hour}
    if stretch.type == POOL:
        return _pool_rates(stretch)
    if stretch.type == ROUTER_NAT:
        return {"NAT address": service_price("gcp", "external_ip", "address used by a NAT gateway", region).usd_per_hour}
    if stretch.type == BUCKET:
        price = service_price("gcp", "gcs", "standard", region)
        return {STORAGE[0]: price.usd_per_hour * facts.size("dataset").gb.expected}
    if stretch.type == REPOSITORY:
        price = service_price("gcp", "artifact_registry", "storage", region)
        return {STORAGE[1]: price.usd_per_hour * facts.size("image").gb.expected}
    return {}


def _pool_rates(stretch: Stretch) -> dict[str, float]:
    config = stretch.properties.get("nodeConfig") or {}
    zone = str(stretch.properties["location"])
    machine = machines.of_pool(stretch.properties, zone)
    is_spot = bool(config.get("spot") or config.get("preemptible"))
    usd_per_hour = machine.spot_usd_per_hour if is_spot else machine.usd_per_hour
    assert usd_per_hour is not None, stretch
    disk_type = str(config.get("diskType") or DEFAULT_DISK[0])
    disk_gb = float(config.get("diskSizeGb") or DEFAULT_DISK[1])
    disk = service_price("gcp", "persistent_disk", disk_type, stretch.region).usd_per_hour * disk_gb
    if not machine.accelerator:
        return {"system node": (usd_per_hour + disk) * stretch.num_nodes}
    found = {"nodes with accelerators": usd_per_hour * stretch.num_nodes, "boot disks": disk * stretch.num_nodes}
    num_ssds = sum(int(count) for count in _local_ssds(config))
    if num_ssds and not machine.machine_type.startswith(WITH_OWN_SSDS):
        price = service_price("gcp", "local_ssd", "spot" if is_spot else "on demand", stretch.region)
        found["local SSD"] = price.usd_per_hour * LOCAL_SSD_GB * num_ssds * stretch.num_nodes
    return found


def _local_ssds(config: Plain) -> list[int]:
    paths = ("localSsdCount", "ephemeralStorageLocalSsdConfig.localSsdCount", "localNvmeSsdBlockConfig.localSsdCount")
    return [count for path in paths for count in within(config, path)]


def shared_rates(there: list[Stretch]) -> dict[str, float]:
    """US dollars an hour of what is priced by how many there are together: VMs of a NAT gateway, jobs of a billing account."""
    num_vms = sum(one.num_nodes for one in there if one.type == POOL)
    num_gateways = sum(one.type == ROUTER_NAT for one in there)
    num_jobs = sum(one.type == JOB for one in there)
    job = service_price("gcp", "cloud_scheduler", "job", "*").usd_per_hour
    return {
        "NAT gateway": num_gateways * _nat_usd_per_hour(num_vms),
        "deadline (Cloud Scheduler)": max(num_jobs - FREE_JOBS, 0) * job,
    }


def _nat_usd_per_hour(num_vms: int) -> float:
    if num_vms > MAX_NAT_VMS:
        return service_price("gcp", "cloud_nat", "gateway, more than 32 VMs", "*").usd_per_hour
    return num_vms * service_price("gcp", "cloud_nat", "gateway, up to 32 VMs", "*").usd_per_hour
