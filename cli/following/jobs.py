"""Which objects belong to a stack's job, and where the API has them."""

from __future__ import annotations

from http import HTTPStatus

from burst.cluster import ClusterAccess
from cli.following.access import no_operator, refusal_of
from cli.following.api import Api, Object, Rejected, Unreachable
from cli.following.labels import INSTANCE_LABEL, JOB_LABEL, RUN_LABEL
from cli.following.observation import name_of
from cli.following.watching import Kind
from trainer.refusal import Refusal, closest

JOBS_PATH = "/apis/kubeflow.org/v2beta1/namespaces/{namespace}/mpijobs"


def find(api: Api, access: ClusterAccess, *, stack: str, run_id: str | None) -> Object:
    """The newest job of a stack, or that of a run. Refuses, with a remedy, all that keeps us from it and from its pods."""
    path = JOBS_PATH.format(namespace=access.namespace)
    server = api.server
    try:
        found = api.get(path, labelSelector=f"{INSTANCE_LABEL}={stack}").get("items") or []
        for kind in kinds(access.namespace, "none"):
            kind.listed(api)
    except Rejected as rejected:
        if rejected.status == HTTPStatus.NOT_FOUND:
            raise no_operator(access) from None
        raise refusal_of(rejected, access, server=server) from None
    except Unreachable as problem:
        raise refusal_of(problem, access, server=server) from None
    runs = [_run_of(job) for job in found]
    chosen = [job for job in found if run_id in (None, _run_of(job))]
    if not chosen:
        got = f"stack {stack} has no job in namespace {access.namespace}"
        if run_id is not None and runs:
            got = f"stack {stack} has no job of run {run_id}{closest(run_id, runs)}"
            raise Refusal(got, expected=f"one of {', '.join(runs)}", remedy="correct --run")
        raise Refusal(got, expected="one that was accepted", remedy=f"pulumi up -s {stack}")
    newest: Object = max(chosen, key=lambda job: (job["metadata"]["creationTimestamp"], name_of(job)))
    return newest


def _run_of(job: Object) -> str:
    return str(job["metadata"].get("labels", {}).get(RUN_LABEL, ""))


def job_kind(namespace: str, job: str) -> Kind:
    """The job itself."""
    return Kind(name="jobs", path=JOBS_PATH.format(namespace=namespace), query=(("fieldSelector", f"metadata.name={job}"),))


def kinds(namespace: str, job: str) -> tuple[Kind, ...]:
    """All that is to be watched of a job: itself, its pods, and the events that explain what is missing."""
    return (
        job_kind(namespace, job),
        Kind(name="pods", path=f"/api/v1/namespaces/{namespace}/pods", query=(("labelSelector", f"{JOB_LABEL}={job}"),)),
        Kind(name="events", path=f"/api/v1/namespaces/{namespace}/events", keep=lambda event: _explains(event, job)),
    )


def _explains(event: Object, job: str) -> bool:
    """Whether an event is on the job, its pods, or Kueue's object for it, and is worth keeping."""
    is_of_queue = event["involvedObject"].get("kind") == "Workload"
    return job in event["involvedObject"].get("name", "") and (is_of_queue or event.get("type") == "Warning")


def pod_log_path(namespace: str, pod: str) -> str:
    """Where a pod's log is."""
    return f"/api/v1/namespaces/{namespace}/pods/{pod}/log"
