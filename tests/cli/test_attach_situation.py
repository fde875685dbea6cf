"""From what the API tells to what a user reads."""

from __future__ import annotations

import pytest

from cli.following import labels, troubles
from cli.following.observation import Observation
from cli.following.situation import Stage, lost_workers, situation
from components.kubernetes import mpi_job, pods
from tests.cli.attach_objects import IMAGE, JOB, ended, event, job, pod, seen, unscheduled, waits, words

NO_ROOM = "0/3 nodes are available: 3 Insufficient cpu."
WORKERS = (pod("worker-0"), pod("worker-1"))
PREEMPTION = " no new claims to deallocate, preemption: 0/3 nodes are available: 3 Preemption is not helpful."
OVER_QUOTA = f'pods "{JOB}-launcher-x" is forbidden: exceeded quota: burst, requested: pods=1, used: pods=3, limited: pods=3'
DEAD = pod("launcher-a", "Failed", state=ended(1, words("failed", "rank 1 died", "Killed")))

STAGES: dict[str, tuple[Observation, Stage, str]] = {
    "deleted": (seen(None), Stage.GONE, "the job is gone: it was deleted from the cluster"),
    "new": (seen(job()), Stage.CREATED, "job created; the MPI Operator has not taken it up yet"),
    "suspended": (
        seen(job("Suspended", suspend=True)),
        Stage.QUEUED,
        "suspended: it starts when spec.runPolicy.suspend is false",
    ),
    "queued": (
        seen(
            job("Created", suspend=True, queue="gpus"),
            events=(
                event("Pending", "old", on=f"mpijob-{JOB}-4f", kind="Workload"),
                event("Pending", "insufficient quota for cpu", on=f"mpijob-{JOB}-4f", kind="Workload"),
            ),
        ),
        Stage.QUEUED,
        "queued in gpus: insufficient quota for cpu",
    ),
    "no pod yet": (seen(job("Created")), Stage.PENDING, "workers pending"),
    "no room": (
        seen(job("Created"), pod("worker-0"), pod("worker-1", "Pending", **unscheduled(NO_ROOM + PREEMPTION))),
        Stage.PENDING,
        f"workers pending: {NO_ROOM}",
    ),
    "pulling": (
        seen(job("Created"), *(pod(f"worker-{number}", "Pending", state=waits("ContainerCreating")) for number in (0, 1))),
        Stage.PENDING,
        "workers pending: pulling the image and starting",
    ),
    "workers are up": (seen(job("Created"), *WORKERS), Stage.STARTING, "workers run, the launcher is pending"),
    "launcher has no room": (
        seen(job("Created"), *WORKERS, pod("launcher-a", "Pending", **unscheduled(NO_ROOM))),
        Stage.STARTING,
        f"workers run, the launcher is pending: {NO_ROOM}",
    ),
    "running": (seen(job("Created", "Running"), *WORKERS, pod("launcher-a")), Stage.RUNNING, "launcher started"),
    "elastic with one worker": (
        seen(job("Created"), WORKERS[0], pod("worker-1", "Pending"), pod("launcher-a")),
        Stage.RUNNING,
        "launcher started",
    ),
    "launcher failed": (
        seen(job("Created", "Running"), *WORKERS, DEAD),
        Stage.RESTARTING,
        "the launcher failed (rank 1 died); waiting for attempt 2 of 7",
    ),
    "launcher was killed": (
        seen(job("Created", "Running", failed=6), *WORKERS, pod("launcher-a", "Failed", state=ended(137))),
        Stage.RESTARTING,
        "the launcher failed (killed by signal 9); waiting for attempt 7 of 7",
    ),
    "last launcher failed": (
        seen(job("Created", "Running", failed=7), *WORKERS, pod("launcher-a", "Failed", state=ended(1))),
        Stage.RESTARTING,
        "the launcher failed (exit status 1), and no attempt is left",
    ),
    "restarted": (
        seen(job("Created", "Running"), *WORKERS, DEAD, pod("launcher-b", minute=3)),
        Stage.RUNNING,
        "restarted: attempt 2 of 7",
    ),
    "restarted, the failed ones removed": (
        seen(job("Created", "Running", failed=3), *WORKERS, pod("launcher-b", minute=3)),
        Stage.RUNNING,
        "restarted: attempt 4 of 7",
    ),
    "succeeded": (seen(job("Created", "Succeeded"), pod("launcher-a", "Succeeded")), Stage.SUCCEEDED, "succeeded"),
    "failed with words": (seen(job("Created", "Failed"), DEAD), Stage.FAILED, "failed: rank 1 died"),
    "failed without words": (
        seen(job("Created", "Failed"), pod("launcher-a", "Failed", state=ended(2, "{torn"))),
        Stage.FAILED,
        "failed: the launcher ended with exit status 2",
    ),
    "failed without a launcher": (seen(job("Created", "Failed")), Stage.FAILED, "failed: it is Failed"),
    "failed for evicted workers, and not ended": (
        seen(job("Created", "Failed", has_ended=False), *WORKERS, pod("launcher-a")),
        Stage.RUNNING,
        "launcher started",
    ),
}


