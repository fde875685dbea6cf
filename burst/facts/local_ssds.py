"""Local SSDs of Google's machines: which have them built in, and how many may be added to which."""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase

from burst.facts import rows
from burst.spec import Shape
from trainer.refusal import Refusal

GB_PER_LOCAL_SSD = 375.0


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalSsds:
    """Of one machine type."""

    counts: tuple[int, ...]
    """How many it may have beside none; where they are included, how many it has."""
    is_included: bool
    """Whether they come with the machine, and are in its price."""
    source: str
    as_of: str


def local_ssds(shape: Shape) -> LocalSsds:
    """What a shape may have, or has; no row: none are known.

    >>> v100 = Shape(provider="gcp", name="n1-standard-96+8xV100-16GB", accelerator="V100-16GB", num_accelerators=8, vcpus=96,
    ...              memory_gib=360)
    >>> local_ssds(v100).counts
    (1, 2, 3, 4, 5, 6, 7, 8, 16, 24)
    """
    machine_type = shape.name.partition("+")[0]
    for row in rows.rows("local_ssds.csv"):
        if fnmatchcase(machine_type, row["machine_pattern"]) and row["accelerator"] in ("*", shape.accelerator):
            return LocalSsds(
                counts=tuple(int(count) for count in row["counts"].split("|")),
                is_included=row["is_included"] == "yes",
                source=row["source"],
                as_of=row["as_of"],
            )
    return LocalSsds(counts=(), is_included=False, source="", as_of="")


def num_billed_local_ssds(shape: Shape, num_asked: int) -> int:
    """Of `num_asked` local SSDs of a node, those that are paid for beside it; refuses a number that the machine cannot have."""
    known = local_ssds(shape)
    if num_asked and num_asked not in known.counts:
        counts = ", ".join(str(count) for count in known.counts)
        raise Refusal(
            f"{num_asked} local SSDs on {shape.name}",
            expected=f"{counts or 'none'}, or 0" if not known.is_included else f"{counts}, which it comes with, or 0",
            remedy="correct the number of local SSDs (burst/facts/local_ssds.csv)",
        )
    return 0 if known.is_included else num_asked
