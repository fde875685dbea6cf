"""What Google Kubernetes Engine leaves of a node to the pods that train: pure arithmetic of documented reservations.

Source of all that has no other: cloud.google.com/kubernetes-engine/docs/concepts/plan-node-sizes, read 2026-11-24.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from burst.spec import Shape

RESERVED_CPU_SHARES = ((1.0, 0.06), (1.0, 0.01), (2.0, 0.005), (math.inf, 0.0025))
"""(so many CPUs, the share of them that GKE keeps), from the first CPU on."""
RESERVED_MEMORY_SHARES = ((4.0, 0.25), (4.0, 0.20), (8.0, 0.10), (112.0, 0.06), (math.inf, 0.02))
"""The same of GiB."""
EVICTION_GIB = 100 / 1024
"""Pods are thrown out when less is free."""
DAEMON_CPUS, DAEMON_MEMORY_GIB = 0.6, 2.0
"""Taken by GKE's own pods on each node (network, logs, metrics, GPU and storage drivers): an assumption, on the safe side."""
BOOT_DISK_ROOM_GIB = 43.8
"""For pods on a boot disk of 100 GB, by the example of the source (47,060,071,478 bytes)."""
LOCAL_SSD_GIB = 375e9 / 2**30
LOCAL_SSD_EVICTION_SHARE = 0.1
LOCAL_SSD_RESERVED_GIB = (50.0, 75.0, 100.0)
"""Kept by GKE where there are one, two, three or more local SSDs."""
STEPS_PER_UNIT = 10
"""CPUs and GiB of a rank are whole tenths."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """CPUs and memory that pods may ask for."""

    cpus: float
    memory_gib: float


def allocatable(shape: Shape) -> Room:
    """What Kubernetes may give to pods of a node, GKE's own included.

    >>> v100 = Shape(provider="gcp", name="n1-standard-96+8xV100-16GB", accelerator="V100-16GB", num_accelerators=8, vcpus=96,
    ...              memory_gib=360)
    >>> room = allocatable(v100)
    >>> round(room.cpus, 2), round(room.memory_gib, 2)
    (95.69, 345.94)
    """
    return Room(
        cpus=shape.vcpus - _reserved(shape.vcpus, RESERVED_CPU_SHARES),
        memory_gib=shape.memory_gib - _reserved(shape.memory_gib, RESERVED_MEMORY_SHARES) - EVICTION_GIB,
    )


def _reserved(capacity: float, shares: Sequence[tuple[float, float]]) -> float:
    """
    >>> round(_reserved(4, RESERVED_CPU_SHARES), 3), round(_reserved(16, RESERVED_MEMORY_SHARES), 3)
    (0.08, 2.6)
    """
    reserved, rest = 0.0, capacity
    for width, share in shares:
        part = min(rest, width)
        reserved += part * share
        rest -= part
    return reserved


def room_per_rank(shapes: Iterable[Shape], *, slots: int, beside: Room) -> Room:
    """What each rank may have so that the workers, of `slots` ranks each, fill the nodes of all shapes: the least of them.

    `beside`: of each worker's pod, for containers that are not ours.

    >>> l4 = Shape(provider="gcp", name="g2-standard-12", accelerator="L4-24GB", num_accelerators=1, vcpus=12, memory_gib=48)
    >>> room_per_rank([l4], slots=1, beside=Room(cpus=0.25, memory_gib=0.5))
    Room(cpus=11.0, memory_gib=40.8)
    """
    rooms = [_of_a_rank(shape, slots, beside) for shape in shapes]
    return Room(cpus=min(room.cpus for room in rooms), memory_gib=min(room.memory_gib for room in rooms))


def _of_a_rank(shape: Shape, slots: int, beside: Room) -> Room:
    room, num_pods = allocatable(shape), shape.num_accelerators // slots
    return Room(
        cpus=_tenths((room.cpus - DAEMON_CPUS - num_pods * beside.cpus) / shape.num_accelerators),
        memory_gib=_tenths((room.memory_gib - DAEMON_MEMORY_GIB - num_pods * beside.memory_gib) / shape.num_accelerators),
    )


def _tenths(value: float) -> float:
    return math.floor(value * STEPS_PER_UNIT) / STEPS_PER_UNIT


def disk_room_gib(num_local_ssds: int) -> float:
    """What pods of a node may keep on its disk: of the boot disk, or of the local SSDs where there are any.

    >>> disk_room_gib(0), round(disk_room_gib(1), 1)
    (43.8, 264.3)
    """
    if not num_local_ssds:
        return BOOT_DISK_ROOM_GIB
    kept = LOCAL_SSD_RESERVED_GIB[min(num_local_ssds, len(LOCAL_SSD_RESERVED_GIB)) - 1]
    return num_local_ssds * LOCAL_SSD_GIB * (1 - LOCAL_SSD_EVICTION_SHARE) - kept
