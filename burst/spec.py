"""A burst, as plain frozen values: what runs, on what, where. Forecast and components read these alone."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from burst.cluster import Cluster
from trainer.contract import RunConfig
from trainer.refusal import Refusal

if TYPE_CHECKING:
    from burst.gke import GkeCluster  # which speaks of shapes

CHIPS_PER_TPU_HOST = 4
OWN_PROVIDER = "own"
"""`Shape.provider` of machines that nobody rents out: the cluster on premises."""


class Target(StrEnum):
    """What can host a pool."""

    LOCAL = "local"
    KUBERNETES = "kubernetes"
    GKE = "gke"
    GCP_TPU = "gcp-tpu"
    AZURE_ML = "azure-ml"
    OCI = "oci"


class Purchase(StrEnum):
    """How machines are bought. Spot machines (pre-emptible) can be taken back at any time; flex-start ones come when there are
    any, all at once, for seven days at most."""

    OWNED = "owned"
    ON_DEMAND = "on-demand"
    SPOT = "spot"
    FLEX_START = "flex-start"


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """A machine type with its accelerators: what a provider rents as one piece."""

    provider: str
    name: str
    """`n1-standard-96+8xV100-16GB`, `Standard_NC96ads_A100_v4`, `BM.GPU4.8`, `v3-8`."""
    accelerator: str
    """A name of `burst/facts/accelerators.csv`; empty where there is none."""
    num_accelerators: int
    """GPUs, or TPU chips."""
    vcpus: float
    """Hardware threads; 0 for TPU slices, whose hosts are part of the chips."""
    memory_gib: float

    @property
    def is_tpu(self) -> bool:
        """A slice of TPU chips, rented whole with its hosts."""
        return self.accelerator.startswith("TPU")

    @property
    def num_hosts(self) -> int:
        """Machines with a disk and an address of their own: a TPU slice has one each four chips."""
        return -(-self.num_accelerators // CHIPS_PER_TPU_HOST) if self.is_tpu else 1

    @property
    def target(self) -> Target:
        """What deploys onto this shape."""
        if self.is_tpu:
            return Target.GCP_TPU
        targets = {"gcp": Target.GKE, "azure": Target.AZURE_ML, "oci": Target.OCI, OWN_PROVIDER: Target.KUBERNETES}
        return targets[self.provider]


@dataclass(frozen=True, slots=True, kw_only=True)
class Pool:
    """On what a burst runs, and where that stands: `num_nodes` identical machines in one place, bought one way."""

    target: Target
    region: str
    """`provider/region` of `burst.facts`: whose grid feeds the machines, e.g. `gcp/europe-west6` for Zurich."""
    shape: Shape | None = None
    """None: this machine. In a cluster of one's own: what a worker takes of a node, so that all are alike."""
    num_nodes: int = 1
    purchase: Purchase = Purchase.OWNED
    processor: str = ""
    """Model name of the CPUs as their system tells it, if it is known and is not this machine's."""

    def __post_init__(self) -> None:
        if self.num_nodes < 1:
            raise Refusal(f"a pool of {self.num_nodes} nodes", expected="1 or more", remedy="set pool.num_nodes")
        assert (self.shape is None) == (self.target is Target.LOCAL), self
        assert (self.purchase is Purchase.OWNED) == (self.target in (Target.LOCAL, Target.KUBERNETES)), self

    @property
    def num_accelerators(self) -> int:
        """Accelerators of all nodes together: GPUs, or TPU chips."""
        return self.num_nodes * self.shape.num_accelerators if self.shape else 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Dataset:
    """Showers to train on, known by their digest wherever they lie."""

    path: str
    sha256: str
    num_showers: int
    image_shape: tuple[int, int, int]
    """Cells in x, y and depth."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """3DGAN training: one run on one data set."""

    run: RunConfig
    dataset: Dataset

    def __post_init__(self) -> None:
        if self.steps_per_epoch < 1:
            num_training = self.dataset.num_showers - self.run.num_test_showers(self.dataset.num_showers)
            raise Refusal(
                f"a batch of {self.run.batch_per_rank} on each of {self.run.num_ranks} ranks is more than the "
                f"{num_training} training showers of {self.dataset.path}",
                expected=f"a batch per rank of {num_training // self.run.num_ranks} or less",
                remedy="lower the batch or the ranks, or give more data",
            )

    @property
    def steps_per_epoch(self) -> int:
        """Steps in one pass over the training showers."""
        return self.run.steps_per_epoch(self.dataset.num_showers)


@dataclass(frozen=True, slots=True, kw_only=True)
class Burst:
    """One run of a workload on pools of machines."""

    name: str
    workload: Workload
    pools: tuple[Pool, ...]
    """All of one target and region, with one kind of accelerator; one alone but for GKE."""
    cluster: Cluster | None = None
    """Where the run is a job in Kubernetes: in which cluster, and what of it."""
    gke: GkeCluster | None = None
    """For the target gke: the cluster that the burst makes."""

    def __post_init__(self) -> None:
        assert self.pools, self
        assert len({(pool.target, pool.region) for pool in self.pools}) == 1, self
        assert (self.cluster is None) == (self.target not in (Target.KUBERNETES, Target.GKE)), self
        assert (self.gke is None) == (self.target is not Target.GKE), self

    @property
    def target(self) -> Target:
        """What hosts its pools."""
        return self.pools[0].target

    @property
    def region(self) -> str:
        """`provider/region` of its pools."""
        return self.pools[0].region

    @property
    def pool(self) -> Pool:
        """Its only pool."""
        (pool,) = self.pools
        return pool
