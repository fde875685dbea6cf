"""Cloud Scheduler of a rehearsal: runs the jobs that come due, whether or not anybody's laptop is on."""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from sandbox.cloud.ledger import By, Entry, Ledger, Op, Plain, Resource, fold
from sandbox.cloud.operations import Cloud, parts
from sandbox.cloud.refusals import ApiError
from sandbox.cloud.rules import JOB
from trainer.refusal import Refusal

MEMBER, CUSTOM_ROLE = "gcp:projects/iAMMember:IAMMember", "gcp:projects/iAMCustomRole:IAMCustomRole"
MINUTE = datetime.timedelta(minutes=1)
_RANGES = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 7))
_APIS = (
    (
        r"https://container\.googleapis\.com/v1/(?P<id>projects/[^/]+/(?:locations|zones)/[^/]+/clusters/[^/]+)",
        "container.clusters",
    ),
    (r"https://compute\.googleapis\.com/compute/v1/(?P<id>projects/[^/]+/regions/[^/]+/routers/[^/]+)", "compute.routers"),
)
"""Which addresses the rehearsed APIs answer, and the permission's beginning."""
_PREDEFINED = {
    "container.clusters.delete": ("roles/container.admin", "roles/container.clusterAdmin", "roles/editor", "roles/owner"),
    "compute.routers.delete": ("roles/compute.networkAdmin", "roles/compute.admin", "roles/editor", "roles/owner"),
}
"""Google's own roles with a permission (cloud.google.com/iam/docs/roles-permissions, recall)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """A time at which a job is to run, for the first time or again."""

    when: datetime.datetime
    job_id: str
    tries: int = 0
    first: datetime.datetime


def run_until(ledger: Ledger, when: datetime.datetime) -> list[str]:
    """Let time pass; gives what the jobs did, in words. Jobs are due from where the clock stood."""
    since = ledger.clock()
    if when < since:
        raise Refusal(
            f"until {when:%Y-%m-%d %H:%M}", expected=f"{since:%Y-%m-%d %H:%M} or later", remedy="time goes on, not back"
        )
    jobs = [one for one in ledger.resources().values() if one.type == JOB]
    waiting = [Attempt(when=time, job_id=job.id, first=time) for job in jobs for time in due(job.properties, since, when)]
    said = []
    while waiting:
        attempt = min(waiting, key=lambda one: (one.when, one.job_id))
        waiting.remove(attempt)
        if attempt.when > when:
            continue
        job = fold(ledger.entries(), until=attempt.when).get(attempt.job_id)
        if job is None:
            continue
        answer = _run(ledger, job, attempt.when)
        said.append(f"{attempt.when:%Y-%m-%d %H:%M:%S} {job.name}: {answer}")
        ledger.append(
            Entry(start=attempt.when, end=attempt.when, op=Op.DEADLINE, type=JOB, id=job.id, by=By.SCHEDULER, note=answer)
        )
        again = None if answer.startswith("200") else next_try(job.properties, attempt)
        waiting += [again] if again else []
    ledger.set_clock(when)
    return said


def due(properties: Plain, since: datetime.datetime, until: datetime.datetime) -> Iterator[datetime.datetime]:
    """When a job's schedule comes round, after `since` and not after `until`.

    >>> import datetime
    >>> day = datetime.datetime(2026, 11, 24, tzinfo=datetime.UTC)
    >>> [f"{time:%d. %H:%M}" for time in due({"schedule": "30 18 24 11 *"}, day, day + datetime.timedelta(days=2))]
    ['24. 18:30']
    """
    if properties.get("paused"):
        return
    if properties.get("timeZone", "Etc/UTC") not in ("Etc/UTC", "UTC"):
        raise Refusal(f"the time zone {properties['timeZone']}", expected="Etc/UTC in a rehearsal", remedy="set time_zone")
    fields = [_numbers(text, *ends) for text, ends in zip(str(properties["schedule"]).split(), _RANGES, strict=True)]
    days_are_both_given = all(not str(properties["schedule"]).split()[index].startswith("*") for index in (2, 4))
    time = since.replace(second=0, microsecond=0) + MINUTE
    while time <= until:
        if time.month not in fields[3] or time.hour not in fields[1]:
            time = time.replace(minute=0) + datetime.timedelta(hours=1)
            continue
        fits = time.day in fields[2], bool({time.isoweekday() % 7, time.isoweekday()} & fields[4])
        if time.minute in fields[0] and (any(fits) if days_are_both_given else all(fits)):
            yield time
        time += MINUTE


def _numbers(text: str, low: int, high: int) -> set[int]:
    """Of one field of a cron line.

    >>> sorted(_numbers("*/20", 0, 59)), sorted(_numbers("1-3,7", 0, 23))
    ([0, 20, 40], [1, 2, 3, 7])
    """
    found: set[int] = set()
    for part in text.split(","):
        match = re.fullmatch(r"(?:\*|(\d+)(?:-(\d+))?)(?:/(\d+))?", part)
        if match is None:
            raise Refusal(f"{part!r} in a schedule", expected="numbers, ranges, lists and steps", remedy="correct the schedule")
        first = int(match[1]) if match[1] else low
        last = int(match[2]) if match[2] else first if match[1] else high
        found |= set(range(first, last + 1, int(match[3] or 1)))
    return found


def next_try(properties: Plain, attempt: Attempt) -> Attempt | None:
    """When a job that failed runs again: twice the pause so often as `maxDoublings`, then longer by as much each time.

    From the REST reference of `RetryConfig`: retryCount 0 (none) by default, minBackoffDuration 5 s, maxBackoffDuration 1 h,
    maxDoublings 5, maxRetryDuration 0 (no limit).
    """
    config = properties.get("retryConfig") or {}
    limit = _seconds(config.get("maxRetryDuration"), 0.0)
    is_late = limit and (attempt.when - attempt.first).total_seconds() >= limit
    if attempt.tries >= int(config.get("retryCount") or 0) or is_late:
        return None
    shortest, longest = _seconds(config.get("minBackoffDuration"), 5.0), _seconds(config.get("maxBackoffDuration"), 3600.0)
    doublings = int(config["maxDoublings"]) if config.get("maxDoublings") is not None else 5
    step = 2.0 ** min(attempt.tries, doublings) * (1 + max(attempt.tries - doublings, 0))
    pause = datetime.timedelta(seconds=min(shortest * step, longest))
    return Attempt(when=attempt.when + pause, job_id=attempt.job_id, tries=attempt.tries + 1, first=attempt.first)


def _seconds(text: str | None, default: float) -> float:
    return float(text.removesuffix("s")) if text else default


def _run(ledger: Ledger, job: Resource, when: datetime.datetime) -> str:
    """One attempt: the answer as HTTP has it, in words. At `when` the ledger's later lines are not yet so."""
    target = job.properties["httpTarget"]
    method, uri = str(target.get("httpMethod") or "POST"), str(target["uri"])
    there = fold(ledger.entries(), until=when)
    for pattern, noun in _APIS:
        match = re.fullmatch(pattern, uri)
        if match and method == "DELETE":
            own_id = re.sub("/zones/", "/locations/", match["id"])
            refusal = _rights(target, f"{noun}.delete", there)
            return refusal or _deleted(ledger, own_id, there, when, f"job {job.name}")
    return f"404: nothing answers {method} {uri}"


