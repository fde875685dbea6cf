"""A burst on Google Kubernetes Engine: the cluster that it makes, and the groups of GPU nodes in it."""

from __future__ import annotations

import datetime
from dataclasses import dataclass

from burst.spec import Purchase, Shape

LABEL_TIME = "%Y%m%dt%H%Mz"
"""Of a deadline in a label, which may have no colon and no capital: `20261124t1800z`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GpuGroup:
    """Equal GPU nodes, bought one way: a node pool of the cluster."""

    shape: Shape
    """Host and GPUs together: `n1-standard-96+8xV100-16GB`, `a2-highgpu-8g`."""
    num_nodes: int
    purchase: Purchase
    autoscales: bool = True
    """Whether nodes come when pods ask for them and go when idle (0 to `num_nodes`); else all stay from `up` to `destroy`."""
    num_local_ssds: int = 0
    """Local SSDs of 375 GB for the cache of data and image; of machine types that come with some, those."""

    @property
    def machine_type(self) -> str:
        """Compute Engine's name of the host: `n1-standard-96`, `a2-highgpu-8g`."""
        return self.shape.name.partition("+")[0]

    @property
    def name(self) -> str:
        """Of the node pool: `v100-16gb-8x-spot`."""
        return f"{self.shape.accelerator.lower()}-{self.shape.num_accelerators}x-{self.purchase}"


@dataclass(frozen=True, slots=True, kw_only=True)
class BaseIds:
    """What a burst needs of its base, by the names that the base stack's outputs have."""

    network: str
    """The name of the VPC network."""
    bucket: str
    repository: str
    """Of Artifact Registry: `us-central1-docker.pkg.dev/my-project/hepburst`."""
    node_account: str
    """E-mail addresses of service accounts: of the nodes,"""
    trainer_account: str
    """of the training,"""
    deadline_account: str
    """and of Cloud Scheduler when it deletes the cluster."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GkeCluster:
    """A private cluster for one burst, and when it must be gone."""

    name: str
    """Of the cluster, and the beginning of all names that belong to it."""
    project: str
    zone: str
    groups: tuple[GpuGroup, ...]
    deadline: datetime.datetime
    """In UTC: the cluster is deleted then by Cloud Scheduler, whatever runs and whoever watches."""
    ip_block: str = "10.64.0.0/16"
    """A private IPv4 block of /16 for nodes, pods and services; bursts that live at one time in one network need one each."""
    base: str | BaseIds = "gcp-base"
    """The base stack's name in the same backend, or what it would tell."""
    is_compact: bool = False
    """Nodes of a group near each other (a placement policy), where the machine type allows it."""
    max_run_seconds: int | None = None
    """A node's longest life, by Compute Engine's clock: the backstop behind the deadline."""
    gang_seconds: int = 3600
    """So long the launcher waits for all workers before it gives the nodes back."""

    @property
    def region(self) -> str:
        """Of the zone: `us-central1`."""
        return self.zone.rpartition("-")[0]

    @property
    def deadline_label(self) -> str:
        """The deadline as a label's value.

        >>> import datetime
        >>> when = datetime.datetime(2026, 12, 1, 18, tzinfo=datetime.UTC)
        >>> GkeCluster(name="b", project="p", zone="us-central1-a", groups=(), deadline=when).deadline_label
        '20261201t1800z'
        """
        return self.deadline.strftime(LABEL_TIME)
