"""How long an operation takes in virtual time: drawn from what `burst/facts/lifecycle.csv` knows of the real cloud."""

from __future__ import annotations

import datetime
import hashlib
import random

from burst.facts import burst_life
from burst.facts.burst_life import PhaseName
from burst.ranges import Range
from burst.spec import Target
from sandbox.cloud.ledger import Op
from sandbox.cloud.rules import kind

SHORT = datetime.timedelta(seconds=10)
"""Assumption: what every small change takes."""
_PHASES = {
    ("cluster", Op.CREATE): PhaseName.CLUSTER_CREATION,
    ("cluster", Op.DELETE): PhaseName.CLUSTER_DELETION,
    ("node", Op.CREATE): PhaseName.NODE_CREATION,
    ("node", Op.DELETE): PhaseName.NODE_DELETION,
}
_EDGE = 1.645
"""Standard deviations from the middle of a normal distribution to its 5th and 95th hundredth: low and high of a fact."""


def of(type_: str, op: Op, seed: str) -> datetime.timedelta:
    """Of one operation on a resource of this type; the same for the same seed."""
    seconds = kind(type_).seconds
    phase = _PHASES.get((seconds, op))
    if phase is not None:
        return datetime.timedelta(seconds=round(drawn(burst_life.phases(Target.GKE)[phase].seconds, seed), 1))
    return datetime.timedelta(seconds=float(seconds)) if op is Op.CREATE else SHORT


def drawn(seconds: Range, seed: str) -> float:
    """A duration between low and high, log-normal on either side of the expected one; the same for the same seed.

    >>> 90 <= drawn(Range(90, 240, 600), "pool") <= 600
    True
    """
    number = int.from_bytes(hashlib.sha256(seed.encode()).digest()[:8], "big")
    deviation = random.Random(number).gauss(0, 1)  # noqa: S311 - a rehearsal's
    edge = seconds.high if deviation > 0 else seconds.low
    value: float = seconds.expected * (edge / seconds.expected) ** (abs(deviation) / _EDGE)
    return min(max(value, seconds.low), seconds.high)
