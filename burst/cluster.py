"""A Kubernetes cluster that is the user's own: how it is reached, and what of it a burst takes."""

from __future__ import annotations

import math
from dataclasses import dataclass

from trainer.refusal import Refusal

RUN_VOLUME_PATH = "/mnt/hepburst"
"""Where a pod has the run volume, which holds `data/` and `runs/<lineage id>/`."""
DATA_FOLDER, RUNS_FOLDER = "data", "runs"


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterAccess:
    """How a cluster is reached, and the namespace in it that the burst has to itself."""

    kubeconfig: str
    """Path; empty: KUBECONFIG, or ~/.kube/config."""
    context: str
    """Empty: the current one of the kubeconfig."""
    namespace: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeGroup:
    """Nodes of one kind, of which the burst takes `num_nodes`, with `ranks_per_node` ranks on each."""

    num_nodes: int
    ranks_per_node: int
    node_labels: tuple[tuple[str, str], ...] = ()
    """Labels that its nodes have; none: any node."""

    def __post_init__(self) -> None:
        for name in ("num_nodes", "ranks_per_node"):
            if getattr(self, name) < 1:
                raise Refusal(f"{name} is {getattr(self, name)}", expected="1 or more", remedy=f"set {name}")

    @property
    def num_ranks(self) -> int:
        """Ranks on all nodes together."""
        return self.num_nodes * self.ranks_per_node


@dataclass(frozen=True, slots=True, kw_only=True)
class Toleration:
    """A taint that the pods put up with; an empty value: any value of that key, an empty effect: any effect."""

    key: str
    value: str = ""
    effect: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Workers:
    """The pods that train: all alike, as an MPIJob has one kind of worker, each with `slots` ranks.

    Of groups whose nodes take unlike numbers of ranks a worker is the largest part that fits all of them without a rest: eight
    GPUs and four a node become workers of four, two of them on the larger node.

    >>> groups = (NodeGroup(num_nodes=8, ranks_per_node=8), NodeGroup(num_nodes=16, ranks_per_node=4))
    >>> workers = Workers(groups=groups, cpus_per_rank=4, memory_gib_per_rank=16)
    >>> workers.num_workers, workers.slots, workers.num_ranks
    (32, 4, 128)
    """

    groups: tuple[NodeGroup, ...]
    cpus_per_rank: float
    memory_gib_per_rank: float
    accelerator: str = ""
    """A name of `burst/facts/accelerators.csv`: one for each rank. Empty: the ranks compute on CPUs."""
    accelerator_resource: str = "nvidia.com/gpu"
    """What the cluster's device plugin calls it."""
    shared_memory_gib: float = 1.0
    """Of each worker, at /dev/shm."""
    min_ranks: int | None = None
    """An elastic run goes on with so many; None: all or none."""
    max_restarts: int = 6
    """So often a failed launcher is begun anew, from the last checkpoint."""
    tolerations: tuple[Toleration, ...] = ()
    gang_seconds: int | None = None
    """On rented nodes: so long the launcher, which is there from the start, waits for them, and workers that failed with their
    node are made anew. None: the launcher begins when all workers are ready, and waits for ever."""

    def __post_init__(self) -> None:
        if not self.groups:
            raise Refusal("groups is empty", expected="a group of nodes or more", remedy="set groups")
        for name in ("cpus_per_rank", "memory_gib_per_rank", "shared_memory_gib"):
            if not 0 < getattr(self, name) < math.inf:
                raise Refusal(f"{name} is {getattr(self, name):g}", expected="above 0", remedy=f"set {name}")
        if self.max_restarts < 0:
            raise Refusal(f"max_restarts is {self.max_restarts}", expected="0 or more", remedy="set max_restarts")
        if self.gang_seconds is not None and self.gang_seconds < 1:
            raise Refusal(f"gang_seconds is {self.gang_seconds}", expected="1 or more", remedy="set gang_seconds")
        if self.min_ranks is not None and not 1 <= self.min_ranks <= self.num_ranks:
            raise Refusal(
                f"min_ranks is {self.min_ranks}",
                expected=f"1 to {self.num_ranks}, the ranks of the groups",
                remedy="set min_ranks",
            )

    @property
    def num_ranks(self) -> int:
        """Of all workers together."""
        return sum(group.num_ranks for group in self.groups)

    @property
    def slots(self) -> int:
        """Ranks of one worker."""
        return math.gcd(*(group.ranks_per_node for group in self.groups))

    @property
    def num_workers(self) -> int:
        """Pods that train."""
        return self.num_ranks // self.slots

    @property
    def is_elastic(self) -> bool:
        """Whether the run goes on with fewer ranks."""
        return self.min_ranks is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class NewVolume:
    """A volume that the stack makes and removes, with all that the runs left on it."""

    size_gib: float
    storage_class: str = ""
    """Must offer ReadWriteMany; empty: the cluster's default."""

    def __post_init__(self) -> None:
        if not 0 < self.size_gib < math.inf:
            raise Refusal(f"size_gib is {self.size_gib:g}", expected="above 0", remedy="set size_gib")


@dataclass(frozen=True, slots=True, kw_only=True)
class ExistingClaim:
    """A PersistentVolumeClaim of the namespace, ReadWriteMany; it stays."""

    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NfsExport:
    """A folder of an NFS server, writable for uid 1000; it stays."""

    server: str
    path: str

    def __post_init__(self) -> None:
        if not self.path.startswith("/"):
            raise Refusal(f"the NFS path {self.path!r}", expected="an absolute path", remedy="set storage.nfs.path")


@dataclass(frozen=True, slots=True, kw_only=True)
class BucketVolume:
    """A Cloud Storage bucket, mounted with GKE's GCS FUSE driver; it stays. Which bucket, the base stack tells."""

    folder: str
    """Of the bucket, which the volume shows: the stack's name, so that stacks do not meet."""
    cache_gib: float = 20.0
    """Files that were read are kept on the node's disk (local SSD, where it has one), up to so many; 0: none are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageBuild:
    """A trainer image to be built from this checkout and pushed."""

    repository: str
    """`registry.example.org/group/trainer`, without a tag."""
    variant: str = "cpu"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cluster:
    """Which cluster, and what of it."""

    access: ClusterAccess
    workers: Workers
    volume: NewVolume | ExistingClaim | NfsExport | BucketVolume
    image: str | ImageBuild
    """A reference with a digest, or what to build."""
    has_own_namespace: bool = True
    """Whether the stack makes the namespace, with a quota, and removes it; else it is there and stays."""
    installs_operator: bool = False
    """Whether the stack installs the MPI Operator; else it is there."""
    queue: str = ""
    """A LocalQueue of Kueue in the namespace; empty: not queued."""
    pull_secret: str = ""
    """A Secret of the namespace for the image's registry; empty: it asks for no password."""
    data_secret: str = ""
    """A Secret of the namespace with the variables (AWS_...) by which data at s3:// are read; empty: they are public."""
