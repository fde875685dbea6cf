"""What of a run is said, and when: everything once, in the order in which it happens."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import Any

from burst.progress import phase_text, step_text
from cli.following.log import event_of
from cli.following.screen import Screen
from cli.following.situation import Situation, Stage, lost_workers
from trainer.contract import EventName

NUM_LAST_LINES = 20
"""Lines of a launcher that are no events, kept for its last words."""


class Teller:
    """Compares what is with what was said."""

    def __init__(self, screen: Screen) -> None:
        self._screen = screen
        self._before: Situation | None = None
        self._told: set[str] = set()
        self._events: set[str] = set()
        self.last_lines: deque[str] = deque(maxlen=NUM_LAST_LINES)
        self.shows_steps = False
        self.last = ""
        """What was seen last, of the job or of its training."""

    def tell(self, now: Situation) -> None:
        """Say what has changed."""
        before, self._before = self._before, now
        for sentence in lost_workers(before, now) if before else ():
            self._screen.say(sentence, "yellow")
        if (before is None or (before.stage, before.text) != (now.stage, now.text)) and not now.stage.is_end:
            self._screen.say(now.text, "yellow" if now.stage is Stage.RESTARTING else "")
            self.shows_steps = False
            self.last = now.text
        if not self.shows_steps:
            self._screen.status(f"{now.stage}: {now.state}" if now.state else "")
        for trouble in now.troubles:
            if trouble.key not in self._told:
                self._told.add(trouble.key)
                self._screen.say(f"{trouble.what}; to mend it: {trouble.remedy}", "red")
        if before and before.troubles and not now.troubles and not now.stage.is_end:
            self._screen.say("that is mended")
            self._told.clear()

    def hear(self, text: str) -> None:
        """A line of the launcher."""
        event = event_of(text)
        if event is None:
            if text.strip():
                self.last_lines.append(text)
            return
        if text in self._events:
            return
        self._events.add(text)
        self._screen.event(text)
        try:
            self._tell_event(event)
        except (KeyError, TypeError, ValueError):  # of another version of the trainer: what is not understood is not shown
            return

    def _tell_event(self, event: Mapping[str, Any]) -> None:
        match event["event"]:
            case EventName.HEALTH:
                self._screen.say(f"warning: {event['problem']}; {event['action']}", "yellow")
            case EventName.STEP:
                self.last = step_text(event)
                self._screen.status(self.last)
                self.shows_steps = True
            case EventName.PHASE:
                self._screen.close()  # the last step belongs before
                self.last = phase_text(event)
                self._screen.say(self.last)
