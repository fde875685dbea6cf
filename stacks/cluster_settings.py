"""The settings of a stack in a cluster of one's own as `burst.cluster` values, each mistake with the key that it is about."""

from __future__ import annotations

import re
from pathlib import PurePosixPath

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
from stacks.mistakes import attempt, full_name, keyed
from stacks.place import Place
from stacks.sections import ClusterPoolSettings, KubernetesSettings, Operator, StorageSettings
from trainer.refusal import Refusal

OWN_PREFIX = "hepburst-"
"""Of namespaces that a stack makes, takes over after an `up` that was killed, and removes."""
NAME = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
"""A DNS label, as Kubernetes wants namespaces and queues to be called."""


def place_of(settings: KubernetesSettings, stack: str, mistakes: list[Refusal]) -> Place | None:
    """Where the burst runs; None where something of it cannot work, which is added to `mistakes`."""
    attempt(lambda: facts.grid_carbon(settings.pool.region), mistakes)
    cluster = _cluster(settings, stack, mistakes)
    if cluster is None:
        return None
    return Place(
        pools=(_pool(settings, cluster.workers),),
        data_path=data_path(settings.data, settings.storage.data_path),
        num_ranks=cluster.workers.num_ranks,
        cluster=cluster,
    )


def _cluster(settings: KubernetesSettings, stack: str, mistakes: list[Refusal]) -> Cluster | None:
    access = attempt(lambda: _access(settings, stack), mistakes)
    workers = attempt(lambda: _workers(settings.pool), mistakes)
    volume = attempt(lambda: _volume(settings.storage), mistakes)
    image = attempt(lambda: _image(settings), mistakes)
    attempt(lambda: check_data_path(settings.storage.data_path), mistakes)
    attempt(lambda: check_name("hepburst:cluster.queue", settings.cluster.queue), mistakes)
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


def _pool(settings: KubernetesSettings, workers: Workers) -> Pool:
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


def data_path(data: str, on_the_volume: str | None) -> str:
    """Where the pods find the data: samples are put there by the launcher, all else lies on the volume already.

    >>> data_path("sample/angle", None), data_path("showers.h5", "sets/2026.h5")
    ('/mnt/hepburst/data/sample/angle.h5', '/mnt/hepburst/sets/2026.h5')
    """
    if data.startswith("s3://"):
        return data
    place = PurePosixPath(RUN_VOLUME_PATH)
    if on_the_volume is not None:
        return str(place / on_the_volume)
    if data.startswith("sample/"):
        return str(place / DATA_FOLDER / f"{data}.h5")
    return str(place / DATA_FOLDER / PurePosixPath(data).name)


def _access(settings: KubernetesSettings, stack: str) -> ClusterAccess:
    given = settings.cluster
    namespace = given.namespace or f"{OWN_PREFIX}{stack}"
    if given.own_namespace:
        check_own_namespace(namespace, otherwise="set own_namespace to false for one that is there and stays, or ")
    else:
        check_name("hepburst:cluster.namespace", namespace)
    return ClusterAccess(kubeconfig=given.kubeconfig, context=given.context, namespace=namespace)


def check_own_namespace(namespace: str, *, otherwise: str = "") -> None:
    """Refuse a namespace for the stack to make that is no name, or that may be somebody's. `otherwise`: begins the remedy."""
    key = full_name("cluster", "namespace")
    check_name(key, namespace)
    if not namespace.startswith(OWN_PREFIX):
        raise Refusal(
            f"{key} is {namespace!r}, and own_namespace is true: `destroy` would remove it whole"
            if otherwise
            else f"{key} is {namespace!r}",
            expected=f"a name that begins with {OWN_PREFIX} for a namespace that the stack makes",
            remedy=f"{otherwise}leave namespace out",
        )


def check_name(key: str, name: str) -> None:
    """Refuse what is no DNS label; nothing is no name, and allowed."""
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
            keyed(
                key,
                lambda group=group, labels=labels: NodeGroup(  # type: ignore[misc]  # defaults bind the loop's values
                    num_nodes=group.num_nodes, ranks_per_node=group.ranks_per_node, node_labels=labels
                ),
                joint=".",
            )
        )
    return keyed(
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
        joint=".",
    )


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
    return keyed("hepburst:storage", lambda: NewVolume(size_gib=size_gib, storage_class=storage.storage_class), joint=".")


def check_data_path(path: str | None) -> None:
    """Refuse a path that is none of the volume's."""
    if path is not None and (path.startswith("/") or ".." in PurePosixPath(path).parts):
        raise Refusal(f"hepburst:storage.data_path is {path!r}", expected="a path relative to the volume", remedy="correct it")


def _image(settings: KubernetesSettings) -> str | ImageBuild:
    build = settings.build
    to_build = None if build is None else ImageBuild(repository=build.repository, variant=build.variant)
    return image_of(settings.image, to_build)


def image_of(image: str | None, build: ImageBuild | None) -> str | ImageBuild:
    """The trainer image: one that is there, or one to build."""
    if image is not None and build is None:
        return image
    if build is not None and image is None:
        return build
    raise Refusal(
        "hepburst:image and hepburst:build are both set" if image else "there is neither hepburst:image nor hepburst:build",
        expected="one of them: a trainer image's reference with its digest (or a file that holds it), or what to build",
        remedy="set hepburst:image, or hepburst:build",
    )