@pytest.mark.parametrize(("observed", "stage", "text"), STAGES.values(), ids=STAGES.keys())
def test_each_observation_has_its_sentence(observed: Observation, stage: Stage, text: str) -> None:
    found = situation(observed)
    assert (found.stage, found.text) == (stage, text)


TROUBLES: dict[str, tuple[Observation, str, str]] = {
    "image not found": (
        seen(job("Created"), *(pod(f"worker-{n}", "Pending", state=waits("ErrImagePull", "a: not found")) for n in (0, 1))),
        f"pulling the image {IMAGE} fails: a: not found",
        "push it, or set hepburst:image to one that is there, then pulumi up",
    ),
    "registry wants a password": (
        seen(job("Created"), pod("worker-0", "Pending", state=waits("ImagePullBackOff", "pull access denied"))),
        f"pulling the image {IMAGE} fails: pull access denied",
        "name a secret for the registry: hepburst:cluster.pull_secret; on GKE let the base's node account read it",
    ),
    "registry is away": (
        seen(job("Created"), pod("worker-0", "Pending", state=waits("ErrImagePull", "dial tcp: i/o timeout"))),
        f"pulling the image {IMAGE} fails: dial tcp: i/o timeout",
        "see that the nodes reach the registry",
    ),
    "no configuration": (
        seen(job("Created"), pod("worker-0", "Pending", state=waits("CreateContainerConfigError", 'configmap "x" not found'))),
        f'{JOB}-worker-0 cannot start: configmap "x" not found (CreateContainerConfigError)',
        "correct what it names, then pulumi up",
    ),
    "launcher over quota": (
        seen(job("Created"), *WORKERS, events=(event("FailedCreate", f"Error creating: {OVER_QUOTA}", kind="Job"),)),
        f"the cluster refuses the job's pods: {OVER_QUOTA}",
        "raise the namespace's ResourceQuota, or lower hepburst:pool, then pulumi up",
    ),
    "worker against the pod security": (
        seen(job("Created"), events=(event("MPIJobFailed", "worker pod created failed: x violates PodSecurity y"),)),
        "the cluster refuses the job's pods: x violates PodSecurity y",
        "use a namespace whose pod security admits the job",
    ),
    "invalid": (
        seen(job(), events=(event("ValidationError", "Found validation errors: spec"),)),
        "the MPI Operator refuses the job: Found validation errors: spec",
        "correct the settings, then pulumi up",
    ),
    "no volume": (
        seen(
            job("Created"),
            pod("worker-0", "Pending", state=waits("ContainerCreating")),
            events=(event("FailedMount", "mount.nfs: timed out", on=f"{JOB}-worker-0", kind="Pod", count=3),),
        ),
        "the volume cannot be mounted: mount.nfs: timed out",
        troubles.VOLUME_REMEDY,
    ),
}


