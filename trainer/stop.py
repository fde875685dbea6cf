"""How a rank is asked to stop. Standard library only: it listens before torch, which takes seconds, is imported."""

from __future__ import annotations

import os
import signal
import threading
import time
from types import FrameType
from typing import Self

from trainer import lifeline
from trainer.launch import EXIT_INTERRUPTED, GRACE_SECONDS


class StopRequest:
    """Whether SIGINT or SIGTERM came, or the process that HEPBURST_PARENT_PID names is gone."""

    def __init__(self) -> None:
        self._asked = False

    def __call__(self) -> bool:
        """Whether it did."""
        return self._asked

    def listen(self) -> Self:
        """From now on the signals only ask; a rank without a launcher watches the parent itself."""
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._note)
        if lifeline.LAUNCHER_VARIABLE not in os.environ and lifeline.PARENT_VARIABLE in os.environ:
            threading.Thread(target=self._watch_parent, daemon=True).start()
        return self

    def _note(self, number: int, frame: FrameType | None) -> None:
        self._asked = True

    def _watch_parent(self) -> None:
        while not lifeline.parent_is_gone():
            time.sleep(lifeline.POLL_SECONDS)
        self._asked = True
        time.sleep(GRACE_SECONDS)
        os._exit(EXIT_INTERRUPTED)
