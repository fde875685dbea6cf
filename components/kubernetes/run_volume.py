"""The volume with a burst's data and runs. Owns a claim that it makes; not one that is there, nor what is on an NFS server."""

from __future__ import annotations

from dataclasses import dataclass

from pulumi import ComponentResource, Input, Output, ResourceOptions
from pulumi_kubernetes.core import v1 as core
from pulumi_kubernetes.meta.v1 import ObjectMetaArgs

from burst.cluster import ExistingClaim, NewVolume, NfsExport
from components.kubernetes.pods import gibibytes, labels

ACCESS_MODES = ["ReadWriteMany"]
"""The launcher and all workers write to it, from several nodes."""
CLAIM_NAME = "runs"
NFS_SIZE = {"storage": "1Gi"}
"""An NFS server has limits of its own, but the API asks for a number."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunVolumeArgs:
    """Which volume, for which stack."""

    stack: str
    namespace: Input[str]
    volume: NewVolume | ExistingClaim | NfsExport


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
                self.claim_name = self._claim(name, args, _on_nfs(self._nfs_volume(name, args.stack, args.volume)))
        self.register_outputs({"claim_name": self.claim_name})

    def _nfs_volume(self, name: str, stack: str, export: NfsExport) -> core.PersistentVolume:
        spec = core.PersistentVolumeSpecArgs(
            access_modes=ACCESS_MODES,
            capacity=NFS_SIZE,
            nfs=core.NFSVolumeSourceArgs(server=export.server, path=export.path),
            persistent_volume_reclaim_policy="Retain",
            storage_class_name="",
        )
        # Volumes are the whole cluster's: the name says whose it is.
        metadata = ObjectMetaArgs(name=f"hepburst-{stack}-{CLAIM_NAME}", labels=labels(stack))
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


def _on_nfs(volume: core.PersistentVolume) -> core.PersistentVolumeClaimSpecArgs:
    return core.PersistentVolumeClaimSpecArgs(
        access_modes=ACCESS_MODES,
        resources=core.VolumeResourceRequirementsArgs(requests=NFS_SIZE),
        storage_class_name="",
        volume_name=volume.metadata.apply(lambda found: str(found.name)),
    )
