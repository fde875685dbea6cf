"""What a burst takes beside its training: phases before and after, pre-emption, sizes of what it moves and keeps."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from functools import cache

from burst.facts import rows
from burst.ranges import Range
from burst.spec import Purchase, Shape, Target
from trainer.refusal import Refusal


class Billed(StrEnum):
    """What is paid for while a phase lasts: `NODES` includes the cluster's own fee."""

    NODES = "nodes"
    CLUSTER = "cluster"
    NOTHING = "nothing"


@dataclass(frozen=True, slots=True, kw_only=True)
class Phase:
    """One stretch of a burst's life."""

    name: str
    seconds: Range
    billed: Billed
    source: str
    as_of: str
    confidence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Preemption:
    """How often a node is taken away."""

    per_node_hour: Range
    source: str
    as_of: str
    confidence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """Gigabytes of something that a burst moves or keeps."""

    gb: Range
    source: str
    as_of: str


class PhaseName(StrEnum):
    """The phases, in their order; those of an epoch and of a pre-emption recur."""

    QUEUEING = "queueing"
    CLUSTER_CREATION = "cluster_creation"
    NODE_CREATION = "node_creation"
    DRIVER_INSTALLATION = "driver_installation"
    IMAGE_PULL = "image_pull"
    POD_START = "pod_start"
    JOB_START = "job_start"
    VALIDATION = "validation_of_an_epoch"
    CHECKPOINT = "checkpoint"
    RESTART = "restart_after_preemption"
    NODE_DELETION = "node_deletion"
    CLUSTER_DELETION = "cluster_deletion"


BEFORE = (
    PhaseName.QUEUEING,
    PhaseName.CLUSTER_CREATION,
    PhaseName.NODE_CREATION,
    PhaseName.DRIVER_INSTALLATION,
    PhaseName.IMAGE_PULL,
    PhaseName.POD_START,
    PhaseName.JOB_START,
)
AFTER = (PhaseName.NODE_DELETION, PhaseName.CLUSTER_DELETION)


@cache
def phases(target: Target) -> dict[PhaseName, Phase]:
    """The phases that a target has, those that it shares with all (`*`) among them."""
    found = {}
    for row in rows.rows("lifecycle.csv"):
        if row["target"] in (target, "*"):
            found[PhaseName(row["phase"])] = Phase(
                name=row["phase"],
                seconds=Range(float(row["low_seconds"]), float(row["expected_seconds"]), float(row["high_seconds"])),
                billed=Billed(row["billed"]),
                source=row["source"],
                as_of=row["as_of"],
                confidence=row["confidence"],
            )
    return found


@cache
def preemption(shape: Shape, purchase: Purchase) -> Preemption:
    """How often a node of a shape is lost; refuses what has no row."""
    kind = "tpu" if shape.is_tpu else "gpu" if shape.accelerator else "cpu"
    for row in rows.rows("preemption.csv"):
        is_its_own = row["provider"] == shape.provider and row["accelerator_class"] == kind
        if row["purchase"] == purchase and (is_its_own or row["provider"] == "*"):
            rates = (float(row[f"{end}_per_node_hour"]) for end in ("low", "expected", "high"))
            return Preemption(
                per_node_hour=Range(*rates), source=row["source"], as_of=row["as_of"], confidence=row["confidence"]
            )
    raise Refusal(
        f"no rate of pre-emption for {purchase} {kind} of {shape.provider}",
        expected="a row in burst/facts/preemption.csv",
        remedy="add it with its source",
    )


@cache
def size(what: str) -> Size:
    """A row of `sizes.csv` by its name; the table's own names are the only ones asked for."""
    row = next(row for row in rows.rows("sizes.csv") if row["what"] == what)
    return Size(
        gb=Range(float(row["low_gb"]), float(row["expected_gb"]), float(row["high_gb"])),
        source=row["source"],
        as_of=row["as_of"],
    )
