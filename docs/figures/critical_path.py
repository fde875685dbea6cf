"""The longest chain of what waits for what in a stack on GKE, with the minutes that each link takes on the real cloud."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

from burst import facts
from burst.facts import PhaseName
from burst.ranges import Range
from burst.spec import Target
from docs.figures.pages import table
from docs.figures.stack_diagram import OWNERS, Declared

SECONDS_PER_MINUTE = 60.0
PHASE_OF = {
    "gcp:container/cluster:Cluster": PhaseName.CLUSTER_CREATION,
    "gcp:container/nodePool:NodePool": PhaseName.NODE_CREATION,
}
"""What takes minutes; all else takes seconds."""
AFTERWARDS = {
    PhaseName.DRIVER_INSTALLATION: "driver on the GPU nodes",
    PhaseName.IMAGE_PULL: "image on the GPU nodes",
    PhaseName.JOB_START: "ranks started",
}
"""From a pool's nodes to the first step."""


def longest(resources: Sequence[Declared], last: str) -> list[Declared]:
    """The resources from the first to the one with the key `last` that take longest, each waiting for the one before."""
    own = {each.key: each for each in resources if not each.type.startswith(OWNERS)}

    @cache
    def chain(key: str) -> tuple[float, tuple[str, ...]]:
        before = max((chain(need) for need in own[key].needs if need in own), default=(0.0, ()))
        phase = PHASE_OF.get(own[key].type)
        return before[0] + (seconds(phase).expected if phase else 0.0), (*before[1], key)

    return [own[key] for key in chain(last)[1]]


def seconds(phase: PhaseName) -> Range:
    """How long a phase takes on GKE."""
    return facts.phases(Target.GKE)[phase].seconds


def drawn(resources: Sequence[Declared], last: str) -> str:
    """The chain up to the resource `last`, and what follows it on the nodes, as a table in minutes."""
    steps = [(f"{each.type.rpartition(':')[2]} `{each.name}`", PHASE_OF[each.type]) for each in _slow(longest(resources, last))]
    steps += [(told, phase) for phase, told in AFTERWARDS.items()]
    rows = [[told, *_minutes(seconds(phase))] for told, phase in steps]
    total = Range.exactly(0.0)
    for _, phase in steps:
        total = total + seconds(phase)
    return table(["step", "low", "expected", "high"], [*rows, ["**until the first step**", *_minutes(total)]])


def _slow(chain: Sequence[Declared]) -> list[Declared]:
    return [each for each in chain if each.type in PHASE_OF]


def _minutes(of: Range) -> list[str]:
    return [f"{end / SECONDS_PER_MINUTE:.1f}" for end in (of.low, of.expected, of.high)]
