"""A run's events as one line of text beside its resource, often enough to see it live and seldom enough to read it in a log."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from burst.progress import phase_text, step_text
from provider.engine import Engine
from trainer.contract import EventName

LIVE_SECONDS, LOG_SECONDS = 1.0, 10.0
"""Least time between two texts where they replace each other (a terminal), and where each is a new line."""


class Progress:
    """Follows one run for the engine."""

    def __init__(self, engine: Engine, urn: str) -> None:
        self._engine, self._urn = engine, urn
        self._seconds_between = LIVE_SECONDS if engine.shows_live_tree else LOG_SECONDS
        self._shown_at = float("-inf")

    async def show(self, event: Mapping[str, Any]) -> None:
        """Show one event of `trainer.contract.EventName`, unless it comes too soon after the last."""
        now = time.monotonic()
        match event["event"]:
            case EventName.HEALTH:
                await self._engine.warning(self._urn, f"{event['problem']}; {event['action']}")
            case EventName.STEP if now - self._shown_at >= self._seconds_between:
                self._shown_at = now
                await self._engine.status(self._urn, step_text(event))
            case EventName.PHASE:
                await self._engine.status(self._urn, phase_text(event))
