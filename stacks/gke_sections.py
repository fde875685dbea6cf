"""What may stand in the settings of a stack on GKE, and of the base that it rests on."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any

from pydantic import BeforeValidator

from burst.spec import Purchase
from stacks.sections import Deployed, Number, Operator, OptionalNumber, Section, Variant, WorkloadSettings


class Rented(StrEnum):
    """How GPU nodes are bought."""

    ON_DEMAND = Purchase.ON_DEMAND.value
    SPOT = Purchase.SPOT.value
    FLEX_START = Purchase.FLEX_START.value


class GpuGroupSettings(Section):
    """A member of `hepburst:pool.groups`: equal GPU nodes, a node pool of the cluster."""

    num_nodes: int
    gpus_per_node: int
    purchase: Rented = Rented.ON_DEMAND
    autoscales: bool = True
    host: str = ""
    local_ssds: int = 0


class GkePoolSettings(Section):
    """`hepburst:pool`: which GPU nodes, how they are bought, and what each rank has of them."""

    accelerator: str
    groups: list[GpuGroupSettings]
    threads_per_rank: int | None = None
    cpus_per_rank: OptionalNumber = None
    memory_gib_per_rank: OptionalNumber = None
    shared_memory_gib: OptionalNumber = None
    min_ranks: int | None = None
    max_restarts: int = 6
    compact: bool = False
    max_run_hours: OptionalNumber = None
    gang_timeout_minutes: Number = 60.0


class GkeAccessSettings(Section):
    """`hepburst:cluster`: of the cluster that the stack makes."""

    namespace: str = ""
    mpi_operator: Operator = Operator.INSTALL
    queue: str = ""
    pull_secret: str = ""


class GkeStorageSettings(Section):
    """`hepburst:storage`: a folder of the base's bucket, or (`size_gib`) a new volume such as Filestore's."""

    folder: str = ""
    cache_gib: OptionalNumber = None
    size_gib: OptionalNumber = None
    storage_class: str = ""
    data_secret: str = ""
    data_path: str | None = None


class GkeBuildSettings(Section):
    """`hepburst:build`: the trainer image is built from this checkout and pushed; left out, to the base's registry."""

    repository: str = ""
    variant: Variant = Variant.CUDA


class NetworkSettings(Section):
    """`hepburst:network`."""

    ip_block: str = "10.64.0.0/16"


def _named(value: Any) -> Any:
    """A base that is given by its stack's name alone."""
    return {"stack": value} if isinstance(value, str) else value


class BaseSettings(Section):
    """`hepburst:base`: the name of the base stack in the same backend, or what that would tell."""

    stack: str = ""
    network: str = ""
    bucket: str = ""
    repository: str = ""
    node_account: str = ""
    trainer_account: str = ""
    deadline_account: str = ""


class GkeSettings(Section):
    """All settings of a stack on GKE. What only its owner knows is empty if left out, and then asked for with all mistakes."""

    target: Deployed
    project: str = ""
    zone: str
    base: Annotated[BaseSettings, BeforeValidator(_named)] = BaseSettings(stack="gcp-base")
    deadline_utc: str = ""
    network: NetworkSettings = NetworkSettings()
    data: str
    workload: WorkloadSettings
    pool: GkePoolSettings
    cluster: GkeAccessSettings = GkeAccessSettings()
    storage: GkeStorageSettings = GkeStorageSettings()
    image: str | None = None
    build: GkeBuildSettings | None = None


class GcpBaseSettings(Section):
    """All settings of a base on Google Cloud."""

    target: Deployed
    project: str = ""
    region: str
    name: str = "hepburst"
    bucket: str = ""
    result_days: int = 30
    keep_images: int = 10
    budget_usd: int | None = None
    billing_account: str = ""
