"""The stack output `run`, the same shape on every stack."""

from __future__ import annotations

from typing import Any

from trainer.contract import EVENTS_FILE, Json, RunResult

HEADLINES = ("mean_layer_error", "response", "largest_response_error", "resolution_ratio", "transverse_error")
"""Figures of `trainer.physics.Physics` that the output shows; the report shows them all."""


PLACE_NAMES = ("id", "results_url", "follow")


def place_output(run_id: str, results_url: str, *, follow: str = "") -> dict[str, Json]:
    """The half of `run` that is known before the run: its id, where its results will be, and how to follow it."""
    return {"id": run_id, "results_url": results_url, "follow": follow or f"tail -f {results_url}/{EVENTS_FILE}"}


ACCEPTED = "accepted"
"""The status of a run that was handed to a cluster."""
MEASURED_NAMES = ("status", "num_epochs", "samples_per_second", "losses", "physics", "checkpoint")


def measured_output(result: RunResult, results_url: str) -> dict[str, Json]:
    """The half of `run` that is known after it, `MEASURED_NAMES`: rates in showers a second over all ranks.

    `result.physics` holds `headline_physics`.
    """
    return {
        "status": str(result.status),
        "num_epochs": result.num_epochs,
        "samples_per_second": rounded(result.samples_per_second),
        "losses": {name: rounded(value) for name, value in result.losses.items()},
        "physics": physics_output(result.physics),
        "checkpoint": f"{results_url}/{result.checkpoint}" if result.checkpoint else "",
    }


def followed_output() -> dict[str, Json]:
    """The other half of `run` where a cluster has accepted it and nothing has been brought home: `run.follow` says how."""
    return {**dict.fromkeys(MEASURED_NAMES), "status": ACCEPTED}


def headline_physics(physics: dict[str, Any]) -> dict[str, Json]:
    """The `HEADLINES` of `RunResult.physics` (`gan`: GAN against Geant4; `floor`: Geant4 against itself): `[value, error]`.

    A hundred times smaller than the whole, which stays in the run's result.json: this much may stand in a stack's state.
    """
    headlines: dict[str, Json] = {}
    for side, figures in physics.items():
        named = {**figures, "mean_layer_error": figures.get("layers", {}).get("mean_error")}
        headlines[side] = {name: named[name] for name in HEADLINES if named.get(name) is not None}
    return headlines


def physics_output(headlines: dict[str, Any]) -> dict[str, Json]:
    """`headline_physics` for people: on showers that were kept from training, with statistical errors.

    >>> physics_output({"gan": {"mean_layer_error": [0.0912, 0.004]}, "floor": {"mean_layer_error": [0.031, 0.004]}})
    {'mean_layer_error': '0.091 +- 0.004 (Geant4 against itself 0.031)'}
    """
    floor = headlines.get("floor", {})
    shown: dict[str, Json] = {}
    for name, (value, error) in headlines.get("gan", {}).items():
        if value is not None:
            itself = f" (Geant4 against itself {floor[name][0]:.3f})" if name in floor and floor[name][0] is not None else ""
            shown[name] = f"{value:.3f}" + (f" +- {error:.3f}" if error is not None else "") + itself
    return shown


def rounded(value: float) -> float:
    """A figure as outputs show it: three significant digits.

    >>> rounded(0.012345), rounded(123456)
    (0.0123, 123000.0)
    """
    return float(f"{value:.3g}")
