"""`hepburst:pool` of a stack on GKE: groups of GPU nodes, and what each rank has of them."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

from burst import facts, gke_nodes
from burst.cluster import NodeGroup, Toleration, Workers
from burst.forecast.pace import max_batch_per_rank
from burst.gke import GpuGroup
from burst.gke_nodes import Room
from burst.ip_block import MAX_GPU_NODES
from burst.spec import Purchase
from stacks.gke_sections import GkePoolSettings, GkeSettings, GpuGroupSettings
from stacks.mistakes import attempt, full_name, keyed
from trainer.contract import RunConfig
from trainer.refusal import Refusal

POOL = full_name("pool")
NODE_POOL_LABEL = "cloud.google.com/gke-nodepool"
"""That GKE gives to nodes, with the name of their pool."""
GPU_TAINT = "nvidia.com/gpu"
"""That GKE gives to GPU nodes."""
HYPERDISK_ONLY = ("a3-ultragpu", "a4-")
"""Machine types (cloud.google.com/compute/docs/disks/hyperdisks)."""
RUN_HOURS = (0.25, 120 * 24.0)
"""The longest life that a node may be given: four months by Compute Engine
(cloud.google.com/compute/docs/instances/limit-vm-runtime); the least is ours, as nodes take minutes to come."""
FLEX_START_HOURS = 7 * 24.0
"""Seven days (cloud.google.com/kubernetes-engine/docs/concepts/dws)."""
GANG_MINUTES = (1.0, 7 * 24 * 60.0)
SHARED_MEMORY_GIB = 1.0
"""Of each rank, if nobody says otherwise."""


def groups_of(settings: GkeSettings, mistakes: list[Refusal]) -> tuple[GpuGroup, ...] | None:
    """The groups of GPU nodes; None where something of them cannot work, which is added to `mistakes`.

    What is wrong with all groups alike (an accelerator, a zone) is told once.
    """
    pool, before = settings.pool, len(mistakes)
    if not pool.groups:
        mistakes.append(
            Refusal(f"{POOL}.groups is empty", expected="a group of GPU nodes or more", remedy=f"set {POOL}.groups")
        )
    groups: list[GpuGroup] = []
    told: set[str] = set()
    for number, given in enumerate(pool.groups):
        try:
            groups.append(_group(given, settings))
        except Refusal as refusal:
            if refusal.got not in told:
                told.add(refusal.got)
                key = full_name("pool", "groups", number)
                mistakes.append(Refusal(f"{key}: {refusal.got}", expected=refusal.expected, remedy=refusal.remedy))
    attempt(lambda: _check_alike(groups), mistakes)
    attempt(lambda: _check_number(pool.groups), mistakes)
    mistakes += _placing_mistakes(pool, groups)
    mistakes += _time_mistakes(pool)
    attempt(lambda: _check_batch(settings), mistakes)
    return tuple(groups) if len(mistakes) == before else None


def _group(given: GpuGroupSettings, settings: GkeSettings) -> GpuGroup:
    for name in ("num_nodes", "gpus_per_node"):
        if getattr(given, name) < 1:
            raise Refusal(f"{name} is {getattr(given, name)}", expected="1 or more", remedy=f"set {name}")
    shape = facts.gke_shape(settings.pool.accelerator, given.gpus_per_node, settings.zone, given.host)
    if shape.name.startswith(HYPERDISK_ONLY):
        raise Refusal(
            f"{shape.name}, which boots from Hyperdisk alone",
            expected="a machine type that takes a balanced persistent disk: the stack makes no other",
            remedy="take H100-80GB, A100 or L4",
        )
    purchase, region = Purchase(given.purchase.value), settings.zone.rpartition("-")[0]
    facts.find("gcp", shape.name, region, purchase, zone=settings.zone)
    if purchase is Purchase.FLEX_START and not given.autoscales:
        raise Refusal(
            "flex-start nodes with autoscales false: they come when there are any",
            expected="autoscales true",
            remedy="remove autoscales, or take another purchase",
        )
    facts.num_billed_local_ssds(shape, given.local_ssds)  # refuses a number that the machine cannot have
    known = facts.local_ssds(shape)
    # Those that a machine comes with must be told of too, or GKE fills them in, and the next `up` would make the pool anew.
    num_local_ssds = known.counts[0] if known.is_included else given.local_ssds
    return GpuGroup(
        shape=shape,
        num_nodes=given.num_nodes,
        purchase=purchase,
        autoscales=given.autoscales,
        num_local_ssds=num_local_ssds,
    )


def _check_alike(groups: Sequence[GpuGroup]) -> None:
    twice = [name for name, count in Counter(group.name for group in groups).items() if count > 1]
    if twice:
        raise Refusal(
            f"{POOL}.groups has two groups {' and '.join(twice)}",
            expected="one group for each number of GPUs and purchase: its node pool is called by these",
            remedy="merge them",
        )


def _check_number(groups: Sequence[GpuGroupSettings]) -> None:
    num_nodes = sum(max(0, group.num_nodes) for group in groups)
    if num_nodes > MAX_GPU_NODES:
        raise Refusal(
            f"{POOL}.groups has {num_nodes} nodes",
            expected=f"{MAX_GPU_NODES} or fewer: hepburst:network.ip_block has addresses for no more",
            remedy="take fewer nodes, with more GPUs each",
        )


def _placing_mistakes(pool: GkePoolSettings, groups: Sequence[GpuGroup]) -> list[Refusal]:
    if not pool.compact:
        return []
    loose = [group.shape for group in groups if not facts.gke_accelerator(group.shape).allows_compact_placement]
    return [
        Refusal(
            f"{POOL}.compact is true, and {shape.name} cannot be placed near each other",
            expected="it for A100, H100 and L4 machines alone (burst/facts/gke_accelerators.csv)",
            remedy=f"set {POOL}.compact to false",
        )
        for shape in loose[:1]
    ]


def _time_mistakes(pool: GkePoolSettings) -> list[Refusal]:
    is_flex_start = any(group.purchase.value == Purchase.FLEX_START for group in pool.groups)
    least, most = RUN_HOURS[0], FLEX_START_HOURS if is_flex_start else RUN_HOURS[1]
    found = []
    if pool.max_run_hours is not None and not least <= pool.max_run_hours <= most:
        found.append(
            Refusal(
                f"{POOL}.max_run_hours is {pool.max_run_hours:g}",
                expected=f"{least:g} to {most:g}{', the life of flex-start nodes' if is_flex_start else ''}",
                remedy=f"correct {POOL}.max_run_hours",
            )
        )
    if not GANG_MINUTES[0] <= pool.gang_timeout_minutes <= GANG_MINUTES[1]:
        found.append(
            Refusal(
                f"{POOL}.gang_timeout_minutes is {pool.gang_timeout_minutes:g}",
                expected=f"{GANG_MINUTES[0]:g} to {GANG_MINUTES[1]:g}",
                remedy=f"correct {POOL}.gang_timeout_minutes",
            )
        )
    return found


def _check_batch(settings: GkeSettings) -> None:
    """The forecast would refuse it too, but later and alone."""
    accelerator, given = settings.pool.accelerator, settings.workload.batch_per_rank
    default = RunConfig(data_path="", data_sha256="", num_epochs=1).batch_per_rank
    batch = default if given is None else given
    try:
        most = max_batch_per_rank(accelerator)
    except Refusal:
        return  # an accelerator that is not known is told with its group
    if batch > most:
        key = full_name("workload", "batch_per_rank")
        raise Refusal(
            f"{key} is {batch} on {accelerator}",
            expected=f"{most} or less, which measurements show to fit its memory",
            remedy=f"lower {key}, or take an accelerator with more memory",
        )


def workers_of(pool: GkePoolSettings, groups: Sequence[GpuGroup], beside: Room) -> Workers:
    """The pods that train on the groups. `beside`: what each pod has of containers that are not ours.

    A rank's CPUs and memory are, if nobody says otherwise, its share of what GKE leaves of the poorest node.
    """
    nodes = tuple(_node_group(group) for group in groups)
    slots = math.gcd(*(node.ranks_per_node for node in nodes))
    room = gke_nodes.room_per_rank([group.shape for group in groups], slots=slots, beside=beside)
    machines = " and ".join(dict.fromkeys(group.machine_type for group in groups))
    cpus = _share("cpus_per_rank", pool.cpus_per_rank, room.cpus, machines)
    memory_gib = _share("memory_gib_per_rank", pool.memory_gib_per_rank, room.memory_gib, machines)
    shared_memory_gib = _shared_memory_gib(pool, slots, memory_gib)
    _check_threads(pool, cpus)
    return keyed(
        POOL,
        lambda: Workers(
            groups=nodes,
            cpus_per_rank=cpus,
            memory_gib_per_rank=memory_gib,
            accelerator=pool.accelerator,
            shared_memory_gib=shared_memory_gib,
            min_ranks=pool.min_ranks,
            max_restarts=pool.max_restarts,
            tolerations=(Toleration(key=GPU_TAINT, effect="NoSchedule"),),
            gang_seconds=round(pool.gang_timeout_minutes * 60),
        ),
        joint=".",
    )


def _node_group(group: GpuGroup) -> NodeGroup:
    labels = ((NODE_POOL_LABEL, group.name),)
    return NodeGroup(num_nodes=group.num_nodes, ranks_per_node=group.shape.num_accelerators, node_labels=labels)


def _shared_memory_gib(pool: GkePoolSettings, slots: int, memory_gib_per_rank: float) -> float:
    """Of a worker; a part of its memory, since /dev/shm is."""
    if pool.shared_memory_gib is None:
        return min(SHARED_MEMORY_GIB, memory_gib_per_rank / 2) * slots
    if pool.shared_memory_gib > slots * memory_gib_per_rank:
        raise Refusal(
            f"{POOL}.shared_memory_gib is {pool.shared_memory_gib:g}",
            expected=f"{slots * memory_gib_per_rank:g} or less, the memory of a worker, of which it is a part",
            remedy=f"lower {POOL}.shared_memory_gib",
        )
    return pool.shared_memory_gib


def _share(name: str, given: float | None, most: float, machine: str) -> float:
    if given is None:
        return most
    if not 0 < given <= most:
        raise Refusal(
            f"{POOL}.{name} is {given:g}",
            expected=f"above 0 and {most:g} or less, what GKE leaves of {machine} for each rank",
            remedy=f"leave {POOL}.{name} out, or correct it",
        )
    return given


def _check_threads(pool: GkePoolSettings, cpus_per_rank: float) -> None:
    if (pool.threads_per_rank or 1) > max(1, cpus_per_rank):
        raise Refusal(
            f"{POOL}.threads_per_rank is {pool.threads_per_rank}, and a rank has {cpus_per_rank:g} CPUs",
            expected="no more threads than CPUs",
            remedy=f"lower {POOL}.threads_per_rank",
        )
