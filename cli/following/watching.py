"""Watches of the API: each thread keeps the objects of one kind as they are now, and says when it cannot."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from cli.following.api import Api, Object, Rejected, Unreachable

WATCH_SECONDS = 240
"""After which the server ends a watch, and it is begun anew from where it was."""
FIRST_WAIT_SECONDS, LONGEST_WAIT_SECONDS = 0.5, 10.0


@dataclass(frozen=True, slots=True)
class Seen:
    """All objects of a kind, now. Also says that the server answers."""

    kind: str
    objects: tuple[Object, ...]


@dataclass(frozen=True, slots=True)
class Lost:
    """The objects of a kind cannot be had now; it is tried again."""

    kind: str
    problem: Unreachable | Rejected


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """Objects to watch: their name here, the path of their list, which of them (`query`), and which are kept."""

    name: str
    path: str
    query: tuple[tuple[str, str], ...] = ()
    keep: Callable[[Object], bool] = lambda _: True

    def listed(self, api: Api) -> tuple[dict[str, Object], str]:
        """The objects by their uid, and the version of the list, from which a watch goes on."""
        found = api.get(self.path, **dict(self.query))
        items = {each["metadata"]["uid"]: each for each in found.get("items") or () if self.keep(each)}
        return items, found["metadata"]["resourceVersion"]


class Watcher(threading.Thread):
    """Lists and watches one kind, again and again, until `stopped`."""

    def __init__(self, api: Api, kind: Kind, put: Callable[[Seen | Lost], None]) -> None:
        super().__init__(name=f"watch of {kind.name}", daemon=True)
        self._api, self._kind, self._put = api, kind, put
        self.stopped = threading.Event()

    def run(self) -> None:
        """List, watch, and after a failure wait a little longer each time."""
        wait_seconds = FIRST_WAIT_SECONDS
        while not self.stopped.is_set():
            try:
                items, version = self._kind.listed(self._api)
                self._put(Seen(self._kind.name, tuple(items.values())))
                wait_seconds = FIRST_WAIT_SECONDS
                self._watch(items, version)
            except (Unreachable, Rejected, KeyError, TypeError, AttributeError) as problem:
                told = problem if isinstance(problem, Unreachable | Rejected) else Unreachable("it gives no list of Kubernetes")
                self._put(Lost(self._kind.name, told))
                self.stopped.wait(wait_seconds)
                wait_seconds = min(2 * wait_seconds, LONGEST_WAIT_SECONDS)

    def _watch(self, items: dict[str, Object], version: str) -> None:
        """Until the server has forgotten what it told (410), which needs a new list, or a failure."""
        query = dict(self._kind.query) | {"watch": "true", "allowWatchBookmarks": "true", "timeoutSeconds": str(WATCH_SECONDS)}
        while not self.stopped.is_set():
            for line in self._api.lines(self._kind.path, **query, resourceVersion=version):
                if self.stopped.is_set():
                    return
                change = _change(line)
                if change["type"] == "ERROR":
                    if change["object"].get("code") in (HTTPStatus.GONE, HTTPStatus.GATEWAY_TIMEOUT):
                        return
                    raise Rejected(int(change["object"].get("code") or 500), str(change["object"].get("message", "")))
                version = change["object"]["metadata"]["resourceVersion"]
                if self._took(items, change):
                    self._put(Seen(self._kind.name, tuple(items.values())))

    def _took(self, items: dict[str, Object], change: dict[str, Any]) -> bool:
        """Whether a change changes what is kept."""
        if change["type"] == "BOOKMARK":
            return False
        changed = change["object"]
        if change["type"] == "DELETED":
            return items.pop(changed["metadata"]["uid"], None) is not None
        if not self._kind.keep(changed):
            return False
        items[changed["metadata"]["uid"]] = changed
        return True


def _change(line: str) -> dict[str, Any]:
    try:
        change: dict[str, Any] = json.loads(line)
        if not {"type", "object"} <= change.keys():
            raise ValueError(line)
    except (ValueError, AttributeError):
        raise Unreachable("the watch gave no JSON") from None
    return change
