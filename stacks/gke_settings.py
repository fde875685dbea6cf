"""The settings of a stack on GKE as `burst.gke` and `burst.cluster` values, each mistake with the key that it is about."""

from __future__ import annotations

import dataclasses
import datetime
import math
import re
from collections.abc import Sequence

from burst import facts, gke_nodes, image_reference
from burst.cluster import BucketVolume, Cluster, ClusterAccess, ImageBuild, NewVolume
from burst.gke import BaseIds, GkeCluster, GpuGroup
from burst.gke_nodes import Room
from burst.ip_block import ranges
from burst.spec import Pool, Target
from components.kubernetes.fuse import BUFFER_GIB, fuse_sidecar
from stacks import cluster_settings
from stacks.gcp_names import check_account, check_bucket, check_project, check_repository, check_short_name
from stacks.gke_pools import groups_of, workers_of
from stacks.gke_sections import BaseSettings, GkeSettings, GkeStorageSettings
from stacks.mistakes import attempt, full_name, keyed
from stacks.place import Place
from trainer.refusal import Refusal

PREFIX = "hepburst-"
CLUSTER_NAME = re.compile(r"[a-z]([-a-z0-9]{0,38}[a-z0-9])?")
"""Of GKE (cloud.google.com/kubernetes-engine/docs/reference/rest/v1/projects.locations.clusters): 40 characters at most."""
MAX_STACK_NAME = 40 - len(PREFIX)
DEADLINE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\dZ")
DEADLINE_FORMAT = "%Y-%m-%dT%H:%MZ"
SOONEST, LATEST = datetime.timedelta(minutes=30), datetime.timedelta(days=180)
"""From now to a deadline: a cluster takes minutes to come, and GKE holds upgrades off for 180 days at most."""
USUAL = datetime.timedelta(hours=8)
"""That a remedy proposes."""
FOLDER = re.compile(r"[A-Za-z0-9][\w.-]*(/[A-Za-z0-9][\w.-]*)*", re.ASCII)


def place_of(settings: GkeSettings, stack: str, *, now: datetime.datetime | None, mistakes: list[Refusal]) -> Place | None:
    """Where the burst runs; None where something of it cannot work, which is added to `mistakes`.

    `now`: by which the deadline is judged; None: it is not.
    """
    before = len(mistakes)
    attempt(lambda: _check_cluster_name(stack), mistakes)
    attempt(lambda: check_project(full_name("project"), settings.project), mistakes)
    deadline = attempt(lambda: deadline_of(settings.deadline_utc, now), mistakes)
    base = _base_of(settings.base, mistakes)
    attempt(lambda: ranges(settings.network.ip_block), mistakes)
    groups = groups_of(settings, mistakes)
    if groups is not None:  # else a region that is not known has been told
        attempt(lambda: facts.grid_carbon(_region(settings)), mistakes)
    cluster = _cluster(settings, stack, groups, mistakes)
    if len(mistakes) > before or deadline is None or base is None or groups is None or cluster is None:
        return None
    return Place(
        pools=tuple(_pool(group, _region(settings)) for group in groups),
        data_path=cluster_settings.data_path(settings.data, settings.storage.data_path),
        num_ranks=cluster.workers.num_ranks,
        cluster=cluster,
        gke=_gke(settings, stack, groups, deadline, base),
    )


def _gke(
    settings: GkeSettings, stack: str, groups: tuple[GpuGroup, ...], deadline: datetime.datetime, base: str | BaseIds
) -> GkeCluster:
    pool = settings.pool
    return GkeCluster(
        name=PREFIX + stack,
        project=settings.project,
        zone=settings.zone,
        groups=groups,
        deadline=deadline,
        ip_block=settings.network.ip_block,
        base=base,
        is_compact=pool.compact,
        max_run_seconds=None if pool.max_run_hours is None else round(pool.max_run_hours * 3600),
        gang_seconds=round(pool.gang_timeout_minutes * 60),
    )


def _pool(group: GpuGroup, region: str) -> Pool:
    return Pool(target=Target.GKE, region=region, shape=group.shape, num_nodes=group.num_nodes, purchase=group.purchase)


def _region(settings: GkeSettings) -> str:
    return f"gcp/{settings.zone.rpartition('-')[0]}"


