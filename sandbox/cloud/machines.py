"""Node pools: how many nodes they have, and of which machine, as the price table knows it with its accelerators."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from burst.facts import hosts, offers, rows, snapshots
from burst.facts.gke_accelerators import gke_accelerators
from sandbox.cloud.ledger import Plain, Resource, within
from sandbox.cloud.refusals import invalid
from trainer.refusal import Refusal, closest


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """What one node of a pool is."""

    machine_type: str
    vcpus: float
    memory_gib: float
    accelerator: str
    """A name of `burst/facts/accelerators.csv`; empty where there is none."""
    num_accelerators: int
    usd_per_hour: float
    spot_usd_per_hour: float | None
    """None where it is not sold so."""


def bounds(properties: Plain) -> tuple[int, int] | None:
    """The least and most nodes of a pool that scales by itself; None for one that does not.

    >>> bounds({"autoscaling": {"totalMinNodeCount": 0, "totalMaxNodeCount": 16}}), bounds({"nodeCount": 2})
    ((0, 16), None)
    """
    scaling = properties.get("autoscaling")
    if not scaling:
        return None
    least, most = (scaling.get(f"total{end}NodeCount", scaling.get(f"{end.lower()}NodeCount")) for end in ("Min", "Max"))
    return int(least or 0), int(most or 0)


def first_nodes(properties: Plain) -> int:
    """The nodes that a pool begins with."""
    given = properties.get("nodeCount", properties.get("initialNodeCount"))
    scaling = bounds(properties)
    return int(given) if given is not None else scaling[0] if scaling else 0


def resized(old: Resource, properties: Plain) -> int:
    """The nodes of a pool after an update."""
    scaling = bounds(properties)
    if scaling:
        return min(max(old.num_nodes, scaling[0]), scaling[1])
    return first_nodes(properties) if "nodeCount" in properties else old.num_nodes


def most_nodes(properties: Plain) -> int:
    """The nodes that a pool may come to have."""
    scaling = bounds(properties)
    return scaling[1] if scaling else first_nodes(properties)


def accelerators() -> dict[str, str]:
    """Google's names of accelerators, and ours."""
    return {one.gke_type: one.accelerator for one in gke_accelerators()}


def check_pool(properties: Plain, cluster: Plain) -> None:
    """Refuse a pool that its zone, its machine or its cluster does not allow.

    Google's own rules: of release channels (kubernetes-engine/docs/concepts/release-channels), compact placement
    (how-to/compact-placement) and flex-start (concepts/dws).
    """
    zone = str(properties["location"])
    machine = of_pool(properties, zone)
    if within(properties, "management.autoUpgrade") == [False] and within(cluster, "releaseChannel.channel"):
        raise invalid("Auto_upgrade must be true when the cluster is enrolled in a release channel")
    families = [one for one in gke_accelerators() if one.accelerator == machine.accelerator and one.is_of(machine.machine_type)]
    if properties.get("placementPolicy") and not any(one.allows_compact_placement for one in families):
        raise invalid(f"Compact placement policy is not supported for machine type {machine.machine_type}")
    if within(properties, "nodeConfig.flexStart") == [True]:
        if bounds(properties) is None or first_nodes(properties):
            raise invalid("flex_start needs a node pool that autoscales from 0")
        if within(properties, "management.autoRepair") == [True]:
            raise invalid("flex_start needs auto-repair off")


def accelerator_of(properties: Plain, zone: str) -> str:
    """Google's name of a pool's accelerator, attached or built in; empty where there is none."""
    machine = of_pool(properties, zone)
    alike = [one for one in gke_accelerators() if one.accelerator == machine.accelerator]
    return next((one.gke_type for one in alike if one.is_of(machine.machine_type)), "")


def of_pool(properties: Plain, zone: str) -> Machine:
    """The machine of a node pool. Raises ApiError for one that the zone does not have, as the real APIs do."""
    machine_type = str(next(iter(within(properties, "nodeConfig.machineType")), ""))
    host = _host(machine_type, zone)
    attached = within(properties, "nodeConfig.guestAccelerators")
    if not attached:
        return host
    name, count = str(attached[0].get("type")), int(attached[0].get("count") or 0)
    known = accelerators()
    if name not in known:
        raise invalid(f"Accelerator type '{name}' not found in zone '{zone}'{closest(name, known)}")
    if host.accelerator:  # built in: it may be named, and must be the one
        if (known[name], count) != (host.accelerator, host.num_accelerators):
            raise invalid(f"{machine_type} has {host.num_accelerators} {host.accelerator}, not {count} {name}")
        return host
    return _attached(host, known[name], count, name, zone)


def _attached(host: Machine, accelerator: str, count: int, name: str, zone: str) -> Machine:
    if not host.machine_type.startswith("n1-"):
        raise invalid(f"Accelerators of type {name} attach to N1 machine types alone, not to {host.machine_type}")
    listed = [row for row in _table() if row["kind"] == offers.ATTACHABLE and row["accelerator"] == accelerator]
    here = [row for row in listed if row["zone"] == zone]
    if not here:
        zones = ", ".join(sorted({row["zone"] for row in listed if row["region"] == zone.rpartition("-")[0]})) or "none"
        raise invalid(f"Accelerator type '{name}' does not exist in zone '{zone}' (in its region: {zones})")
    fitting = [row for row in here if int(row["num_accelerators"]) == count]
    try:
        max_vcpus, max_memory_gib = hosts.host_limit(accelerator, count, zone)
    except Refusal as problem:
        raise invalid(f"{problem.got}; {problem.expected}: Invalid accelerator count") from problem
    if host.vcpus > max_vcpus or host.memory_gib > max_memory_gib:
        limits = f"{max_vcpus:g} vCPUs and {max_memory_gib:g} GiB at most"
        raise invalid(f"The number of GPUs {count} x {name} is too few for {host.machine_type}: {limits}")
    assert fitting, (accelerator, count, zone)
    price = fitting[0]
    spots = [host.spot_usd_per_hour, rows.optional_number(price["spot_usd_per_hour"])]
    return Machine(
        machine_type=host.machine_type,
        vcpus=host.vcpus,
        memory_gib=host.memory_gib,
        accelerator=accelerator,
        num_accelerators=count,
        usd_per_hour=host.usd_per_hour + float(price["usd_per_hour"]),
        spot_usd_per_hour=None if None in spots else sum(spot or 0.0 for spot in spots),
    )


def _host(machine_type: str, zone: str) -> Machine:
    region = zone.rpartition("-")[0]
    known = {row["shape"]: row for row in _table() if row["shape"] and row["region"] == region and row["zone"] in ("", zone)}
    row = known.get(machine_type)
    if row is None:
        raise invalid(f"Machine type with name '{machine_type}' does not exist in zone '{zone}'{closest(machine_type, known)}")
    return Machine(
        machine_type=machine_type,
        vcpus=float(row["vcpus"]),
        memory_gib=float(row["memory_gib"]),
        accelerator=row["accelerator"],
        num_accelerators=int(row["num_accelerators"] or 0),
        usd_per_hour=float(row["usd_per_hour"] or "nan"),
        spot_usd_per_hour=rows.optional_number(row["spot_usd_per_hour"]),
    )


@cache
def _table() -> tuple[rows.Row, ...]:
    return tuple(row for row in rows.rows(snapshots.current().prices_file) if row["provider"] == "gcp")
