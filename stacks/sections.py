"""What may stand in a stack's settings, target by target: names, types and what may be left out."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any, get_args

from pydantic import BaseModel, BeforeValidator, ConfigDict

from burst.spec import Target
from trainer.contract import BatchNorm, Precision, Preset


def _number(value: Any) -> Any:
    """`pulumi config set --path` writes 0.002 as text, whole numbers as numbers."""
    try:
        return float(value) if isinstance(value, str) else value
    except ValueError:
        return value


Number = Annotated[float, BeforeValidator(_number)]
OptionalNumber = Annotated[float | None, BeforeValidator(_number)]


class Deployed(StrEnum):
    """What a stack can be for: a target, or a base."""

    LOCAL = Target.LOCAL.value
    KUBERNETES = Target.KUBERNETES.value
    GKE = Target.GKE.value
    GCP_BASE = "gcp-base"
    """No burst: what bursts on Google Cloud rest on."""


class Operator(StrEnum):
    """The MPI Operator: it is there, or the stack installs it."""

    THERE = "there"
    INSTALL = "install"


class Variant(StrEnum):
    """Of the trainer image."""

    CPU = "cpu"
    CUDA = "cuda"


class Section(BaseModel):
    """Part of a stack's settings; unknown keys and values of the wrong kind are refused."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class WorkloadSettings(Section):
    """`hepburst:workload`: what to train. Names and units are `RunConfig`'s, and so is the default of what is left out."""

    preset: Preset
    num_epochs: int
    batch_per_rank: int | None = None
    learning_rate: OptionalNumber = None
    seed: int | None = None
    precision: Precision | None = None
    batchnorm: BatchNorm | None = None
    test_fraction: OptionalNumber = None
    attempt: int | None = None


class PoolSettings(Section):
    """`hepburst:pool` on this machine: how many ranks, and whose grid feeds it."""

    region: str
    num_ranks: int | None = None
    threads_per_rank: int | None = None


class LocalSettings(Section):
    """All settings of a stack on this machine."""

    target: Deployed
    data: str
    workload: WorkloadSettings
    pool: PoolSettings


class GroupSettings(Section):
    """A member of `hepburst:pool.groups`: nodes of one kind."""

    num_nodes: int
    ranks_per_node: int
    node_labels: dict[str, str] = {}


class TolerationSettings(Section):
    """A member of `hepburst:pool.tolerations`."""

    key: str
    value: str = ""
    effect: str = ""


class ClusterPoolSettings(Section):
    """`hepburst:pool` in a cluster of one's own: which nodes, what of each, and whose grid feeds them."""

    region: str
    groups: list[GroupSettings]
    cpus_per_rank: OptionalNumber = None
    memory_gib_per_rank: Number
    threads_per_rank: int | None = None
    accelerator: str = ""
    accelerator_resource: str = "nvidia.com/gpu"
    processor: str = ""
    shared_memory_gib: Number = 1.0
    min_ranks: int | None = None
    max_restarts: int = 6
    tolerations: list[TolerationSettings] = []


class AccessSettings(Section):
    """`hepburst:cluster`: which cluster, and the namespace in it."""

    kubeconfig: str = ""
    context: str = ""
    namespace: str = ""
    own_namespace: bool = True
    mpi_operator: Operator = Operator.THERE
    queue: str = ""
    pull_secret: str = ""


class NfsSettings(Section):
    """`hepburst:storage.nfs`."""

    server: str
    path: str


class StorageSettings(Section):
    """`hepburst:storage`: the volume with data and runs: a new one of `size_gib`, a claim that is there, or an NFS export."""

    size_gib: OptionalNumber = None
    storage_class: str = ""
    claim: str | None = None
    nfs: NfsSettings | None = None
    data_secret: str = ""
    data_path: str | None = None


class BuildSettings(Section):
    """`hepburst:build`: the trainer image is built from this checkout and pushed."""

    repository: str
    variant: Variant = Variant.CPU


class KubernetesSettings(Section):
    """All settings of a stack in a cluster of one's own."""

    target: Deployed
    data: str
    workload: WorkloadSettings
    pool: ClusterPoolSettings
    cluster: AccessSettings
    storage: StorageSettings
    image: str | None = None
    build: BuildSettings | None = None


def section_at(settings: type[Section], path: tuple[str | int, ...]) -> type[Section]:
    """The section that holds the setting at `path`, such as `("pool", "groups", 0, "num_nodes")`."""
    section = settings
    for name in path[:-1]:
        inner = _section_in(section.model_fields[name].annotation) if isinstance(name, str) else section
        section = inner or section
    return section


def maps_of(settings: type[Section]) -> frozenset[str]:
    """The names of the settings that are maps."""
    return frozenset(name for name, field in settings.model_fields.items() if _section_in(field.annotation))


def _section_in(annotation: Any) -> type[Section] | None:
    """The section that a field's type speaks of: itself, optional, or in a list."""
    if isinstance(annotation, type) and issubclass(annotation, Section):
        return annotation
    return next((found for each in get_args(annotation) if (found := _section_in(each))), None)
