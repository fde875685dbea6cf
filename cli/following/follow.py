"""Follows one job to its end: the threads that look and listen, and the one loop that says what they bring."""

from __future__ import annotations

import queue
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from http import HTTPStatus

from burst.cluster import ClusterAccess
from cli.following.access import refusal_of
from cli.following.api import Api, Object, Rejected, Unreachable
from cli.following.jobs import job_kind, kinds, pod_log_path
from cli.following.log import LogEnded, LogFollower, LogLine
from cli.following.observation import Observation, is_ended, last_words, name_of, phase, when
from cli.following.screen import Screen
from cli.following.situation import Situation, Stage, situation
from cli.following.telling import Teller
from cli.following.watching import Lost, Seen, Watcher
from trainer.contract import RunStatus
from trainer.refusal import Refusal

TICK_SECONDS = 0.25
SETTLE_SECONDS = 1.0
"""What happens within it is looked at together: a pod that goes and a job that ends are one thing."""
OUTAGE_SECONDS = 3.0
"""A connection that is back sooner is not worth a word."""
LOCKED_OUT_SECONDS = 60.0
"""A server that starts refuses everybody for a moment; after this it is us that it refuses."""
STOP_SECONDS = 2.0
LAST_LINES_SECONDS = 15.0
"""For the rest of a log, once the job has ended."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """How a run ended, or (`status` None) that nobody waited for it."""

    status: RunStatus | None
    message: str
    last_lines: tuple[str, ...] = ()
    job: Object | None = None


@dataclass(slots=True)
class Outage:
    """How long which kinds of objects could not be had."""

    since: dict[str, float] = field(default_factory=dict)
    problem: Unreachable | Rejected | None = None
    began: float = 0.0
    is_told: bool = False


class Follower:
    """Follows `job` until its end, for `timeout_seconds` at most, through outages of `patience_seconds()` at most."""

    def __init__(
        self,
        api: Api,
        access: ClusterAccess,
        job: Object,
        screen: Screen,
        *,
        patience_seconds: Callable[[], float],
        timeout_seconds: float | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._api, self._access, self._job, self._screen = api, access, job, screen
        self._patience_seconds, self._clock = patience_seconds, clock
        self._deadline = None if timeout_seconds is None else clock() + timeout_seconds
        self._inbox: queue.SimpleQueue[Seen | Lost | LogLine | LogEnded] = queue.SimpleQueue()
        self._objects: dict[str, tuple[Object, ...]] = {}
        self._logs: dict[str, LogFollower] = {}
        self._read_logs: set[str] = set()
        self._outage = Outage()
        self._teller = Teller(screen)

    @property
    def last(self) -> str:
        """What was seen of the run last."""
        return self._teller.last

    def run(self) -> Ending:
        """To the end. Raises a `Refusal` where the cluster is away for too long, or lets us in no more."""
        watchers = [Watcher(self._api, kind, self._inbox.put) for kind in kinds(self._access.namespace, name_of(self._job))]
        for watcher in watchers:
            watcher.start()
        try:
            return self._loop(num_kinds=len(watchers))
        finally:
            self._stop(watchers)

    def _stop(self, watchers: list[Watcher]) -> None:
        """End the threads; one that is just being answered ends by itself."""
        threads: list[Watcher | LogFollower] = [*watchers, *self._logs.values()]
        for thread in threads:
            thread.stopped.set()
        self._api.hang_up()
        for thread in threads:
            thread.join(STOP_SECONDS)

    def _loop(self, *, num_kinds: int) -> Ending:
        unsettled_since: float | None = None
        ended: tuple[Situation, float] | None = None
        while True:
            is_moving = self._take()
            now = self._clock()
            if is_moving and unsettled_since is None:
                unsettled_since = now
            is_due = unsettled_since is not None and (not is_moving or now - unsettled_since >= SETTLE_SECONDS)
            if is_due and len(self._objects) == num_kinds:
                unsettled_since = None
                found = self._look()
                if found.stage.is_end and ended is None:
                    ended = found, now
            self._screen.tick()
            if ended and (self._read_logs >= self._logs.keys() or now - ended[1] > LAST_LINES_SECONDS):
                return self._ending(ended[0])
            self._bear_outage(now)
            if self._deadline is not None and now > self._deadline and not ended:
                return Ending(status=None, message="not waited for any longer")

    def _take(self) -> bool:
        """Take in what the threads brought, waiting `TICK_SECONDS` for the first. Whether objects have changed."""
        has_changed = False
        wait_seconds = TICK_SECONDS
        while True:
            try:
                message = self._inbox.get(timeout=wait_seconds)
            except queue.Empty:
                return has_changed
            wait_seconds = 0.0
            match message:
                case Seen(kind=kind, objects=objects):
                    self._objects[kind] = objects
                    self._outage.since.pop(kind, None)
                    has_changed = True
                case Lost(kind=kind, problem=problem):
                    self._outage.since.setdefault(kind, self._clock())
                    self._outage.problem = problem
                case LogLine(text=text):
                    self._teller.hear(text)
                case LogEnded(pod=pod):
                    self._read_logs.add(pod)

    def _look(self) -> Situation:
        """Say what is new, and listen to a launcher that is."""
        found = situation(self.observation())
        self._teller.tell(found)
        for pod in self.observation().launchers:
            self._listen(pod, is_over=is_ended(pod) or found.stage.is_end)
        for name, log in self._logs.items():
            if name not in {name_of(pod) for pod in self.observation().launchers}:
                log.ended.set()
        return found

    def observation(self) -> Observation:
        """What is known now. Pods of an earlier job of the same name are not this one's."""
        uid = self._job["metadata"]["uid"]
        jobs = [job for job in self._objects[job_kind("", "").name] if job["metadata"]["uid"] == uid]
        began = self._job["metadata"].get("creationTimestamp", "")
        pods = tuple(pod for pod in self._objects["pods"] if pod["metadata"].get("creationTimestamp", "") >= began)
        events = tuple(sorted(self._objects["events"], key=when))
        return Observation(job=jobs[0] if jobs else None, pods=pods, events=events)

    def _listen(self, pod: Object, *, is_over: bool) -> None:
        name = name_of(pod)
        if name not in self._logs and phase(pod) != "Pending":
            path = pod_log_path(self._access.namespace, name)
            container = pod["spec"]["containers"][0]["name"]
            self._logs[name] = LogFollower(self._api, path, pod=name, container=container, put=self._inbox.put)
            self._logs[name].start()
        if is_over and name in self._logs:
            self._logs[name].ended.set()

    def _bear_outage(self, now: float) -> None:
        """Say once that the cluster is away, and once that it is back; give up after a time."""
        outage = self._outage
        if not outage.since:
            if outage.is_told:
                self._screen.say(f"connected again, after {now - outage.began:.0f} s")
            self._outage = Outage()
            return
        assert outage.problem is not None
        outage.began = min(outage.since.values()) if not outage.began else outage.began
        seconds = now - outage.began
        is_locked_out = isinstance(outage.problem, Rejected) and outage.problem.status in (
            HTTPStatus.UNAUTHORIZED,
            HTTPStatus.FORBIDDEN,
        )
        patience_seconds = self._patience_seconds()
        if seconds > (min(LOCKED_OUT_SECONDS, patience_seconds) if is_locked_out else patience_seconds):
            refused = refusal_of(outage.problem, self._access)
            again = f"{refused.remedy}; then attach again: the run does not need us"
            raise Refusal(f"after {seconds:.0f} s: {refused.got}", expected=refused.expected, remedy=again)
        if seconds > OUTAGE_SECONDS and not outage.is_told:
            outage.is_told = True
            self._screen.say(
                f"the cluster does not answer ({outage.problem}); the run does not need us; trying again for up to "
                f"{patience_seconds / 60:.0f} min",
                "yellow",
            )

    def _ending(self, found: Situation) -> Ending:
        observed = self.observation()
        ending = Ending(status=RunStatus.SUCCEEDED, message=found.text, job=observed.job)
        if found.stage is Stage.SUCCEEDED:
            return ending
        if found.stage is Stage.GONE:
            return replace(ending, status=RunStatus.INTERRUPTED)
        words = next(filter(None, map(last_words, reversed(observed.launchers))), None)
        lines = words.lines if words and words.lines else tuple(self._teller.last_lines)
        is_interrupted = words is not None and words.status == RunStatus.INTERRUPTED
        status = RunStatus.INTERRUPTED if is_interrupted else RunStatus.FAILED
        return replace(ending, status=status, last_lines=lines)
