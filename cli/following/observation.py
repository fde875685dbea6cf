"""What the API tells of a job, its pods and their events, read into plain values. Pure: plain dicts in."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from cli.following.api import Object
from cli.following.labels import LAUNCHER, ROLE_LABEL, WORKER


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """At one moment. `job` is None where it is not there (any more)."""

    job: Object | None
    pods: tuple[Object, ...] = ()
    events: tuple[Object, ...] = ()

    def of_role(self, role: str) -> list[Object]:
        """The pods of the job with a role, oldest first."""
        found = [pod for pod in self.pods if pod["metadata"].get("labels", {}).get(ROLE_LABEL) == role]
        return sorted(found, key=lambda pod: (pod["metadata"].get("creationTimestamp", ""), pod["metadata"]["name"]))

    @property
    def launchers(self) -> list[Object]:
        """One for each attempt, the last one last."""
        return self.of_role(LAUNCHER)

    @property
    def workers(self) -> list[Object]:
        """The pods that train."""
        return self.of_role(WORKER)


@dataclass(frozen=True, slots=True, kw_only=True)
class LastWords:
    """What a launcher wrote as its termination message at the end of a run."""

    status: str
    message: str
    lines: tuple[str, ...]
    """Of the rank that failed first, on stderr."""


INCOMPLETE = "incomplete"
"""`LastWords.status` of a launcher whose workers did not all come in time."""


def name_of(thing: Object) -> str:
    """Its name."""
    return str(thing["metadata"]["name"])


def when(event: Object) -> str:
    """When an event happened last."""
    series = event.get("series") or {}
    times = (series.get("lastObservedTime"), event.get("lastTimestamp"), event.get("eventTime"))
    return str(next(filter(None, times), event["metadata"].get("creationTimestamp") or ""))


def condition(job: Object, kind: str) -> Object | None:
    """A condition of the job that holds."""
    conditions = (job.get("status") or {}).get("conditions") or ()
    return next((each for each in conditions if each["type"] == kind and each["status"] == "True"), None)


def is_running(pod: Object) -> bool:
    """Whether its containers run, and nobody has asked it to go."""
    return phase(pod) == "Running" and not is_leaving(pod)


def phase(pod: Object) -> str:
    """Pending, Running, Succeeded, Failed or Unknown."""
    return str((pod.get("status") or {}).get("phase", "Pending"))


def is_leaving(pod: Object) -> bool:
    """Whether somebody has asked it to go."""
    return "deletionTimestamp" in pod["metadata"]


def is_ended(pod: Object) -> bool:
    """Whether its containers have ended for good."""
    return phase(pod) in ("Succeeded", "Failed")


def container_statuses(pod: Object) -> Iterator[Object]:
    """Of its initialising containers and its own."""
    status = pod.get("status") or {}
    for part in ("initContainerStatuses", "containerStatuses"):
        yield from status.get(part) or ()


def waiting(pod: Object) -> tuple[str, str] | None:
    """Reason and message of the first container that waits."""
    for status in container_statuses(pod):
        state = (status.get("state") or {}).get("waiting")
        if state:
            return str(state.get("reason", "")), line(state.get("message", ""), most=2000)
    return None


def unscheduled(pod: Object) -> str:
    """The scheduler's words on a pod that it finds no node for, else nothing."""
    for each in (pod.get("status") or {}).get("conditions") or ():
        if each["type"] == "PodScheduled" and each["status"] == "False":
            said = str(each.get("message") or each.get("reason", ""))
            return line(re.sub(r"( no new claims to deallocate,)?,? preemption: .*", "", said))
    return ""


def terminated(pod: Object) -> Mapping[str, Any] | None:
    """How its last container ended: `exitCode`, `reason`, `message`."""
    for status in reversed(list(container_statuses(pod))):
        found: Mapping[str, Any] | None = (status.get("state") or {}).get("terminated")
        if found:
            return found
    return None


def last_words(pod: Object) -> LastWords | None:
    """Of a launcher that has ended; None where it left none that can be read."""
    try:
        said = json.loads((terminated(pod) or {}).get("message", ""))
        lines = tuple(str(each) for each in said.get("last_words") or ())
        return LastWords(status=str(said["status"]), message=str(said.get("message", "")), lines=lines)
    except (ValueError, KeyError, TypeError, AttributeError):
        return None


def how_it_ended(pod: Object) -> str:
    """How a pod came to its end, for a person.

    >>> how_it_ended({"metadata": {}, "status": {"phase": "Failed", "containerStatuses": [
    ...     {"state": {"terminated": {"reason": "OOMKilled", "exitCode": 137}}}]}})
    'out of memory (OOMKilled)'
    """
    status = pod.get("status") or {}
    for each in status.get("conditions") or ():
        if each["type"] == "DisruptionTarget" and each["status"] == "True":
            return line(each.get("message") or each.get("reason", "")) or "evicted"
    if status.get("reason"):
        return ": ".join(filter(None, (status["reason"], line(status.get("message", "")))))
    end = terminated(pod)
    if end is None:
        return "deleted" if is_leaving(pod) else "without a word"
    if end.get("reason") == "OOMKilled":
        return "out of memory (OOMKilled)"
    signal = end.get("signal") or max(int(end.get("exitCode", 0)) - 128, 0)
    return f"killed by signal {signal}" if signal else f"exit status {end.get('exitCode')}"


def line(text: str, most: int = 400) -> str:
    """As one line, cut where it is very long."""
    words = " ".join(str(text).split())
    return words if len(words) <= most else f"{words[: most - 1]}…"
