"""A run's events as lines of text, the same wherever a run is followed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

LOSSES = {"generator": "G", "discriminator": "D"}
"""The losses that fit into a line, and how."""


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
