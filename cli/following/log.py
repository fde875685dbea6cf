"""The launcher's log, line by line: none lost and none twice, however often its stream breaks."""

from __future__ import annotations

import contextlib
import datetime
import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from cli.following.api import Api, Rejected, Unreachable

OVERLAP_SECONDS = 1
"""The log is read again from so long before its last line: the API counts in seconds, and lines are not quite in order."""
NANOSECONDS = 10**9
RETRY_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class LogLine:
    """One line of a launcher."""

    pod: str
    text: str


@dataclass(frozen=True, slots=True)
class LogEnded:
    """Everything that this launcher has said was read, or its log is gone."""

    pod: str


class Overlap:
    """Tells the lines that were not seen before from a log that is read again from a little before its last line."""

    def __init__(self) -> None:
        self._seen: set[tuple[int, str]] = set()
        self._newest = 0

    @property
    def since(self) -> str:
        """From when to read on, as the API writes a time; empty: from the start."""
        if not self._newest:
            return ""
        moment = datetime.datetime.fromtimestamp(self._newest // NANOSECONDS - OVERLAP_SECONDS, datetime.UTC)
        return moment.strftime("%Y-%m-%dT%H:%M:%SZ")

    def new(self, line: str) -> Iterator[str]:
        """The text of a line `<time> <text>`, unless it was seen.

        >>> log = Overlap()
        >>> again = ("2026-11-24T16:00:00.5Z a", "2026-11-24T16:00:00.5Z b")
        >>> [text for line in (*again, *again, "2026-11-24T17:00:01.25+01:00 c") for text in log.new(line)], log.since
        (['a', 'b', 'c'], '2026-11-24T16:00:00Z')
        """
        stamp, _, text = line.partition(" ")
        moment = nanoseconds(stamp)
        if moment is None or (moment, text) in self._seen:
            return
        if moment // NANOSECONDS > self._newest // NANOSECONDS:
            oldest = (moment // NANOSECONDS - OVERLAP_SECONDS) * NANOSECONDS
            self._seen = {each for each in self._seen if each[0] >= oldest}
        self._newest = max(self._newest, moment)
        self._seen.add((moment, text))
        yield text


def nanoseconds(stamp: str) -> int | None:
    """A time of the kubelet's (RFC 3339, up to nine decimals) since 1970; None for what is none.

    >>> nanoseconds("1970-01-01T00:00:01.000000002Z")
    1000000002
    """
    head, dot, tail = stamp.partition(".")
    decimals = tail.rstrip("Z").partition("+")[0].partition("-")[0] if dot else ""
    try:
        whole = datetime.datetime.fromisoformat(head + tail[len(decimals) :] if dot else stamp)
        if whole.tzinfo is None or not (decimals or "0").isdecimal():
            return None
        return int(whole.timestamp()) * NANOSECONDS + int(decimals.ljust(9, "0")[:9] or 0)
    except ValueError:
        return None


def event_of(text: str) -> dict[str, Any] | None:
    """The training event of a line, if it is one."""
    with contextlib.suppress(ValueError):
        event = json.loads(text) if text.startswith("{") else None
        if isinstance(event, dict) and isinstance(event.get("event"), str):
            return event
    return None


class LogFollower(threading.Thread):
    """Reads the log of one launcher until it has ended (`ended`) and everything was read."""

    def __init__(self, api: Api, path: str, *, pod: str, container: str, put: Callable[[LogLine | LogEnded], None]) -> None:
        super().__init__(name=f"log of {pod}", daemon=True)
        self._api, self._path, self.pod, self._container, self._put = api, path, pod, container, put
        self.ended, self.stopped = threading.Event(), threading.Event()

    def run(self) -> None:
        """Until everything is read, or `stopped`."""
        overlap = Overlap()
        while not self.stopped.is_set():
            is_last_time = self.ended.is_set()
            try:
                self._read(overlap, follow=not is_last_time)
                is_read = True
            except Unreachable:
                is_read = False
            except Rejected as rejected:
                is_read = rejected.status in (HTTPStatus.NOT_FOUND, HTTPStatus.BAD_REQUEST)
            if is_last_time and is_read:
                self._put(LogEnded(self.pod))
                return
            (self.stopped if is_last_time else self.ended).wait(RETRY_SECONDS)

    def _read(self, overlap: Overlap, *, follow: bool) -> None:
        query = {"container": self._container, "timestamps": "true", "follow": str(follow).lower()}
        if overlap.since:
            query["sinceTime"] = overlap.since
        for line in self._api.lines(self._path, **query):
            if self.stopped.is_set():
                return
            for text in overlap.new(line):
                self._put(LogLine(self.pod, text))
