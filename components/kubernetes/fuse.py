"""GCS FUSE in a pod: the container that GKE puts beside ours to mount a bucket, and what it may take. Pure.

GKE injects it (`gke-gcsfuse-sidecar`) into pods with the annotation `gke-gcsfuse/volumes`, with the resources that further
annotations name (github.com/GoogleCloudPlatform/gcs-fuse-csi-driver, pkg/webhook/config.go, read 2026-11-24). They are given
here in full, as they count in the namespace's quota.
"""

from __future__ import annotations

from dataclasses import dataclass

from burst.cluster import BucketVolume, ExistingClaim, NewVolume, NfsExport
from components.kubernetes.pods import UID, cpus, gibibytes

DRIVER = "gcsfuse.csi.storage.gke.io"
VOLUMES_ANNOTATION = "gke-gcsfuse/volumes"
FUSE_CPUS, FUSE_MEMORY_GIB = 0.25, 0.5
"""Beside the container that trains. GKE's own defaults are 0.25 CPUs and 0.25 GiB, at most; more memory lets it write several
files at once, and more CPUs it may use where they are idle."""
BUFFER_GIB = 5.0
"""Of disk, for what is being written: GKE's own default."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FuseSidecar:
    """What the container that mounts a bucket takes of a pod's node."""

    cpus: float = FUSE_CPUS
    """Asked for, not limited."""
    memory_gib: float = FUSE_MEMORY_GIB
    disk_gib: float = BUFFER_GIB
    """At most: buffer and cache; only the buffer is asked for."""

    def annotations(self) -> dict[str, str]:
        """Of a pod.

        >>> FuseSidecar(disk_gib=25).annotations()["gke-gcsfuse/ephemeral-storage-limit"]
        '25Gi'
        """
        return {
            VOLUMES_ANNOTATION: "true",
            "gke-gcsfuse/cpu-request": cpus(self.cpus),
            "gke-gcsfuse/cpu-limit": "0",
            "gke-gcsfuse/memory-request": gibibytes(self.memory_gib),
            "gke-gcsfuse/memory-limit": gibibytes(self.memory_gib),
            "gke-gcsfuse/ephemeral-storage-request": gibibytes(BUFFER_GIB),
            "gke-gcsfuse/ephemeral-storage-limit": gibibytes(self.disk_gib),
        }


def fuse_sidecar(volume: NewVolume | ExistingClaim | NfsExport | BucketVolume) -> FuseSidecar | None:
    """What each pod has beside its own container; None where the volume is no bucket."""
    return FuseSidecar(disk_gib=BUFFER_GIB + volume.cache_gib) if isinstance(volume, BucketVolume) else None


def mount_options(volume: BucketVolume) -> list[str]:
    """Of the PersistentVolume, where they may change, which its attributes may not.

    Folders are those that names of objects imply, and all belong to the pods' user. Nothing is remembered of a file but its
    content, for as long as it is the same: what one pod writes all others see. What is kept of it on the node's disk is all of
    it, wherever in it the reading began.
    """
    cache = [f"file-cache:max-size-mb:{round(1024 * volume.cache_gib)}", "file-cache:cache-file-for-range-read:true"]
    return [
        "implicit-dirs",
        f"only-dir={volume.folder}",
        f"uid={UID}",
        f"gid={UID}",
        "file-mode=664",
        "dir-mode=775",
        "metadata-cache:ttl-secs:0",
        "metadata-cache:negative-ttl-secs:0",
        *(cache if volume.cache_gib else []),
    ]
