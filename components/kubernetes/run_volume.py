"""The volume with a burst's data and runs. Owns a claim that it makes; not one that is there, nor a server or bucket."""

from __future__ import annotations

from dataclasses import dataclass

from pulumi import ComponentResource, Input, Output, ResourceOptions
from pulumi_kubernetes.core import v1 as core
from pulumi_kubernetes.meta.v1 import ObjectMetaArgs

from burst.cluster import BucketVolume, ExistingClaim, NewVolume, NfsExport
from components.kubernetes import fuse
from components.kubernetes.pods import gibibytes, labels

ACCESS_MODES = ["ReadWriteMany"]
"""The launcher and all workers write to it, from several nodes."""
CLAIM_NAME = "runs"
ANY_SIZE = {"storage": "1Gi"}
"""A server or a bucket has limits of its own, but the API asks for a number."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunVolumeArgs:
    """Which volume, for which stack."""

    stack: str
    namespace: Input[str]
    volume: NewVolume | ExistingClaim | NfsExport | BucketVolume
    bucket: Input[str] = ""
    """Of a `BucketVolume`."""


class RunVolume(ComponentResource):
    """A claim by whose name pods mount the run volume."""

    claim_name: Output[str]

    def __init__(self, name: str, args: RunVolumeArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__("hepburst:kubernetes:RunVolume", name, {}, opts)
        match args.volume:
            case ExistingClaim():
                self.claim_name = Output.from_input(args.volume.name)
            case NewVolume():
                self.claim_name = self._claim(name, args, _new(args.volume))
            case NfsExport():
                self.claim_name = self._claim(name, args, _bound_to(self._volume(name, args, _nfs(args.volume))))
            case BucketVolume():
                self.claim_name = self._claim(name, args, _bound_to(self._volume(name, args, _bucket(args, args.volume))))
        self.register_outputs({"claim_name": self.claim_name})

    def _volume(self, name: str, args: RunVolumeArgs, spec: core.PersistentVolumeSpecArgs) -> core.PersistentVolume:
        # Volumes are the whole cluster's: the name says whose it is. A class it has none: the API forgets an empty one.
        metadata = ObjectMetaArgs(name=f"hepburst-{args.stack}-{CLAIM_NAME}", labels=labels(args.stack))
        return core.PersistentVolume(name, metadata=metadata, spec=spec, opts=ResourceOptions(parent=self))

    def _claim(self, name: str, args: RunVolumeArgs, spec: core.PersistentVolumeClaimSpecArgs) -> Output[str]:
        metadata = ObjectMetaArgs(name=CLAIM_NAME, namespace=args.namespace, labels=labels(args.stack))
        claim = core.PersistentVolumeClaim(name, metadata=metadata, spec=spec, opts=ResourceOptions(parent=self))
        return claim.metadata.apply(lambda found: str(found.name))


def _new(volume: NewVolume) -> core.PersistentVolumeClaimSpecArgs:
    return core.PersistentVolumeClaimSpecArgs(
        access_modes=ACCESS_MODES,
        resources=core.VolumeResourceRequirementsArgs(requests={"storage": gibibytes(volume.size_gib)}),
        storage_class_name=volume.storage_class or None,
    )


def _nfs(export: NfsExport) -> core.PersistentVolumeSpecArgs:
    return core.PersistentVolumeSpecArgs(
        access_modes=ACCESS_MODES,
        capacity=ANY_SIZE,
        nfs=core.NFSVolumeSourceArgs(server=export.server, path=export.path),
        persistent_volume_reclaim_policy="Retain",
    )


def _bucket(args: RunVolumeArgs, volume: BucketVolume) -> core.PersistentVolumeSpecArgs:
    return core.PersistentVolumeSpecArgs(
        access_modes=ACCESS_MODES,
        capacity=ANY_SIZE,
        claim_ref=core.ObjectReferenceArgs(namespace=args.namespace, name=CLAIM_NAME),  # nobody else's claim takes it
        csi=core.CSIPersistentVolumeSourceArgs(driver=fuse.DRIVER, volume_handle=args.bucket),
        mount_options=fuse.mount_options(volume),
        persistent_volume_reclaim_policy="Retain",
    )


def _bound_to(volume: core.PersistentVolume) -> core.PersistentVolumeClaimSpecArgs:
    return core.PersistentVolumeClaimSpecArgs(
        access_modes=ACCESS_MODES,
        resources=core.VolumeResourceRequirementsArgs(requests=ANY_SIZE),
        storage_class_name="",
        volume_name=volume.metadata.apply(lambda found: str(found.name)),
    )
