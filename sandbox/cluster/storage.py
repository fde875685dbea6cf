"""Volumes for claims of the storage classes here: `python -m sandbox.cluster.storage KUBECONFIG FOLDER`.

Each claim gets a folder of this machine that any number of pods may read and write, and that goes away with the claim. It
serves what a real cluster has NFS or a parallel file system for.
"""

from __future__ import annotations

import os
import shutil
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from sandbox.cluster.api import Api, ApiError, Manifest
from sandbox.cluster.places import CONTEXT, Places
from sandbox.cluster.processes import Program
from sandbox.cluster.trainer_rootfs import USER_ID

STORAGE = "storage"
PROVISIONER = "hepburst.io/rehearsal"
CLASSES = (CONTEXT, "standard-rwx")
"""Our own, and GKE's class of Filestore, for bursts that are rehearsed here: the forecast has its price."""
LOOK_SECONDS = 0.5
_PROVISIONED_BY = "pv.kubernetes.io/provisioned-by"
_VOLUMES = "/api/v1/persistentvolumes"


def storage_class(name: str) -> Manifest:
    """A class itself. It is not the default: a claim must name it."""
    return {
        "apiVersion": "storage.k8s.io/v1",
        "kind": "StorageClass",
        "metadata": {"name": name},
        "provisioner": PROVISIONER,
        "reclaimPolicy": "Delete",
        "volumeBindingMode": "Immediate",
    }


def storage(places: Places) -> Program:
    """The program that makes and removes the volumes."""
    command = (sys.executable, "-m", "sandbox.cluster.storage", str(places.kubeconfig), str(places.volumes))
    return Program(name=STORAGE, command=command)


def volume(claim: Manifest, folder: Path) -> Manifest:
    """The volume for a claim: a folder of its own under `folder`, kept for that claim alone."""
    meta, spec = claim["metadata"], claim["spec"]
    name = f"pvc-{meta['uid']}"
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {"name": name, "annotations": {_PROVISIONED_BY: PROVISIONER}},
        "spec": {
            "storageClassName": spec["storageClassName"],
            "capacity": {"storage": spec["resources"]["requests"]["storage"]},
            "accessModes": spec["accessModes"],
            "persistentVolumeReclaimPolicy": "Delete",
            "hostPath": {"path": str(folder / name), "type": "Directory"},
            "claimRef": {
                "apiVersion": "v1",
                "kind": "PersistentVolumeClaim",
                **{key: meta[key] for key in ("name", "namespace", "uid")},
            },
        },
    }


def look(api: Api, folder: Path) -> None:
    """Provide for claims that have nothing yet, and clear up after those that are gone."""
    volumes = {one["metadata"]["name"]: one for one in api.items(_VOLUMES)}
    for claim in api.items("/api/v1/persistentvolumeclaims"):
        if claim["spec"].get("storageClassName") in CLASSES and not claim["spec"].get("volumeName"):
            wanted = volume(claim, folder)
            if wanted["metadata"]["name"] not in volumes and not claim["metadata"].get("deletionTimestamp"):
                _make(Path(wanted["spec"]["hostPath"]["path"]))
                api.request("POST", _VOLUMES, wanted)
    for name, one in volumes.items():
        ours = (one["metadata"].get("annotations") or {}).get(_PROVISIONED_BY) == PROVISIONER
        if ours and (one.get("status") or {}).get("phase") == "Released":
            path = Path(one["spec"]["hostPath"]["path"])
            if path.parent == folder:
                shutil.rmtree(path, ignore_errors=True)
            api.delete(f"{_VOLUMES}/{name}")


def _make(path: Path) -> None:
    path.mkdir(parents=True, exist_ok=True)
    path.chmod(0o770)
    os.chown(path, USER_ID, USER_ID)


def main(arguments: Sequence[str]) -> None:
    """Look, again and again; the API server may be away for a while."""
    kubeconfig, folder = map(Path, arguments)
    api = Api(kubeconfig)
    while True:
        try:
            look(api, folder)
        except (ApiError, OSError) as problem:
            print(problem, flush=True)
        time.sleep(LOOK_SECONDS)


if __name__ == "__main__":
    main(sys.argv[1:])
