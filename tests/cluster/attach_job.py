"""A job by hand, whose launcher says and leaves what a run does without training: a namespace, a volume, an MPIJob."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import time
from pathlib import Path
from typing import Any

import yaml

from burst.cluster import ClusterAccess
from burst.spec import Burst
from cli.following.access import connect
from cli.following.api import Rejected
from cli.following.jobs import JOBS_PATH
from cli.following.labels import COMPONENT_LABEL, INSTANCE_LABEL, JOB_LABEL, LINEAGE_LABEL, NAME_LABEL, ROLE_LABEL, RUN_LABEL
from engine.places import REHEARSAL
from trainer.contract import RunResult, RunStatus, Segment

GONE_SECONDS = 60.0
BEST_BYTES = 24_000_000
ACCESS = ClusterAccess(kubeconfig=str(REHEARSAL / "kubeconfig"), context="rehearsal", namespace="")
RESTRICTED = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}, "readOnlyRootFilesystem": True}
POD = {
    "runAsNonRoot": True,
    "runAsUser": 1000,
    "runAsGroup": 1000,
    "fsGroup": 1000,
    "seccompProfile": {"type": "RuntimeDefault"},
}

SCRIPT = """
import json, os, pathlib, sys, time
plan = json.loads(os.environ["PLAN"])
folder = pathlib.Path("/mnt/hepburst/runs") / plan["lineage_id"]
(folder / "checkpoints").mkdir(parents=True, exist_ok=True)
attempts = folder / "attempts"
attempt = int(attempts.read_text()) + 1 if attempts.exists() else 1
attempts.write_text(str(attempt))
events = (folder / "events.jsonl").open("a")
def emit(event, **members):
    line = json.dumps({"event": event, "unix_seconds": round(time.time(), 3), **members})
    events.write(line + "\\n"); events.flush()
    print(line, flush=True)
start = 0 if attempt == 1 else plan["fails_at"]
emit("phase", name="loading")
emit("phase", name="training", **({"resumed_at_step": start} if start else {}))
print("a line on stderr", file=sys.stderr, flush=True)
for step in range(start + 1, plan["num_steps"] + 1):
    time.sleep(plan["step_seconds"])
    progress = {"epoch": 1, "num_epochs": 1, "step": step, "num_steps": plan["num_steps"]}
    emit("step", **progress, samples_per_second=100.0, seconds_left=1.0, losses={})
    if step == plan["fails_at"] and attempt <= plan["num_failures"]:
        last = {"status": "failed", "message": "rank 1 died", "last_words": ["RuntimeError: no", "Killed"]}
        pathlib.Path("/dev/termination-log").write_text(json.dumps(last))
        sys.exit(1)
(folder / "checkpoints" / "best.pt").write_bytes(os.urandom(plan["best_bytes"]))
(folder / "run.json").write_text(json.dumps(plan["run"]))
(folder / "result.json").write_text(json.dumps(plan["result"]))
emit("finished", status="succeeded", message="1 epochs trained")
"""


class Namespace:
    """Of a test; everything in it goes with it."""

    def __init__(self, name: str) -> None:
        self.access = dataclasses.replace(ACCESS, namespace=name)
        self.api = connect(self.access)
        self.path = f"/api/v1/namespaces/{name}"

    def make(self) -> None:
        self.api.post("/api/v1/namespaces", {"metadata": {"name": self.access.namespace, "labels": _restricted()}})
        self._until(lambda: self._has("serviceaccounts/default"), "service account")
        claim = {
            "accessModes": ["ReadWriteMany"],
            "storageClassName": "rehearsal",
            "resources": {"requests": {"storage": "1Gi"}},
        }
        self.api.post(f"{self.path}/persistentvolumeclaims", {"metadata": {"name": "runs"}, "spec": claim})

    def remove(self) -> None:
        """Begin to; `wait_until_gone` waits."""
        self.api.delete(self.path, {"propagationPolicy": "Background"})

    def wait_until_gone(self) -> None:
        self._until(lambda: not self._has(""), "end of the namespace")
        self.api.close()

    def submit(self, burst: Burst, *, image: str = "", **plan: Any) -> None:
        """A job of the burst's run."""
        job = mpi_job(burst, image=image or (REHEARSAL / "image").read_text().strip(), plan=plan)
        self.api.post(JOBS_PATH.format(namespace=self.access.namespace), job)

    def kubeconfig_of(self, account: str, rules: list[dict[str, Any]]) -> dict[str, Any]:
        """A kubeconfig of a service account that may do this in the namespace, and nothing else."""
        rights = f"/apis/rbac.authorization.k8s.io/v1/namespaces/{self.access.namespace}"
        own = {"metadata": {"name": account}}
        self.api.post(f"{self.path}/serviceaccounts", own)
        self.api.post(f"{rights}/roles", {**own, "rules": rules})
        role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": account}
        subject = {"kind": "ServiceAccount", "name": account, "namespace": self.access.namespace}
        self.api.post(f"{rights}/rolebindings", {**own, "roleRef": role, "subjects": [subject]})
        token = self.api.post(f"{self.path}/serviceaccounts/{account}/token", {"spec": {"expirationSeconds": 3600}})
        shipped = yaml.safe_load(Path(self.access.kubeconfig).read_text())
        user = {"token": token["status"]["token"]}
        return {**shipped, "users": [{**each, "user": user} for each in shipped["users"]]}

    def pods(self, role: str) -> list[dict[str, Any]]:
        """The launchers, or the workers."""
        found = self.api.get(f"{self.path}/pods", labelSelector=f"{JOB_LABEL},{ROLE_LABEL}={role}")
        return list(found["items"])

    def is_training(self) -> bool:
        """Whether a launcher runs."""
        return any(pod["status"]["phase"] == "Running" for pod in self.pods("launcher"))

    def collectors(self) -> list[dict[str, Any]]:
        """Pods that fetch results."""
        return list(self.api.get(f"{self.path}/pods", labelSelector=f"{COMPONENT_LABEL}=collect")["items"])

    def kill(self, pod: dict[str, Any]) -> None:
        self.api.delete(f"{self.path}/pods/{pod['metadata']['name']}", {"gracePeriodSeconds": 0})

    def _has(self, name: str) -> bool:
        with contextlib.suppress(Rejected):
            return bool(self.api.get(f"{self.path}/{name}".rstrip("/")))
        return False

    def _until(self, happens: Any, what: str) -> None:
        deadline = time.monotonic() + GONE_SECONDS
        while not happens():
            assert time.monotonic() < deadline, f"no {what} of {self.access.namespace}"
            time.sleep(0.2)