def _cluster(settings: GkeSettings, stack: str, groups: tuple[GpuGroup, ...] | None, mistakes: list[Refusal]) -> Cluster | None:
    given = settings.cluster
    for name in ("queue", "pull_secret"):
        attempt(lambda name=name: cluster_settings.check_name(full_name("cluster", name), getattr(given, name)), mistakes)  # type: ignore[misc]
    attempt(lambda: cluster_settings.check_name(full_name("storage", "data_secret"), settings.storage.data_secret), mistakes)
    attempt(lambda: cluster_settings.check_data_path(settings.storage.data_path), mistakes)
    namespace = given.namespace or PREFIX + stack
    attempt(lambda: cluster_settings.check_own_namespace(namespace), mistakes)
    image = attempt(lambda: _image(settings), mistakes)
    made = volume = attempt(lambda: volume_of(settings.storage, stack), mistakes)
    workers = None
    if groups is not None and made is not None:
        sidecar = fuse_sidecar(made)
        beside = Room(cpus=sidecar.cpus, memory_gib=sidecar.memory_gib) if sidecar else Room(cpus=0.0, memory_gib=0.0)
        workers = attempt(lambda: workers_of(settings.pool, groups, beside), mistakes)
        if workers is not None:
            slots = workers.slots
            volume = attempt(lambda: _with_room(made, settings.storage.cache_gib, groups, slots), mistakes)
    if image is None or volume is None or workers is None:
        return None
    return Cluster(
        access=ClusterAccess(kubeconfig=f".hepburst/{stack}/kubeconfig", context=PREFIX + stack, namespace=namespace),
        workers=workers,
        volume=volume,
        image=image,
        installs_operator=given.mpi_operator.value == "install",
        queue=given.queue,
        pull_secret=given.pull_secret,
        data_secret=settings.storage.data_secret,
    )


def _check_cluster_name(stack: str) -> None:
    name = PREFIX + stack
    if not CLUSTER_NAME.fullmatch(name):
        raise Refusal(
            f"the stack is called {stack!r}, and its cluster would be {name!r}",
            expected=f"up to {MAX_STACK_NAME} lower-case letters, digits and hyphens, and no hyphen at the end",
            remedy="pulumi stack rename, and rename its file of settings",
        )


def deadline_of(text: str, now: datetime.datetime | None) -> datetime.datetime:
    """The deadline that a text gives; refused where it is none, or, `now`, too near or too far.

    >>> deadline_of("2026-12-01T18:00Z", None)
    datetime.datetime(2026, 12, 1, 18, 0, tzinfo=datetime.timezone.utc)
    """
    key = full_name("deadline_utc")
    proposed = "YYYY-MM-DDThh:mmZ" if now is None else (now + USUAL).strftime(DEADLINE_FORMAT)
    expected, remedy = "YYYY-MM-DDThh:mmZ, in UTC", f"pulumi config set {key} {proposed}"
    if not text:
        raise Refusal(f"{key} is missing", expected=f"when Google is to delete the cluster: {expected}", remedy=remedy)
    if not DEADLINE.fullmatch(text):
        raise Refusal(f"{key} is {text!r}", expected=expected, remedy=remedy)
    try:
        deadline = datetime.datetime.strptime(text, DEADLINE_FORMAT).replace(tzinfo=datetime.UTC)
    except ValueError:
        raise Refusal(f"{key} is {text!r}, which is no day or time", expected=expected, remedy=remedy) from None
    if now is not None and deadline <= now:
        raise Refusal(f"{key} is {text}, which is past", expected="a time to come", remedy=remedy)
    if now is not None and deadline < now + SOONEST:
        raise Refusal(f"{key} is {text}, which is too near", expected="30 minutes from now, or later", remedy=remedy)
    if now is not None and deadline > now + LATEST:
        raise Refusal(f"{key} is {text}, which is too far", expected="180 days from now, or sooner", remedy=remedy)
    return deadline


def _base_of(base: BaseSettings, mistakes: list[Refusal]) -> str | BaseIds | None:
    ids = base.model_dump(exclude={"stack"})
    given = [name for name, value in ids.items() if value]
    key, before = full_name("base"), len(mistakes)
    if base.stack and given:
        mistakes.append(
            Refusal(f"{key} has a stack and {given[0]}", expected="a stack's name, or ids", remedy="remove one of the two")
        )
        return None
    if base.stack:
        attempt(lambda: _check_stack_name(key, base.stack), mistakes)
        return base.stack if len(mistakes) == before else None
    mistakes += [
        Refusal(f"{key}.{name} is missing", expected="what the base stack's output of that name tells", remedy="add it")
        for name in ids
        if name not in given
    ]
    checks = {"network": check_short_name, "bucket": check_bucket, "repository": check_repository}
    for name in given:
        check = checks.get(name, check_account)
        attempt(lambda check=check, name=name: check(f"{key}.{name}", ids[name]), mistakes)  # type: ignore[misc]
    return BaseIds(**ids) if len(mistakes) == before else None


