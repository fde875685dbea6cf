"""N1 machines as hosts of accelerators that attach to them: which may have how many, and what both cost together."""

from __future__ import annotations

from collections.abc import Mapping

from burst.facts import rows
from burst.facts.rows import Row
from trainer.refusal import Refusal

HOST_FAMILIES = ("n1-standard-", "n1-highmem-", "n1-highcpu-")
"""The usual one first."""


def default_host(hosts: Mapping[str, Row], accelerators: Row) -> Row | None:
    """The largest n1-standard host that the accelerators may attach to: their input pipeline is known on no smaller one."""
    limit = host_limit(accelerators["accelerator"], int(accelerators["num_accelerators"]), accelerators["zone"])
    allowed = [row for name, row in hosts.items() if name.startswith(HOST_FAMILIES[0]) and is_within(row, limit)]
    return max(allowed, key=lambda row: float(row["vcpus"]), default=None)


def named_host(hosts: Mapping[str, Row], accelerators: Row, name: str) -> Row | None:
    """The N1 host of a name, if it has a price and the accelerators may attach to it."""
    limit = host_limit(accelerators["accelerator"], int(accelerators["num_accelerators"]), accelerators["zone"])
    row = hosts.get(name) if name.startswith(HOST_FAMILIES) else None
    return row if row is not None and is_within(row, limit) else None


def is_within(host: Row, limit: tuple[float, float]) -> bool:
    """Whether a host has no more virtual CPUs and GiB than `host_limit` allows."""
    max_vcpus, max_memory_gib = limit
    return float(host["vcpus"]) <= max_vcpus and float(host["memory_gib"]) <= max_memory_gib


def host_limit(accelerator: str, num_accelerators: int, zone: str) -> tuple[float, float]:
    """Virtual CPUs and GiB that a host may have for so many attached accelerators; refuses a number that does not attach.

    >>> host_limit("V100-16GB", 8, "us-central1-a")
    (96.0, 624.0)
    """
    known = [row for row in rows.rows("host_limits.csv") if row["accelerator"] == accelerator]
    fitting = [
        row
        for row in known
        if int(row["num_accelerators"]) == num_accelerators and (row["zones"] == "*" or zone in row["zones"].split("|"))
    ]
    if not fitting:
        counts = ", ".join(sorted({row["num_accelerators"] for row in known}, key=int)) or "none"
        raise Refusal(
            f"{num_accelerators} x {accelerator} on one N1 node", expected=f"one of {counts}", remedy="correct the number"
        )
    return (
        min(float(row["max_vcpus"]) for row in fitting),
        min(float(row["max_memory_gib"]) for row in fitting),
    )


def attached(host: Row, accelerators: Row) -> Row:
    """One row for a host with accelerators: both prices, and the older date and lower confidence of the two."""
    both = {
        name: f"{float(host[name]) + float(accelerators[name]):.10g}" if host[name] and accelerators[name] else ""
        for name in ("usd_per_hour", "spot_usd_per_hour")
    }
    lower = max((host["confidence"], accelerators["confidence"]), key=("high", "medium", "low").index)
    return {
        **accelerators,
        **both,
        "shape": f"{host['shape']}+{accelerators['num_accelerators']}x{accelerators['accelerator']}",
        "vcpus": host["vcpus"],
        "memory_gib": host["memory_gib"],
        "source": f"{accelerators['source']} + {host['source']}",
        "as_of": rows.oldest((host["as_of"], accelerators["as_of"])),
        "confidence": lower,
    }
