"""Where a job is, as a person would say it. Pure: an observation in, a situation out."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from enum import StrEnum

from cli.following.api import Object
from cli.following.labels import QUEUE_LABEL
from cli.following.observation import (
    INCOMPLETE,
    Observation,
    condition,
    how_it_ended,
    is_ended,
    is_leaving,
    is_running,
    last_words,
    line,
    name_of,
    phase,
    unscheduled,
    waiting,
)
from cli.following.troubles import GANG_REMEDY, PULLING, Trouble, troubles


class Stage(StrEnum):
    """Of a job, in the order in which it goes through them."""

    GONE = "gone"
    CREATED = "created"
    QUEUED = "queued"
    PENDING = "pending"
    STARTING = "starting"
    RUNNING = "running"
    RESTARTING = "restarting"
    SUCCEEDED = "succeeded"
    FAILED = "failed"

    @property
    def is_end(self) -> bool:
        """Whether nothing more will happen."""
        return self in (Stage.GONE, Stage.SUCCEEDED, Stage.FAILED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """At one moment."""

    stage: Stage
    text: str
    """What to say once, as long as it stays the same."""
    state: str
    """What may change often: how many pods are there."""
    troubles: tuple[Trouble, ...] = ()
    running_workers: frozenset[str] = frozenset()
    gone_workers: tuple[tuple[str, str], ...] = ()
    """Names of workers that ended or are leaving, and how."""
    launcher: Object | None = None
    """The pod of the last attempt."""


def situation(seen: Observation) -> Situation:
    """What to say of an observation."""
    if seen.job is None:
        return Situation(stage=Stage.GONE, text="the job is gone: it was deleted from the cluster", state="")
    stage, text = _stage(seen, seen.job)
    wanted = _num_workers(seen.job)
    running = frozenset(name_of(pod) for pod in seen.workers if is_running(pod))
    return Situation(
        stage=stage,
        text=text,
        state="" if stage.is_end else f"{len(running)} of {wanted} workers running",
        troubles=() if stage.is_end else tuple(troubles(seen)),
        running_workers=running,
        gone_workers=tuple((name_of(pod), how_it_ended(pod)) for pod in seen.workers if is_ended(pod) or is_leaving(pod)),
        launcher=seen.launchers[-1] if seen.launchers else None,
    )


def lost_workers(before: Situation, after: Situation) -> list[str]:
    """Sentences on workers that ran and do no more, while the job goes on."""
    if (
        after.stage.is_end
        or after.stage is Stage.QUEUED
        or (after.launcher is not None and phase(after.launcher) == "Succeeded")
    ):
        return []
    ends = dict(after.gone_workers)
    lost = sorted(before.running_workers - after.running_workers)
    return [f"worker lost: {name} ({ends.get(name, 'deleted')})" for name in lost]


def _stage(seen: Observation, job: Object) -> tuple[Stage, str]:
    if condition(job, "Succeeded"):
        return Stage.SUCCEEDED, "succeeded"
    failed = condition(job, "Failed")
    if failed and "completionTime" in job["status"]:
        return Stage.FAILED, _failure(seen, failed)
    if (job["spec"].get("runPolicy") or {}).get("suspend"):
        return Stage.QUEUED, _queued(seen, job)
    if not (job.get("status") or {}).get("conditions") and not seen.pods:
        return Stage.CREATED, "job created; the MPI Operator has not taken it up yet"
    launchers = seen.launchers
    if launchers and is_ended(launchers[-1]) and phase(launchers[-1]) == "Failed":
        return Stage.RESTARTING, _restarting(seen, job, launchers[-1])
    is_complete = len([pod for pod in seen.workers if is_running(pod)]) >= _num_workers(job)
    if launchers and phase(launchers[-1]) == "Running" and _waits_for_all(job) and not is_complete:
        return Stage.PENDING, f"the launcher waits for all workers{_reasons(seen.workers)}"
    if launchers and phase(launchers[-1]) in ("Running", "Succeeded"):
        return Stage.RUNNING, "launcher started" if _attempt(seen, job) == 1 else f"restarted: {_attempts(seen, job)}"
    reasons = _reasons([*seen.workers, *launchers])
    if not is_complete:
        return Stage.PENDING, f"workers pending{reasons}"
    return Stage.STARTING, f"workers run, the launcher is pending{reasons}"


def _waits_for_all(job: Object) -> bool:
    """On rented nodes the launcher is there first; an elastic one trains with those that have come."""
    launcher = job["spec"]["mpiReplicaSpecs"]["Launcher"]
    words = [word for each in launcher["template"]["spec"]["containers"] for word in each.get("command") or ()]
    return "--gang-seconds" in words and "--elastic" not in words


def _queued(seen: Observation, job: Object) -> str:
    """Kueue tells why in events of its own object for the job, whose name holds the job's."""
    queue = job["metadata"].get("labels", {}).get(QUEUE_LABEL)
    if not queue:
        return "suspended: it starts when spec.runPolicy.suspend is false"
    own = name_of(job)
    said = [
        line(event.get("message", ""))
        for event in seen.events
        if event["involvedObject"].get("kind") == "Workload"
        and own in event["involvedObject"].get("name", "")
        and event.get("reason") in ("Pending", "Preempted", "Inadmissible")
    ]
    return f"queued in {queue}" + (f": {said[-1]}" if said else "")


