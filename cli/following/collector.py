"""The short-lived pod through which a run's files come home. It dies with the job, or of itself, if nobody removes it."""

from __future__ import annotations

import contextlib
import secrets
import time
from collections.abc import Iterator, Mapping
from typing import Any

from burst.cluster import RUN_VOLUME_PATH
from cli.following.api import Api, Object, Rejected, Unreachable
from cli.following.labels import COMPONENT_LABEL, INSTANCE_LABEL, LINEAGE_LABEL, NAME_LABEL, RUN_LABEL
from cli.following.observation import name_of, phase, unscheduled, waiting
from cli.following.troubles import PULLING, STARTING
from trainer.refusal import Refusal

LIFE_SECONDS = 900
"""The cluster itself ends it then."""
START_SECONDS = 180.0
POLL_SECONDS = 0.5
COPIED = (
    "affinity",
    "imagePullSecrets",
    "nodeSelector",
    "priorityClassName",
    "runtimeClassName",
    "securityContext",
    "serviceAccountName",
    "tolerations",
)
"""What it has of the launcher's pod: where it may run, as whom, and with which rights to the image."""
FUSE_PREFIX = "gke-gcsfuse/"
"""Annotations by which GKE mounts a bucket."""
RESTRICTED = {
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "readOnlyRootFilesystem": True,
    "seccompProfile": {"type": "RuntimeDefault"},
}


def manifest(job: Object, *, name: str) -> dict[str, Any]:
    """The pod: the launcher's image and rights, its run volume read-only, and it only waits. Refuses a job without a volume."""
    of_launcher = job["spec"]["mpiReplicaSpecs"]["Launcher"]["template"]
    template = of_launcher["spec"]
    container = template["containers"][0]
    mount = next((each for each in container.get("volumeMounts") or () if each["mountPath"] == RUN_VOLUME_PATH), None)
    volume = next((each for each in template.get("volumes") or () if mount and each["name"] == mount["name"]), None)
    if mount is None or volume is None:
        raise Refusal(
            f"job {name_of(job)} has no volume at {RUN_VOLUME_PATH}",
            expected="a job of hepburst",
            remedy="pulumi up, and attach",
        )
    labels = job["metadata"].get("labels", {})
    annotations = (of_launcher.get("metadata") or {}).get("annotations") or {}
    mounting = {key: value for key, value in annotations.items() if key.startswith(FUSE_PREFIX)}
    kept = {key: labels[key] for key in (NAME_LABEL, INSTANCE_LABEL, RUN_LABEL, LINEAGE_LABEL) if key in labels}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": name,
            "labels": {**kept, COMPONENT_LABEL: "collect"},
            **({"annotations": mounting} if mounting else {}),
            "ownerReferences": [_owner(job)],
        },
        "spec": {
            **{key: template[key] for key in COPIED if key in template},
            "activeDeadlineSeconds": LIFE_SECONDS,
            "automountServiceAccountToken": False,
            "enableServiceLinks": False,
            "restartPolicy": "Never",
            "terminationGracePeriodSeconds": 0,
            "containers": [
                {
                    "name": "collect",
                    "image": container["image"],
                    **({"imagePullPolicy": container["imagePullPolicy"]} if "imagePullPolicy" in container else {}),
                    "command": ["sleep", str(LIFE_SECONDS)],
                    "securityContext": {**RESTRICTED, **(container.get("securityContext") or {})},
                    "resources": {"requests": {"cpu": "50m"}, "limits": {"cpu": "500m", "memory": "256Mi"}},
                    "volumeMounts": [{**mount, "readOnly": True}],
                }
            ],
            "volumes": [volume],
        },
    }


def _owner(job: Object) -> dict[str, Any]:
    """Not its controller: the operator counts those."""
    return {
        "apiVersion": job.get("apiVersion", "kubeflow.org/v2beta1"),
        "kind": job.get("kind", "MPIJob"),
        "name": name_of(job),
        "uid": job["metadata"]["uid"],
        "controller": False,
        "blockOwnerDeletion": False,
    }


@contextlib.contextmanager
def collector(api: Api, job: Object, namespace: str) -> Iterator[str]:
    """The name of the pod, which runs; it is removed in the end, also after Ctrl-C. Refuses what keeps it from running."""
    run_id = job["metadata"].get("labels", {}).get(RUN_LABEL, "run")
    pod = f"collect-{run_id}-{secrets.token_hex(3)}"
    path = f"/api/v1/namespaces/{namespace}/pods"
    body = manifest(job, name=pod)
    try:
        try:
            api.post(path, body)
        except Rejected as rejected:
            if rejected.is_passing:
                raise Unreachable(str(rejected)) from None
            raise _refused(rejected.said, "room and rights for one small pod") from None
        _wait(api, f"{path}/{pod}")
        yield pod
    finally:
        with contextlib.suppress(Unreachable, Rejected):  # then its deadline ends it, or the end of the job
            api.delete(f"{path}/{pod}", {"gracePeriodSeconds": 0})


def _wait(api: Api, path: str) -> None:
    deadline = time.monotonic() + START_SECONDS
    while True:
        pod = api.get(path)
        if phase(pod) == "Running":
            return
        why = _hopeless(pod)
        if why or time.monotonic() > deadline:
            raise _refused(why or unscheduled(pod) or f"not running after {START_SECONDS:.0f} s", "a pod that runs")
        time.sleep(POLL_SECONDS)


def _hopeless(pod: Mapping[str, Any]) -> str:
    state = waiting(pod)
    if state and state[0] in (*PULLING, *STARTING):
        return f"{state[0]}: {state[1]}"
    return f"it is {phase(pod).lower()}" if phase(pod) in ("Failed", "Succeeded") else ""


def _refused(why: str, expected: str) -> Refusal:
    return Refusal(
        f"the pod that fetches the results cannot run: {why}",
        expected=expected,
        remedy="mend that, then attach again: the results stay on the run volume",
    )
