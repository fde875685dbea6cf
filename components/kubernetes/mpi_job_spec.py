"""An MPIJob as its API writes it (kubeflow.org/v2beta1), as plain values: pure, so that its test needs no engine."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from burst.cluster import DATA_FOLDER, RUN_VOLUME_PATH, RUNS_FOLDER, Workers
from components.kubernetes.fuse import FuseSidecar
from components.kubernetes.launcher_rights import TOKEN_PATH, token_mount, token_volume
from components.kubernetes.pods import LINEAGE_LABEL, RUN_LABEL, container_security, cpus, gibibytes, labels, pod_security
from trainer.contract import RUN_FILE, RunConfig

CONFIG_PATH = "/etc/hepburst"
SSH_PATH = "/home/mpiuser/.ssh"
"""Where the operator mounts the keys by which the launcher reaches the workers."""
SSHD = ["/usr/sbin/sshd", "-De", "-f", "/home/mpiuser/.sshd_config"]
LAUNCHER_CPUS, LAUNCHER_MEMORY_GIB = 0.2, 1.0
"""It starts the ranks and reads what they say."""
RANKS_GRACE_SECONDS, LAUNCHER_GRACE_SECONDS, WORKER_GRACE_SECONDS = 45, 60, 5
"""From the order to stop to the kill: of the ranks, a step and its checkpoint; the launcher outlives them, and stops them."""
CACHE_PATH = "/tmp/cache"  # noqa: S108 - of the pod alone
ACCOUNT = "trainer"
JOB_VARIABLE, JOB_LABEL = "JOB_UID", "batch.kubernetes.io/controller-uid"
"""Of the launcher: which Job made its pod, by Kubernetes' own label."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobManifest:
    """All that an MPIJob says."""

    stack: str
    run: RunConfig
    image: str
    workers: Workers
    claim_name: str
    pull_secret: str = ""
    data_secret: str = ""
    fuse_sidecar: FuseSidecar | None = None
    """Where the run volume is a bucket."""


def job_name_of(run_id: str) -> str:
    """The name of a run's job, and of its configuration."""
    return f"train-{run_id}"


def labels_of(stack: str, run: RunConfig) -> dict[str, str]:
    """Of a run's job, configuration and pods."""
    return {**labels(stack), RUN_LABEL: run.run_id(), LINEAGE_LABEL: run.lineage_id()}


def run_folder(run: RunConfig) -> str:
    """Where a run's folder is in its pods."""
    return f"{RUN_VOLUME_PATH}/{RUNS_FOLDER}/{run.lineage_id()}"


def mpi_job_spec(job: JobManifest) -> dict[str, Any]:
    """`spec` of the MPIJob, as plain values of its API (kubeflow.org/v2beta1).

    An elastic job's launcher starts at once and takes the workers as they come; a static one's when all are ready. On rented
    nodes it starts at once also, as it has the clock that gives them back.
    """
    workers, run = job.workers, job.run
    launcher = _container("launcher", job.image, ["python", *launcher_arguments(run, workers)])
    launcher["resources"] = _resources(LAUNCHER_CPUS, LAUNCHER_MEMORY_GIB)
    launcher["env"] = _variables(run, workers)
    if workers.gang_seconds:
        launcher["volumeMounts"].append(token_mount())
    if job.data_secret:
        launcher["envFrom"] = [{"secretRef": {"name": job.data_secret}}]
    own_volumes = [token_volume()] if workers.gang_seconds else []
    worker = _container("worker", job.image, SSHD)
    worker["resources"] = _resources(workers.slots * workers.cpus_per_rank, workers.slots * workers.memory_gib_per_rank)
    if workers.accelerator:
        worker["resources"]["limits"][workers.accelerator_resource] = str(workers.slots)
    return {
        "slotsPerWorker": workers.slots,
        "mpiImplementation": "OpenMPI",
        "sshAuthMountPath": SSH_PATH,
        "launcherCreationPolicy": "AtStartup" if workers.is_elastic or workers.gang_seconds else "WaitForWorkersReady",
        "runPolicy": {"cleanPodPolicy": "Running", "backoffLimit": workers.max_restarts},
        "mpiReplicaSpecs": {
            "Launcher": {
                "replicas": 1,
                "restartPolicy": "Never",
                "template": _pod(launcher, job, LAUNCHER_GRACE_SECONDS, volumes=own_volumes),
            },
            "Worker": {
                "replicas": workers.num_workers,
                "restartPolicy": "OnFailure",  # the operator makes a worker anew that is gone, and not one that failed
                "template": _pod(worker, job, WORKER_GRACE_SECONDS, placed=_placed(workers)),
            },
        },
    }


