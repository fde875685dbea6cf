"""What will not mend itself, and what to do about it. Pure: an observation in."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from cli.following.api import Object
from cli.following.observation import INCOMPLETE, Observation, is_ended, is_leaving, last_words, line, name_of, phase, waiting


class Trouble(NamedTuple):
    """`what` happened in the words of who noticed it, and a remedy; `key` is the same for the same trouble."""

    key: str
    what: str
    remedy: str


PULLING = ("ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull", "RegistryUnavailable")
STARTING = ("CreateContainerConfigError", "CreateContainerError", "RunContainerError", "StartError", "CrashLoopBackOff")
MOUNTING = ("FailedMount", "FailedAttachVolume", "FailedMapVolume")
MIN_MOUNT_FAILURES = 2
"""The first may be of a volume that is still being made."""
UP = "pulumi up"
WRONG_IMAGE = f"push it, or set hepburst:image to one that is there, then {UP}"
REMEDIES = (
    (r"not found|manifest unknown|does not exist|InvalidImageName|no such host", WRONG_IMAGE),
    (
        r"unauthori[sz]ed|denied|forbidden|authentication|credential",
        "name a secret for the registry: hepburst:cluster.pull_secret; on GKE let the base's node account read it",
    ),
    (r"", "see that the nodes reach the registry"),
)
POD_REMEDIES = (
    (r"exceeded quota", f"raise the namespace's ResourceQuota, or lower hepburst:pool, then {UP}"),
    (r"violates PodSecurity", "use a namespace whose pod security admits the job"),
    (r"admission webhook", "ask the cluster's administrator what the webhook wants"),
    (r"serviceaccount", f"{UP}, which makes the service account"),
    (r"", f"kubectl describe mpijob; correct the settings, then {UP}"),
)
GANG_REMEDY = (
    "raise hepburst:pool.gang_timeout_minutes, take another zone or another purchase, or ask for fewer GPUs; "
    "then pulumi up with hepburst:workload.attempt raised"
)
"""Where rented nodes did not all come in time."""
VOLUME_REMEDY = (
    "see hepburst:storage: the claim, its storage class, or the NFS server must let the nodes in; on GKE a bucket lets them in "
    "some minutes after the first `up`, or the base's trainer account lacks its role (pulumi up of the base)"
)


def troubles(seen: Observation) -> list[Trouble]:
    """All that stands in the way of the job now, each once."""
    if seen.job is None:
        return []
    found = [
        *_of_gang(seen),
        *_of_pods(seen),
        *_of_missing_pods(seen, seen.job),
        *_of_volumes(seen),
        *_of_settings(seen, seen.job),
    ]
    return list({each.key: each for each in found}.values())


def _of_gang(seen: Observation) -> Iterator[Trouble]:
    """Further launchers of the job say the same, as their time is over."""
    words = last_words(seen.launchers[-1]) if seen.launchers else None
    if words and words.status == INCOMPLETE:
        yield Trouble(f"gang {words.message}", words.message, GANG_REMEDY)


def _of_pods(seen: Observation) -> Iterator[Trouble]:
    for pod in seen.pods:
        state = None if is_ended(pod) or is_leaving(pod) else waiting(pod)
        if state is None:
            continue
        reason, said = state
        if reason in PULLING:
            image = next((each["image"] for each in pod["spec"]["containers"]), "")
            yield Trouble(
                f"image {image}",
                f"pulling the image {image} fails: {why_not_pulled(said, image) or reason}",
                _fitting(f"{reason} {said}", REMEDIES),
            )
        elif reason in STARTING:
            yield Trouble(
                f"{reason} {said}", f"{name_of(pod)} cannot start: {said} ({reason})", f"correct what it names, then {UP}"
            )


def why_not_pulled(said: str, image: str) -> str:
    """The end of the kubelet's words, where the reason is: before it they name the image again and again.

    >>> why_not_pulled('Back-off pulling image "a@b": ErrImagePull: rpc error: code = NotFound desc = '
    ...                'failed to pull and unpack image "a@b": failed to resolve reference "a@b": a@b: not found', "a@b")
    'not found'
    """
    said = re.sub(r'^(Back-off pulling image "[^"]*"(: )?)?(ErrImagePull: )?(rpc error: code = \w+ desc = )?', "", said)
    return line(re.sub(r'failed to [a-z ]+ "[^"]*": ', "", said).removeprefix(f"{image}: "))


def _of_missing_pods(seen: Observation, job: Object) -> Iterator[Trouble]:
    """The API server refuses to make them: told by events alone, so of these only where pods are missing still."""
    wanted = (job["spec"]["mpiReplicaSpecs"].get("Worker") or {}).get("replicas", 0)
    is_complete = len(seen.workers) >= wanted and bool(seen.launchers)
    for event in [] if is_complete else seen.events:
        said = line(event.get("message", ""))
        if event.get("reason") == "FailedCreate" or (event.get("reason") == "MPIJobFailed" and "created failed" in said):
            told = re.sub(r"^.*?(created failed|creating): ", "", said)
            without_name = re.sub(r'pods? "[^"]*" ', "", told)
            yield Trouble(f"pods {without_name}", f"the cluster refuses the job's pods: {told}", _fitting(said, POD_REMEDIES))


def _of_volumes(seen: Observation) -> Iterator[Trouble]:
    pending = {name_of(pod) for pod in seen.pods if phase(pod) == "Pending"}
    for event in seen.events:
        if event.get("reason") in MOUNTING and event["involvedObject"].get("name") in pending:
            times = max(event.get("count") or 1, (event.get("series") or {}).get("count") or 1)
            if times >= MIN_MOUNT_FAILURES:
                said = line(event.get("message", ""))
                yield Trouble(f"volume {said}", f"the volume cannot be mounted: {said}", VOLUME_REMEDY)


def _of_settings(seen: Observation, job: Object) -> Iterator[Trouble]:
    """The operator refuses the job, or gave it up for evicted workers."""
    for event in seen.events:
        if event.get("reason") == "ValidationError" and event["involvedObject"].get("uid") == job["metadata"].get("uid"):
            said = line(event.get("message", ""))
            yield Trouble(f"invalid {said}", f"the MPI Operator refuses the job: {said}", f"correct the settings, then {UP}")


def _fitting(said: str, remedies: tuple[tuple[str, str], ...]) -> str:
    return next(remedy for pattern, remedy in remedies if re.search(pattern, said, re.IGNORECASE))
