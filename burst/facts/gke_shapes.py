"""From an accelerator and a number of them to a machine of Google's: a host that they attach to, or one with them built in."""

from __future__ import annotations

import re
from functools import cache

from burst.facts import guard, rows, snapshots
from burst.facts.gke_accelerators import GkeAccelerator, families_of
from burst.facts.hosts import HOST_FAMILIES, host_limit, is_within
from burst.facts.names import check_name
from burst.facts.offers import PLAIN, Offer, market
from burst.facts.rows import Row
from burst.spec import Shape
from trainer.refusal import Refusal

ZONE = re.compile(r"[a-z]+-[a-z]+[0-9]+-[a-z]")
USUAL_VCPUS_PER_GPU = 12
"""Of A2 machines, of G2 machines with two GPUs or more, and the most that a V100 may have."""


def gke_shape(accelerator: str, num_gpus: int, zone: str, host: str = "") -> Shape:
    """The machine with `num_gpus` of an accelerator in a zone.

    `host`: Compute Engine's machine type. Empty: of N1 the largest n1-standard that so many accelerators attach to, since the
    trainer's input pipeline is known on no smaller one; of machines with built-in GPUs the one of the usual family whose CPUs
    per GPU are nearest to 12. How a shape is bought, and whether it is sold so, `facts.find` tells.

    Refuses what is not known, with the closest name; a zone or region that does not have it; a host outside of the limits.

    >>> gke_shape("V100-16GB", 8, "us-central1-a").name, gke_shape("L4-24GB", 1, "us-central1-a").name
    ('n1-standard-96+8xV100-16GB', 'g2-standard-12')
    """
    families = families_of(accelerator)
    _check_zone(accelerator, zone)
    region = zone.rpartition("-")[0]
    if families[0].is_attached:
        return _attached(accelerator, num_gpus, zone, host or _default_host(accelerator, num_gpus, zone))
    known = {shape.name: shape for shape in _built_in(families, region)}
    if host:
        check_name(f"{accelerator} machine", host, set(known))
        if known[host].num_accelerators != num_gpus:
            raise Refusal(
                f"{host} with {num_gpus} x {accelerator}",
                expected=f"{known[host].num_accelerators}, which are built into it",
                remedy="correct the number, or leave the host out",
            )
        return known[host]
    alike = [shape for shape in known.values() if shape.num_accelerators == num_gpus]
    if not alike:
        counts = ", ".join(str(count) for count in sorted({shape.num_accelerators for shape in known.values()}))
        raise Refusal(
            f"{num_gpus} x {accelerator} in one machine in {region}", expected=f"one of {counts}", remedy="correct the number"
        )
    return min(alike, key=lambda shape: abs(shape.vcpus / num_gpus - USUAL_VCPUS_PER_GPU))


def zones_of(accelerator_or_machine: str, region: str) -> tuple[str, ...]:
    """Zones of a region that have an accelerator, a machine type or a shape; () where the price list does not say which.

    Refuses a name that is not known, and a region that does not have it.

    >>> zones_of("V100-16GB", "us-central1")
    ('us-central1-a', 'us-central1-b', 'us-central1-c', 'us-central1-f')
    """
    offers = [offer for offer in market().sound if offer.shape.provider == "gcp"]
    known = {name for offer in offers for name in _names(offer)}
    check_name("accelerator or machine type of Google's", accelerator_or_machine, known - {""})
    sold = [offer for offer in offers if accelerator_or_machine in _names(offer)]
    there = [offer for offer in sold if offer.region == region]
    if not there:
        check_name(f"{accelerator_or_machine} in region", region, {offer.region for offer in sold})
    return tuple(sorted({zone for offer in there for zone in offer.zones}))


def _names(offer: Offer) -> tuple[str, str, str]:
    return offer.shape.accelerator, offer.shape.name, offer.shape.name.partition("+")[0]


def _check_zone(accelerator: str, zone: str) -> None:
    if not ZONE.fullmatch(zone):
        raise Refusal(f"the zone {zone!r}", expected="one like us-central1-a", remedy="correct the zone")
    for family in families_of(accelerator):
        retirement = guard.retirement_of("gcp", family.gke_type, on=snapshots.current().date)
        if retirement is not None:
            raise Refusal(
                f"{accelerator}: retired on {retirement.retired_on} ({retirement.source})",
                expected="an accelerator that can be rented",
                remedy=f"take {retirement.replacement}",
            )
    zones = zones_of(accelerator, zone.rpartition("-")[0])
    if zones:
        check_name(f"{accelerator} in zone", zone, set(zones))


def _built_in(families: tuple[GkeAccelerator, ...], region: str) -> list[Shape]:
    """Machine types of the families that are sold in a region, in whatever way; those of the usual family first."""
    found: dict[Shape, None] = {}
    for family in families:
        for offer in market().sound:
            if offer.region == region and offer.shape.accelerator == family.accelerator and family.is_of(offer.shape.name):
                found[offer.shape] = None
    return list(found)


def _default_host(accelerator: str, num_gpus: int, zone: str) -> str:
    limit = host_limit(accelerator, num_gpus, zone)
    hosts = _hosts(zone.rpartition("-")[0])
    allowed = [row for name, row in hosts.items() if name.startswith(HOST_FAMILIES[0]) and is_within(row, limit)]
    assert allowed, zone  # regions without priced hosts have no composed offer, and are refused before
    return max(allowed, key=lambda row: float(row["vcpus"]))["shape"]


def _attached(accelerator: str, num_gpus: int, zone: str, host: str) -> Shape:
    limit = max_vcpus, max_memory_gib = host_limit(accelerator, num_gpus, zone)
    region = zone.rpartition("-")[0]
    hosts = _hosts(region)
    check_name("N1 host with a price there", host, set(hosts))
    row = hosts[host]
    if not is_within(row, limit):
        raise Refusal(
            f"{num_gpus} x {accelerator} on {host} ({row['vcpus']} vCPUs, {row['memory_gib']} GiB) in {zone}",
            expected=f"a host of {max_vcpus:g} vCPUs and {max_memory_gib:g} GiB at most",
            remedy=f"take {_default_host(accelerator, num_gpus, zone)}, or more accelerators",
        )
    return Shape(
        provider="gcp",
        name=f"{host}+{num_gpus}x{accelerator}",
        accelerator=accelerator,
        num_accelerators=num_gpus,
        vcpus=float(row["vcpus"]),
        memory_gib=float(row["memory_gib"]),
    )


@cache
def _hosts(region: str) -> dict[str, Row]:
    """N1 machine types with a price in a region."""
    table = rows.rows(snapshots.current().prices_file)
    alike = [row for row in table if (row["provider"], row["kind"], row["region"]) == ("gcp", PLAIN, region)]
    return {row["shape"]: row for row in alike if row["shape"].startswith(HOST_FAMILIES)}
