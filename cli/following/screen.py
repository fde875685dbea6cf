"""How a run that is followed is shown: one live line on a terminal, a line now and then in a log, raw events for programs."""

from __future__ import annotations

import datetime
import math
import time
from collections.abc import Callable
from typing import Protocol

from rich.console import Console
from rich.status import Status

from cli.printing import errors, output

LOG_SECONDS = 10.0
"""Least time between two lines of a log that say how far a run is."""
FIRST_SECONDS = 0.5
"""Before the first of them: what was said before we came goes by."""


class Screen(Protocol):
    """Where a run is shown."""

    def say(self, sentence: str, style: str = "") -> None:
        """What is said once."""

    def status(self, text: str) -> None:
        """How far it is; the next takes its place."""

    def event(self, raw: str) -> None:
        """A training event, as the run said it."""

    def tick(self) -> None:
        """Time passes."""

    def close(self) -> None:
        """Nothing more comes."""


class Terminal:
    """Sentences one above the other, and below them one line that changes."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._status: Status | None = None

    def say(self, sentence: str, style: str = "") -> None:
        """A line of its own."""
        self._console.print(f"{clock_time()}  {sentence}", style=style, soft_wrap=True)

    def status(self, text: str) -> None:
        """The line that changes; an empty text takes it away."""
        if not text:
            self.close()
        elif self._status is None:
            self._status = self._console.status(text)
            self._status.start()
        else:
            self._status.update(text)

    def event(self, raw: str) -> None:
        """Not shown as it is."""

    def tick(self) -> None:
        """The line moves by itself."""

    def close(self) -> None:
        """Take the line away."""
        if self._status is not None:
            self._status.stop()
            self._status = None


class Log:
    """Sentences at once, how far the run is every `LOG_SECONDS`; if `is_raw`, instead of that, raw events on stdout."""

    def __init__(self, console: Console, *, is_raw: bool, clock: Callable[[], float] = time.monotonic) -> None:
        self._console, self._is_raw, self._clock = console, is_raw, clock
        self._status, self._shown = "", ""
        self._due = math.inf

    def say(self, sentence: str, style: str = "") -> None:
        """A line."""
        self._console.print(f"{clock_time()}  {sentence}", style=style, soft_wrap=True)

    def status(self, text: str) -> None:
        """Kept until it is due."""
        self._status = text
        if self._due == math.inf:
            self._due = self._clock() + FIRST_SECONDS

    def event(self, raw: str) -> None:
        """As it is, for programs."""
        if self._is_raw:
            print(raw, flush=True)

    def tick(self) -> None:
        """The last status, if it is new and due."""
        if self._is_raw or self._clock() < self._due or self._status in ("", self._shown):
            return
        self._shown = self._status
        self._due = self._clock() + LOG_SECONDS
        self.say(self._status)

    def close(self) -> None:
        """The last status, if it was not shown."""
        self._due = min(self._due, self._clock()) if self._status else self._due
        self.tick()
        self._status = ""


def screen_for(*, as_json: bool) -> Screen:
    """On stdout; with `as_json` events alone are there, and sentences on stderr."""
    if as_json:
        return Log(errors(), is_raw=True)
    console = output()
    return Terminal(console) if console.is_terminal else Log(console, is_raw=False)


def clock_time() -> str:
    """Now, on this machine's clock."""
    return datetime.datetime.now().astimezone().strftime("%H:%M:%S")