def _reasons(pods: list[Object]) -> str:
    """Why pods do not run, the most frequent reason first."""
    told: Counter[str] = Counter()
    for pod in pods:
        if phase(pod) == "Pending" and not is_leaving(pod):
            state = waiting(pod)
            told[unscheduled(pod) or (_waits(*state) if state else "not scheduled yet")] += 1
    return f": {'; '.join(reason for reason, _ in told.most_common(2))}" if told else ""


def _waits(reason: str, said: str) -> str:
    """A container's reason to wait; those of troubles are told as such, with their words."""
    if reason in ("ContainerCreating", "PodInitializing"):
        return "pulling the image and starting"
    if reason in PULLING:
        return "the image cannot be pulled"
    return reason if said else reason or "starting"


def _restarting(seen: Observation, job: Object, launcher: Object) -> str:
    words = last_words(launcher)
    why = words.message if words and words.message else how_it_ended(launcher)
    most = _most_attempts(job)
    if _attempt(seen, job) >= most:
        return f"the launcher failed ({why}), and no attempt is left"
    return f"the launcher failed ({why}); waiting for attempt {_attempt(seen, job) + 1} of {most}"


def _failure(seen: Observation, failed: Object) -> str:
    words = next(filter(None, map(last_words, reversed(seen.launchers))), None)
    if words and words.status == INCOMPLETE:
        return f"failed: {words.message}; to mend it: {GANG_REMEDY}"
    if words and words.message:
        return f"{words.status}: {words.message}"
    if seen.launchers and is_ended(seen.launchers[-1]):
        return f"failed: the launcher ended with {how_it_ended(seen.launchers[-1])}"
    return f"failed: {line(failed.get('message') or failed.get('reason', ''))}"


def _attempts(seen: Observation, job: Object) -> str:
    return f"attempt {_attempt(seen, job)} of {_most_attempts(job)}"


def _attempt(seen: Observation, job: Object) -> int:
    """Of launchers, beginning with 1. Failed ones may have been removed: the operator counts them as well."""
    alive = [pod for pod in seen.launchers if not is_ended(pod)]
    counted = int(((job.get("status") or {}).get("replicaStatuses") or {}).get("Launcher", {}).get("failed", 0))
    return max(len(seen.launchers), counted + len(alive[-1:]), 1)


def _most_attempts(job: Object) -> int:
    return int((job["spec"].get("runPolicy") or {}).get("backoffLimit", 6)) + 1


def _num_workers(job: Object) -> int:
    return int((job["spec"]["mpiReplicaSpecs"].get("Worker") or {}).get("replicas", 0))