def _check_stack_name(key: str, name: str) -> None:
    if not re.fullmatch(r"[\w.-]{1,100}", name, re.ASCII):
        raise Refusal(f"{key} is {name!r}", expected="a stack's name, such as gcp-base", remedy=f"correct {key}")


def volume_of(storage: GkeStorageSettings, stack: str) -> BucketVolume | NewVolume:
    """The run volume: a folder of the base's bucket, or a new one."""
    key = full_name("storage")
    if storage.size_gib is None:
        if storage.storage_class:
            raise Refusal(f"{key}.storage_class without size_gib", expected="both, for a new volume", remedy="set or remove it")
        return _bucket_volume(key, storage, stack)
    if storage.folder or storage.cache_gib is not None:
        raise Refusal(
            f"{key} has size_gib and {'folder' if storage.folder else 'cache_gib'}",
            expected="size_gib with storage_class for a new volume; folder and cache_gib for the base's bucket",
            remedy="remove one of the two",
        )
    if not storage.storage_class:
        raise Refusal(
            f"{key}.size_gib without storage_class",
            expected="a class that offers ReadWriteMany, such as Filestore's standard-rwx: GKE's default does not",
            remedy=f"set {key}.storage_class",
        )
    size_gib = storage.size_gib
    return keyed(key, lambda: NewVolume(size_gib=size_gib, storage_class=storage.storage_class), joint=".")


def _bucket_volume(key: str, storage: GkeStorageSettings, stack: str) -> BucketVolume:
    if storage.folder and not FOLDER.fullmatch(storage.folder):
        raise Refusal(
            f"{key}.folder is {storage.folder!r}",
            expected="letters, digits, dots, hyphens and underscores, with / between folders",
            remedy=f"correct {key}.folder, or leave it out",
        )
    volume = BucketVolume(folder=storage.folder or stack)
    if storage.cache_gib is None:
        return volume
    if not 0 <= storage.cache_gib < math.inf:
        raise Refusal(f"{key}.cache_gib is {storage.cache_gib:g}", expected="0 or more", remedy=f"correct {key}.cache_gib")
    return dataclasses.replace(volume, cache_gib=storage.cache_gib)


def _with_room(
    volume: BucketVolume | NewVolume, given_gib: float | None, groups: Sequence[GpuGroup], slots: int
) -> BucketVolume | NewVolume:
    """The volume, its cache no larger than the disk of the poorest node allows; one that is given and larger is refused."""
    if not isinstance(volume, BucketVolume):
        return volume
    num_pods = [group.shape.num_accelerators // slots for group in groups]
    rooms = [
        gke_nodes.disk_room_gib(group.num_local_ssds) / pods - BUFFER_GIB for group, pods in zip(groups, num_pods, strict=True)
    ]
    most = float(max(0, math.floor(min(rooms))))
    if given_gib is None:
        return dataclasses.replace(volume, cache_gib=min(volume.cache_gib, most))
    if given_gib > most:
        key = full_name("storage", "cache_gib")
        raise Refusal(
            f"{key} is {given_gib:g}",
            expected=f"{most:g} or less: each of a node's pods keeps so much on its disk",
            remedy=f"lower {key}, or set {full_name('pool')}.groups[...].local_ssds",
        )
    return volume


def _image(settings: GkeSettings) -> str | ImageBuild:
    build = settings.build
    if settings.image is None and build is None:
        raise Refusal(
            "there is neither hepburst:image nor hepburst:build",
            expected="a trainer image's reference with its digest (or a file that holds it), or what to build",
            remedy="pulumi config set hepburst:image REGION-docker.pkg.dev/PROJECT/hepburst/trainer@sha256:...",
        )
    if build is None:
        assert settings.image is not None
        return image_reference.given(settings.image)
    repository = build.repository or (f"{settings.base.repository}/trainer" if settings.base.repository else "")
    if not repository:
        raise Refusal(
            "hepburst:build.repository is missing, and the base is a stack that tells its registry only later",
            expected="a name in a registry",
            remedy="set hepburst:build.repository to what `pulumi stack output repository -s gcp-base` says, with /trainer",
        )
    return cluster_settings.image_of(settings.image, ImageBuild(repository=repository, variant=build.variant))
