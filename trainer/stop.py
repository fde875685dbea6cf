"""How a rank is asked to stop. Standard library only: it listens before torch, which takes seconds, is imported."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from types import FrameType
from typing import Self

from trainer import lifeline
from trainer.launch import EXIT_INTERRUPTED, EXIT_LOST, GRACE_SECONDS
from trainer.pods import line
from trainer.pods.line import Word


class StopRequest:
    """Whether SIGINT or SIGTERM came, the launcher of a cluster said so, or the process of HEPBURST_PARENT_PID is gone."""

    def __init__(self) -> None:
        self._asked = self._regroup = False

    def __call__(self) -> bool:
        """Whether it did."""
        return self._asked

    def regroup(self) -> bool:
        """Whether the launcher of an elastic run said that the ranks which there are change."""
        return self._regroup

    def regrouped(self) -> None:
        """A new group begins: forget what was said before."""
        self._regroup = False

    def listen(self) -> Self:
        """From now on the signals only ask; a rank without a launcher watches the parent itself.

        A rank in a cluster connects to its launcher and ends at once when that is gone, or cannot be reached.
        """
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._note)
        if lifeline.LAUNCHER_VARIABLE not in os.environ and lifeline.PARENT_VARIABLE in os.environ:
            threading.Thread(target=self._watch_parent, daemon=True).start()
        if line.ADDRESS_VARIABLE in os.environ:
            try:
                line.follow(self._hear, _end_without_launcher)
            except OSError as problem:
                print(f"the launcher at {os.environ[line.ADDRESS_VARIABLE]}: {problem}", file=sys.stderr, flush=True)
                sys.exit(EXIT_LOST)
        return self

    def _hear(self, word: Word) -> None:
        if word is Word.STOP:
            self._asked = True
        else:
            self._regroup = True

    def _note(self, number: int, frame: FrameType | None) -> None:
        self._asked = True

    def _watch_parent(self) -> None:
        while not lifeline.parent_is_gone():
            time.sleep(lifeline.POLL_SECONDS)
        self._asked = True
        time.sleep(GRACE_SECONDS)
        os._exit(EXIT_INTERRUPTED)


def _end_without_launcher() -> None:
    os._exit(EXIT_LOST)