def _rights(target: Plain, permission: str, there: Mapping[str, Resource]) -> str:
    """Why the job's account may not; empty if it may."""
    email = str((target.get("oauthToken") or {}).get("serviceAccountEmail") or "")
    if not email:
        return "401: the request has no OAuth token"
    if not any(one.properties.get("email") == email for one in there.values()):
        return f"401: the account {email} is not there"
    for one in there.values():
        if one.type == MEMBER and one.properties.get("member") == f"serviceAccount:{email}":
            role = str(one.properties.get("role"))
            permissions = there[role].properties.get("permissions", []) if role in there else []
            if permission in permissions or role in _PREDEFINED.get(permission, ()):
                return ""
    return f"403: {email} lacks the permission {permission}"


def _deleted(ledger: Ledger, own_id: str, there: Mapping[str, Resource], when: datetime.datetime, note: str) -> str:
    if own_id not in there:
        return f"404: {own_id} is not there"
    gone = {own_id, *(one.id for one in parts(there[own_id], there))}
    busy = [entry for entry in ledger.entries() if entry.id in gone and entry.start <= when < entry.end]
    if busy:
        return f"400 FAILED_PRECONDITION: {busy[0].op} of {busy[0].id} is not finished"
    try:
        Cloud(ledger=ledger, began=when).delete(own_id, by=By.SCHEDULER, note=note)
    except ApiError as problem:
        return f"{problem.code}: {problem.got}"
    return f"200: {own_id} is deleted"