def _restricted() -> dict[str, str]:
    return {"pod-security.kubernetes.io/enforce": "restricted"}


def mpi_job(burst: Burst, *, image: str, plan: dict[str, Any]) -> dict[str, Any]:
    """One worker that sleeps, and a launcher that follows the plan."""
    run = burst.workload.run
    whole = {
        "run_id": run.run_id(),
        "lineage_id": run.lineage_id(),
        "run": run.to_dict(),
        "result": result(burst).to_dict(),
        "num_steps": 12,
        "step_seconds": 0.25,
        "fails_at": 5,
        "num_failures": 0,
        "best_bytes": BEST_BYTES,
        **plan,
    }
    labels = {
        NAME_LABEL: "hepburst",
        INSTANCE_LABEL: burst.name,
        RUN_LABEL: run.run_id(),
        LINEAGE_LABEL: run.lineage_id(),
    }
    backoff_limit = whole.pop("backoff_limit", 2)
    launcher = _pod("launcher", image, ["python", "-c", SCRIPT], {"PLAN": json.dumps(whole)})
    worker = _pod("worker", image, ["sleep", "600"], {})
    return {
        "apiVersion": "kubeflow.org/v2beta1",
        "kind": "MPIJob",
        "metadata": {"name": f"train-{run.run_id()}", "labels": labels},
        "spec": {
            "slotsPerWorker": 1,
            "launcherCreationPolicy": "WaitForWorkersReady",
            "sshAuthMountPath": "/home/mpiuser/.ssh",
            "runPolicy": {"cleanPodPolicy": "Running", "backoffLimit": backoff_limit},
            "mpiReplicaSpecs": {
                "Launcher": {
                    "replicas": 1,
                    "restartPolicy": "Never",
                    "template": {"metadata": {"labels": labels}, "spec": launcher},
                },
                "Worker": {
                    "replicas": 1,
                    "restartPolicy": "Never",
                    "template": {"metadata": {"labels": labels}, "spec": worker},
                },
            },
        },
    }


def _pod(name: str, image: str, command: list[str], environment: dict[str, str]) -> dict[str, Any]:
    return {
        "securityContext": POD,
        "terminationGracePeriodSeconds": 1,
        "containers": [
            {
                "name": name,
                "image": image,
                "command": command,
                "env": [{"name": key, "value": value} for key, value in environment.items()],
                "securityContext": RESTRICTED,
                "resources": {"requests": {"cpu": "20m"}, "limits": {"memory": "256Mi"}},
                "volumeMounts": [{"name": "runs", "mountPath": "/mnt/hepburst"}],
            }
        ],
        "volumes": [{"name": "runs", "persistentVolumeClaim": {"claimName": "runs"}}],
    }


def result(burst: Burst) -> RunResult:
    """What such a launcher leaves."""
    run = burst.workload.run
    return RunResult(
        run_id=run.run_id(),
        lineage_id=run.lineage_id(),
        status=RunStatus.SUCCEEDED,
        message="1 epochs trained",
        num_epochs=1,
        num_steps=12,
        num_ranks=2,
        train_seconds=3.0,
        samples_per_second=100.0,
        segments=(Segment(started_unix_seconds=1.8e9, seconds=4.0, cpu_seconds=2.0),),
        losses={"generator": 1.0},
        physics={},
        checkpoint="checkpoints/best.pt",
        checkpoint_sha256="",
        environment={},
    )


def run_folder(home: Path, burst: Burst) -> Path:
    """Where it comes home."""
    return home / ".hepburst" / burst.name / "runs" / burst.workload.run.lineage_id()
