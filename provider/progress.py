"""A run's events as one line of text beside its resource, often enough to see it live and seldom enough to read it in a log."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from provider.engine import Engine
from trainer.contract import EventName

LIVE_SECONDS, LOG_SECONDS = 1.0, 10.0
"""Least time between two texts where they replace each other (a terminal), and where each is a new line."""

LOSSES = {"generator": "G", "discriminator": "D"}
"""The losses that fit into a line, and how."""


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


def step_text(event: Mapping[str, Any]) -> str:
    """Where a run is, the most wanted first, for a terminal cuts what is too long.

    >>> step_text({"epoch": 3, "num_epochs": 20, "step": 120, "num_steps": 800, "samples_per_second": 219.7,
    ...            "seconds_left": 41.2, "losses": {"generator": 1.306, "discriminator": 0.64, "d_real": 0.5}})
    'epoch 3/20  0:41 left  220 showers/s  G 1.31  D 0.64  step 120/800'
    """
    losses = event["losses"]
    minutes, seconds = divmod(round(event["seconds_left"]), 60)
    return "  ".join(
        [
            f"epoch {event['epoch']:.0f}/{event['num_epochs']:.0f}",
            f"{minutes}:{seconds:02d} left",
            f"{event['samples_per_second']:.0f} showers/s",
            *(f"{short} {losses[name]:.2f}" for name, short in LOSSES.items() if losses.get(name) is not None),
            f"step {event['step']:.0f}/{event['num_steps']:.0f}",
        ]
    )


def phase_text(event: Mapping[str, Any]) -> str:
    """What a run begins to do.

    >>> phase_text({"name": "training", "resumed_at_step": 40})
    'training, resumed at step 40'
    """
    resumed = f", resumed at step {event['resumed_at_step']:.0f}" if event.get("resumed_at_step") else ""
    return f"{event['name']}{resumed}"
