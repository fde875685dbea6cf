"""The settings of a stack in a cluster of one's own as `burst.cluster` values, each mistake with the key that it is about."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import PurePosixPath
from typing import TypeVar

from burst import facts
from burst.cluster import (
    DATA_FOLDER,
    RUN_VOLUME_PATH,
    Cluster,
    ClusterAccess,
    ExistingClaim,
    ImageBuild,
    NewVolume,
    NfsExport,
    NodeGroup,
    Toleration,
    Workers,
)
from burst.spec import OWN_PROVIDER, Pool, Purchase, Shape, Target
from stacks.sections import ClusterPoolSettings, KubernetesSettings, Operator, StorageSettings
from trainer.refusal import Refusal

T = TypeVar("T")
OWN_PREFIX = "hepburst-"
"""Of namespaces that a stack makes, takes over after an `up` that was killed, and removes."""
NAME = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
"""A DNS label, as Kubernetes wants namespaces and queues to be called."""


def cluster_of(settings: KubernetesSettings, stack: str, mistakes: list[Refusal]) -> Cluster | None:
    """The cluster that the settings describe; None where something of it cannot work, which is added to `mistakes`."""

    def attempt(make: Callable[[], T]) -> T | None:
        try:
            return make()
        except Refusal as refusal:
            mistakes.append(refusal)
            return None

    access = attempt(lambda: _access(settings, stack))
    workers = attempt(lambda: _workers(settings.pool))
    volume = attempt(lambda: _volume(settings.storage))
    image = attempt(lambda: _image(settings))
    attempt(lambda: _check_data_path(settings.storage.data_path))
    attempt(lambda: _check_name("hepburst:cluster.queue", settings.cluster.queue))
    if access is None or workers is None or volume is None or image is None:
        return None
    return Cluster(
        access=access,
        workers=workers,
        volume=volume,
        image=image,
        has_own_namespace=settings.cluster.own_namespace,
        installs_operator=settings.cluster.mpi_operator is Operator.INSTALL,
        queue=settings.cluster.queue,
        pull_secret=settings.cluster.pull_secret,
        data_secret=settings.storage.data_secret,
    )


def pool_of(settings: KubernetesSettings, workers: Workers) -> Pool:
    """The workers as the forecast sees them: so many equal nodes."""
    kind = f"{workers.slots} x {workers.accelerator}" if workers.accelerator else f"{workers.slots} x CPU rank"
    shape = Shape(
        provider=OWN_PROVIDER,
        name=kind,
        accelerator=workers.accelerator,
        num_accelerators=workers.slots if workers.accelerator else 0,
        vcpus=workers.slots * workers.cpus_per_rank,
        memory_gib=workers.slots * workers.memory_gib_per_rank,
    )
    return Pool(
        target=Target.KUBERNETES,
        region=settings.pool.region,
        shape=shape,
        num_nodes=workers.num_workers,
        purchase=Purchase.OWNED,
        processor=settings.pool.processor,
    )


def data_path(settings: KubernetesSettings) -> str:
    """Where the pods find the data: samples are put there by the launcher, all else lies on the volume already."""
    if settings.data.startswith("s3://"):
        return settings.data
    place = PurePosixPath(RUN_VOLUME_PATH)
    if settings.storage.data_path is not None:
        return str(place / settings.storage.data_path)
    if settings.data.startswith("sample/"):
        return str(place / DATA_FOLDER / f"{settings.data}.h5")
    return str(place / DATA_FOLDER / PurePosixPath(settings.data).name)


def _access(settings: KubernetesSettings, stack: str) -> ClusterAccess:
    given = settings.cluster
    namespace = given.namespace or f"{OWN_PREFIX}{stack}"
    _check_name("hepburst:cluster.namespace", namespace)
    if given.own_namespace and not namespace.startswith(OWN_PREFIX):
        raise Refusal(
            f"hepburst:cluster.namespace is {namespace!r}, and own_namespace is true: `destroy` would remove it whole",
            expected=f"a name that begins with {OWN_PREFIX} for a namespace that the stack makes",
            remedy="set own_namespace to false for one that is there and stays, or leave namespace out",
        )
    return ClusterAccess(kubeconfig=given.kubeconfig, context=given.context, namespace=namespace)


def _check_name(key: str, name: str) -> None:
    if name and not NAME.fullmatch(name):
        raise Refusal(
            f"{key} is {name!r}", expected="up to 63 lower-case letters, digits and hyphens", remedy=f"set {key} to such a name"
        )


def _workers(pool: ClusterPoolSettings) -> Workers:
    if pool.accelerator:
        facts.accelerator(pool.accelerator)  # refuses what it does not know, with the closest
    groups = []
    for number, group in enumerate(pool.groups):
        key = f"hepburst:pool.groups[{number}]"
        labels = tuple(sorted(group.node_labels.items()))
        groups.append(
            _keyed(
                key,
                lambda group=group, labels=labels: NodeGroup(  # type: ignore[misc]  # defaults bind the loop's values
                    num_nodes=group.num_nodes, ranks_per_node=group.ranks_per_node, node_labels=labels
                ),
            )
        )
    return _keyed(
        "hepburst:pool",
        lambda: Workers(
            groups=tuple(groups),
            cpus_per_rank=float(pool.threads_per_rank or 1) if pool.cpus_per_rank is None else pool.cpus_per_rank,
            memory_gib_per_rank=pool.memory_gib_per_rank,
            accelerator=pool.accelerator,
            accelerator_resource=pool.accelerator_resource,
            shared_memory_gib=pool.shared_memory_gib,
            min_ranks=pool.min_ranks,
            max_restarts=pool.max_restarts,
            tolerations=tuple(Toleration(key=each.key, value=each.value, effect=each.effect) for each in pool.tolerations),
        ),
    )


def _keyed(key: str, make: Callable[[], T]) -> T:
    """What `make` refuses, with the full name of the setting."""
    try:
        return make()
    except Refusal as refusal:
        raise Refusal(f"{key}.{refusal.got}", expected=refusal.expected, remedy=f"correct {key}") from None


def _volume(storage: StorageSettings) -> NewVolume | ExistingClaim | NfsExport:
    given = [name for name in ("size_gib", "claim", "nfs") if getattr(storage, name) is not None]
    if len(given) != 1:
        raise Refusal(
            f"hepburst:storage has {' and '.join(given) or 'no volume'}",
            expected="one of size_gib (a new volume), claim (one that is there) and nfs",
            remedy="set one of them",
        )
    if storage.storage_class and storage.size_gib is None:
        raise Refusal(
            "hepburst:storage.storage_class without size_gib", expected="it for a new volume alone", remedy="remove it"
        )
    if storage.claim is not None:
        return ExistingClaim(name=storage.claim)
    if storage.nfs is not None:
        return NfsExport(server=storage.nfs.server, path=storage.nfs.path)
    size_gib = storage.size_gib
    assert size_gib is not None
    return _keyed("hepburst:storage", lambda: NewVolume(size_gib=size_gib, storage_class=storage.storage_class))


def _check_data_path(path: str | None) -> None:
    if path is not None and (path.startswith("/") or ".." in PurePosixPath(path).parts):
        raise Refusal(f"hepburst:storage.data_path is {path!r}", expected="a path relative to the volume", remedy="correct it")


def _image(settings: KubernetesSettings) -> str | ImageBuild:
    if (settings.image is None) == (settings.build is None):
        raise Refusal(
            "hepburst:image and hepburst:build are both set"
            if settings.image
            else "there is neither hepburst:image nor hepburst:build",
            expected="one of them: a trainer image's reference with its digest (or a file that holds it), or what to build",
            remedy="set hepburst:image, or hepburst:build",
        )
    if settings.build is not None:
        return ImageBuild(repository=settings.build.repository, variant=settings.build.variant)
    assert settings.image is not None
    return settings.image
