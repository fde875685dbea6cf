"""What accelerators, CPUs and memory draw, how hard they work, and what a data centre adds."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from burst.facts import rows
from burst.ranges import Range
from trainer.refusal import Refusal, closest


@dataclass(frozen=True, slots=True, kw_only=True)
class Accelerator:
    """One GPU, or one TPU chip."""

    name: str
    tdp_w: float | None
    """Thermal design power, or for TPUs the measured maximum; none where nobody has published it."""
    idle_w: float | None
    memory_gb: float
    memory_gb_per_second: float
    source: str
    as_of: str
    confidence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CpuPower:
    """Watts of one virtual CPU (one hardware thread) that is idle, and that is at full load."""

    idle_w: Range
    busy_w: Range
    source: str
    as_of: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Coefficient:
    """A share between 0 and 1, or a coefficient whose unit stands in its name."""

    value: Range
    source: str
    as_of: str
    confidence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Pue:
    """Power usage effectiveness: energy of the building over energy of its machines."""

    value: Range
    source: str
    as_of: str


@cache
def accelerators() -> dict[str, Accelerator]:
    """All accelerators, by name."""
    return {
        row["accelerator"]: Accelerator(
            name=row["accelerator"],
            tdp_w=rows.optional_number(row["tdp_w"]),
            idle_w=rows.optional_number(row["idle_w"]),
            memory_gb=float(row["memory_gb"]),
            memory_gb_per_second=float(row["memory_gb_per_second"]),
            source=row["power_source"],
            as_of=row["as_of"],
            confidence=row["power_confidence"],
        )
        for row in rows.rows("accelerators.csv")
    }


def accelerator(name: str) -> Accelerator:
    """The accelerator of a name; refuses one without a row.

    >>> accelerator("V100-16GB").memory_gb_per_second
    900.0
    """
    known = accelerators()
    if name not in known:
        raise Refusal(
            f"no accelerator {name}{closest(name, known)}",
            expected=", ".join(known),
            remedy="choose one of them, or add a row to burst/facts/accelerators.csv",
        )
    return known[name]


@cache
def ranks_per_chip(name: str) -> int:
    """Ranks that drive one accelerator: two on the TPUs whose cores are devices of their own, one on all others.

    >>> ranks_per_chip("TPU-v3"), ranks_per_chip("V100-16GB")
    (2, 1)
    """
    return next((int(row["ranks_per_chip"]) for row in rows.rows("tpu_sizes.csv") if row["accelerator"] == name), 1)


@cache
def cpu_power() -> CpuPower:
    """A CPU that is not known: the range over the known server families, and their median."""
    families = rows.rows("cpu_power.csv")
    idle_w, busy_w = ([float(row[name]) for row in families] for name in ("min_w_per_vcpu", "max_w_per_vcpu"))
    median = next(row for row in families if row["cpu_family"] == "default (median)")
    return CpuPower(
        idle_w=Range(min(idle_w), float(median["min_w_per_vcpu"]), max(idle_w)),
        busy_w=Range(min(busy_w), float(median["max_w_per_vcpu"]), max(busy_w)),
        source=median["source"],
        as_of=median["as_of"],
    )


@cache
def coefficient(name: str) -> Coefficient:
    """A row of `coefficients.csv`; ask `has_coefficient` first for a name that may have none."""
    row = next(row for row in rows.rows("coefficients.csv") if row["name"] == name)
    return Coefficient(
        value=Range(float(row["low"]), float(row["expected"]), float(row["high"])),
        source=row["source"],
        as_of=row["as_of"],
        confidence=row["confidence"],
    )


def has_coefficient(name: str) -> bool:
    """Whether there is such a row."""
    return any(row["name"] == name for row in rows.rows("coefficients.csv"))


@cache
def pue(provider: str, region: str) -> Pue:
    """Of a region; where it has none of its own, the provider's, as wide as the provider's known regions."""
    known = [row for row in rows.rows("pue.csv") if row["provider"] == provider]
    own = [row for row in known if row["region"] == region]
    rest = [row for row in known if row["region"] == "*"]
    if not own and not rest:
        raise Refusal(f"no PUE for {provider}", expected="a row in burst/facts/pue.csv", remedy="add it with its source")
    values = [float(row["pue"]) for row in (own or known)]
    best = (own or rest)[-1]
    return Pue(value=Range(min(values), float(best["pue"]), max(values)), source=best["source"], as_of=best["as_of"])
