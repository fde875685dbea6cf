"""A job, its pods and events as the API gives them, cut to what is read of them."""

from __future__ import annotations

import json
from typing import Any

from cli.following.observation import Observation

JOB = "train-0a1b2c"
RUN_LABELS = {
    "app.kubernetes.io/name": "hepburst",
    "app.kubernetes.io/instance": "onprem",
    "hepburst.io/run-id": "0a1b2c",
    "hepburst.io/lineage-id": "f00d",
}
IMAGE = "registry.example.org/trainer@sha256:0a"


def job(
    *conditions: str, suspend: bool = False, queue: str = "", failed: int = 0, has_ended: bool | None = None
) -> dict[str, Any]:
    """With conditions that hold."""
    ended = bool({"Succeeded", "Failed"} & set(conditions)) if has_ended is None else has_ended
    template = {
        "spec": {
            "securityContext": {"runAsNonRoot": True, "runAsUser": 1000},
            "serviceAccountName": "trainer",
            "tolerations": [{"operator": "Exists"}],
            "containers": [
                {
                    "name": "launcher",
                    "image": IMAGE,
                    "securityContext": {"readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]}},
                    "volumeMounts": [
                        {"name": "config", "mountPath": "/etc/hepburst"},
                        {"name": "runs", "mountPath": "/mnt/hepburst"},
                    ],
                }
            ],
            "volumes": [
                {"name": "config", "configMap": {"name": JOB}},
                {"name": "runs", "persistentVolumeClaim": {"claimName": "runs"}},
            ],
        }
    }
    return {
        "apiVersion": "kubeflow.org/v2beta1",
        "kind": "MPIJob",
        "metadata": {
            "name": JOB,
            "uid": "job-uid",
            "resourceVersion": "1",
            "creationTimestamp": "2026-11-24T16:00:00Z",
            "labels": {**RUN_LABELS, **({"kueue.x-k8s.io/queue-name": queue} if queue else {})},
        },
        "spec": {
            "runPolicy": {"backoffLimit": 6, "suspend": suspend},
            "mpiReplicaSpecs": {"Launcher": {"replicas": 1, "template": template}, "Worker": {"replicas": 2}},
        },
        "status": {
            "conditions": [
                {"type": kind, "status": "True", "reason": f"MPIJob{kind}", "message": f"it is {kind}"} for kind in conditions
            ],
            "replicaStatuses": {"Launcher": {"failed": failed}},
            **({"completionTime": "2026-11-24T16:10:00Z"} if ended else {}),
        },
    }


def pod(
    name: str, phase: str = "Running", *, minute: int = 1, state: dict[str, Any] | None = None, **status: Any
) -> dict[str, Any]:
    """`launcher-x` or `worker-0` of the job."""
    role = name.partition("-")[0]
    return {
        "metadata": {
            "name": f"{JOB}-{name}",
            "uid": f"uid-{name}",
            "resourceVersion": "1",
            "creationTimestamp": f"2026-11-24T16:{minute:02d}:00Z",
            "labels": {**RUN_LABELS, "training.kubeflow.org/job-name": JOB, "training.kubeflow.org/job-role": role},
        },
        "spec": {"containers": [{"name": role, "image": IMAGE}]},
        "status": {"phase": phase, "containerStatuses": [{"name": role, "state": state or {}}], **status},
    }


def waits(reason: str, message: str = "") -> dict[str, Any]:
    """The state of a container."""
    return {"waiting": {"reason": reason, "message": message}}


def ended(exit_code: int, message: str = "", reason: str = "Error") -> dict[str, Any]:
    """The state of a container."""
    return {"terminated": {"exitCode": exit_code, "reason": reason, "message": message}}


def words(status: str, message: str, *lines: str) -> str:
    """A launcher's termination message."""
    return json.dumps({"status": status, "message": message, "run_id": "0a1b2c", "last_words": lines})


def unscheduled(message: str) -> dict[str, Any]:
    """Of a pod's status."""
    return {"conditions": [{"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": message}]}


def event(reason: str, message: str, *, on: str = JOB, kind: str = "MPIJob", **more: Any) -> dict[str, Any]:
    """A warning on the job, or on what `on` names."""
    return {
        "metadata": {"name": f"{on}.{reason}", "uid": f"{on}.{reason}", "resourceVersion": "1"},
        "involvedObject": {"kind": kind, "name": on, "uid": "job-uid" if on == JOB else "other"},
        "type": "Warning",
        "reason": reason,
        "message": message,
        **more,
    }


def seen(the_job: dict[str, Any] | None, *pods: dict[str, Any], events: tuple[dict[str, Any], ...] = ()) -> Observation:
    """All of them."""
    return Observation(job=the_job, pods=pods, events=events)