def launcher_arguments(run: RunConfig, workers: Workers) -> list[str]:
    """What the launcher's Python is told to do."""
    arguments = ["-m", "trainer.pods", f"{CONFIG_PATH}/{RUN_FILE}", "--out", run_folder(run)]
    arguments += ["--grace-seconds", str(RANKS_GRACE_SECONDS)]
    if workers.gang_seconds:
        arguments += ["--gang-seconds", str(workers.gang_seconds), "--job", f"$({JOB_VARIABLE})", "--token", TOKEN_PATH]
    return arguments + (["--elastic", "--min-ranks", str(workers.min_ranks)] if workers.is_elastic else [])


def environment(run: RunConfig) -> dict[str, str]:
    """Of the launcher, which hands it to the ranks. Data at an s3:// address are fetched once, for all pods."""
    fetched = {"HEPBURST_DATA_CACHE": f"{RUN_VOLUME_PATH}/{DATA_FOLDER}/cache"} if run.data_path.startswith("s3://") else {}
    return {"XDG_CACHE_HOME": CACHE_PATH, **fetched}


def _variables(run: RunConfig, workers: Workers) -> list[dict[str, Any]]:
    plain: list[dict[str, Any]] = [{"name": name, "value": value} for name, value in environment(run).items()]
    job = {"name": JOB_VARIABLE, "valueFrom": {"fieldRef": {"fieldPath": f"metadata.labels['{JOB_LABEL}']"}}}
    return [*plain, job] if workers.gang_seconds else plain


def _container(name: str, image: str, command: list[str]) -> dict[str, Any]:
    return {
        "name": name,
        "image": image,
        "command": command,
        "securityContext": container_security(),
        "volumeMounts": [
            {"name": "config", "mountPath": CONFIG_PATH, "readOnly": True},
            {"name": "runs", "mountPath": RUN_VOLUME_PATH},
            {"name": "shared-memory", "mountPath": "/dev/shm"},  # noqa: S108 - where Gloo, NCCL and Python's queues look for it
            {"name": "temporary", "mountPath": "/tmp"},  # noqa: S108 - of the pod alone
        ],
    }


def _resources(num_cpus: float, memory_gib: float) -> dict[str, dict[str, str]]:
    """Without a limit of CPU: a rank may use what others leave idle, and is never throttled in the middle of a step."""
    return {"requests": {"cpu": cpus(num_cpus)}, "limits": {"memory": gibibytes(memory_gib)}}


def _pod(
    container: dict[str, Any],
    job: JobManifest,
    grace_seconds: int,
    *,
    placed: dict[str, Any] | None = None,
    volumes: Sequence[dict[str, Any]] = (),
) -> dict[str, Any]:
    """The template of a pod; `placed` says on which nodes, `volumes` are beside those that all have."""
    secrets = {"imagePullSecrets": [{"name": job.pull_secret}]} if job.pull_secret else {}
    spec = {
        "serviceAccountName": ACCOUNT,
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "securityContext": pod_security(),
        "terminationGracePeriodSeconds": grace_seconds,
        "containers": [container],
        "volumes": [
            {"name": "config", "configMap": {"name": job_name_of(job.run.run_id())}},
            {"name": "runs", "persistentVolumeClaim": {"claimName": job.claim_name}},
            {"name": "shared-memory", "emptyDir": {"medium": "Memory", "sizeLimit": gibibytes(job.workers.shared_memory_gib)}},
            {"name": "temporary", "emptyDir": {}},
            *volumes,
        ],
        **secrets,
        **(placed or {}),
    }
    metadata: dict[str, Any] = {"labels": labels_of(job.stack, job.run)}
    if job.fuse_sidecar:
        metadata["annotations"] = job.fuse_sidecar.annotations()
    return {"metadata": metadata, "spec": spec}


def _placed(workers: Workers) -> dict[str, Any]:
    placed = {"affinity": affinity(workers), "tolerations": tolerations(workers)}
    return {name: value for name, value in placed.items() if value}


def affinity(workers: Workers) -> dict[str, Any] | None:
    """To nodes of any of the groups; None where a group says nothing of its nodes, so that any will do."""
    if not all(group.node_labels for group in workers.groups):
        return None
    terms = [
        {"matchExpressions": [{"key": key, "operator": "In", "values": [value]} for key, value in group.node_labels]}
        for group in workers.groups
    ]
    return {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": terms}}}


def tolerations(workers: Workers) -> list[dict[str, str]]:
    """As the API writes them; GPU nodes are mostly tainted with the name of their resource, which is put up with of itself."""
    own = [{"key": workers.accelerator_resource, "operator": "Exists", "effect": "NoSchedule"}] if workers.accelerator else []
    return own + [
        {
            "key": each.key,
            **({"operator": "Equal", "value": each.value} if each.value else {"operator": "Exists"}),
            **({"effect": each.effect} if each.effect else {}),
        }
        for each in workers.tolerations
    ]