@pytest.mark.parametrize(("observed", "what", "remedy"), TROUBLES.values(), ids=TROUBLES.keys())
def test_what_will_not_mend_itself_is_told_once_with_a_remedy(observed: Observation, what: str, remedy: str) -> None:
    (found,) = situation(observed).troubles
    assert (found.what, found.remedy) == (what, remedy)


def test_the_kubelet_says_one_trouble_in_two_ways() -> None:
    first = seen(job("Created"), pod("worker-0", "Pending", state=waits("ErrImagePull", "a: not found")))
    then = seen(job("Created"), pod("worker-0", "Pending", state=waits("ImagePullBackOff", "Back-off pulling a: not found")))
    assert {each.key for each in situation(first).troubles} == {each.key for each in situation(then).troubles}


def test_what_was_mended_is_no_trouble_any_more() -> None:
    refused = event("FailedCreate", f"Error creating: {OVER_QUOTA}", kind="Job")
    assert situation(seen(job("Created", "Running"), *WORKERS, pod("launcher-a"), events=(refused,))).troubles == ()


def test_one_failed_mount_is_none() -> None:
    failed = event("FailedMount", "not yet", on=f"{JOB}-worker-0", kind="Pod", count=1)
    assert situation(seen(job("Created"), pod("worker-0", "Pending"), events=(failed,))).troubles == ()


LOSSES = {
    "deleted": (seen(job("Created"), WORKERS[0], pod("launcher-a")), f"worker lost: {JOB}-worker-1 (deleted)"),
    "evicted": (
        seen(job("Created"), WORKERS[0], pod("worker-1", "Failed", reason="Evicted", message="disk"), pod("launcher-a")),
        f"worker lost: {JOB}-worker-1 (Evicted: disk)",
    ),
    "out of memory": (
        seen(job("Created"), WORKERS[0], pod("worker-1", "Failed", state=ended(137, reason="OOMKilled")), pod("launcher-a")),
        f"worker lost: {JOB}-worker-1 (out of memory (OOMKilled))",
    ),
    "drained": (
        seen(
            job("Created"),
            WORKERS[0],
            pod("worker-1", conditions=[{"type": "DisruptionTarget", "status": "True", "message": "Eviction API: evicting"}])
            | {"metadata": {**WORKERS[1]["metadata"], "deletionTimestamp": "2026-11-24T16:05:00Z"}},
            pod("launcher-a"),
        ),
        f"worker lost: {JOB}-worker-1 (Eviction API: evicting)",
    ),
}


@pytest.mark.parametrize(("after", "sentence"), LOSSES.values(), ids=LOSSES.keys())
def test_a_lost_worker_is_told_with_its_reason(after: Observation, sentence: str) -> None:
    before = situation(seen(job("Created"), *WORKERS, pod("launcher-a")))
    assert lost_workers(before, situation(after)) == [sentence]


@pytest.mark.parametrize(
    "after",
    [
        seen(job("Created", "Running"), pod("launcher-a", "Succeeded")),
        seen(job("Created", "Succeeded"), pod("launcher-a", "Succeeded")),
        seen(job("Created", "Suspended", suspend=True)),
        seen(None),
    ],
    ids=["the launcher is done", "succeeded", "queued again", "deleted"],
)
def test_workers_that_go_with_the_job_are_not_lost(after: Observation) -> None:
    before = situation(seen(job("Created"), *WORKERS, pod("launcher-a")))
    assert lost_workers(before, situation(after)) == []


def test_the_labels_are_those_that_the_components_give() -> None:
    assert (labels.NAME_LABEL, labels.INSTANCE_LABEL) == (pods.NAME_LABEL, pods.INSTANCE_LABEL)
    assert (labels.RUN_LABEL, labels.LINEAGE_LABEL) == (pods.RUN_LABEL, pods.LINEAGE_LABEL)
    assert labels.QUEUE_LABEL == mpi_job.QUEUE_LABEL
