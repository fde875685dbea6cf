"""Labels on everything billed, so that Cloud Billing shows a burst's cost and `gcloud` finds its rest. Pure."""

from __future__ import annotations

import re

from burst.gke import GkeCluster
from trainer.refusal import Refusal

VALUE = re.compile(r"[a-z0-9_-]{0,63}")
"""Of a label, as all of Google Cloud takes it (cloud.google.com/resource-manager/docs/labels-overview#requirements)."""
MANAGED_BY, BURST, DEADLINE = "managed-by", "hepburst-burst", "hepburst-deadline"


def labels(stack: str, gke: GkeCluster) -> dict[str, str]:
    """Of a burst: whose it is, and until when it may be there.

    >>> import datetime
    >>> when = datetime.datetime(2026, 12, 1, 18, tzinfo=datetime.UTC)
    >>> gke = GkeCluster(name="hepburst-b", project="p", zone="us-central1-a", groups=(), deadline=when)
    >>> labels("b", gke)
    {'managed-by': 'hepburst', 'hepburst-burst': 'b', 'hepburst-deadline': '20261201t1800z'}
    """
    if not VALUE.fullmatch(stack):
        raise Refusal(
            f"the stack {stack!r} as a label",
            expected="at most 63 lower-case letters, digits, '-' and '_'",
            remedy="name the stack so",
        )
    return {**base_labels(), BURST: stack, DEADLINE: gke.deadline_label}


def base_labels() -> dict[str, str]:
    """Of what outlives bursts."""
    return {MANAGED_BY: "hepburst"}
