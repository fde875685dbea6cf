"""Where a burst runs, as the settings of its target tell it."""

from __future__ import annotations

from dataclasses import dataclass

from burst.cluster import Cluster
from burst.gke import GkeCluster
from burst.spec import Pool


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """The members of a `Burst` that differ from target to target."""

    pools: tuple[Pool, ...]
    data_path: str | None = None
    """Where the ranks find the data; None: where they lie here."""
    num_ranks: int | None = None
    """None: as the settings say."""
    cluster: Cluster | None = None
    gke: GkeCluster | None = None
