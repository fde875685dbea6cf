"""The stack output `run`, the same shape on every stack."""

from __future__ import annotations

from trainer.contract import EVENTS_FILE, Json, RunResult

SIGNIFICANT_DIGITS = 3
HEADLINES = ("response", "largest_response_error", "resolution_ratio", "transverse_error")
"""Members of `trainer.physics.Physics` that the output shows; the report shows them all."""


def place_output(run_id: str, results_url: str) -> dict[str, Json]:
    """The half of `run` that is known before the run: its id, where its results will be, and how to follow it."""
    return {"id": run_id, "results_url": results_url, "follow": f"tail -f {results_url}/{EVENTS_FILE}"}


MEASURED_NAMES = ("status", "num_epochs", "samples_per_second", "losses", "physics", "checkpoint")


def measured_output(result: RunResult, results_url: str) -> dict[str, Json]:
    """The half of `run` that is known after it, `MEASURED_NAMES`: rates in showers a second over all ranks."""
    return {
        "status": str(result.status),
        "num_epochs": result.num_epochs,
        "samples_per_second": _rounded(result.samples_per_second),
        "losses": {name: _rounded(value) for name, value in result.losses.items()},
        "physics": physics_output(result.physics),
        "checkpoint": f"{results_url}/{result.checkpoint}" if result.checkpoint else "",
    }


def physics_output(physics: dict[str, Json]) -> dict[str, Json]:
    """The headline figures, GAN against Geant4 on showers that were kept from training, as `value +- statistical error`.

    >>> physics_output({"response": [1.0234, 0.0121], "layers": {"mean_error": [0.0912, 0.004]}})
    {'mean_layer_error': '0.091 +- 0.004', 'response': '1.023 +- 0.012'}
    """
    layers = physics.get("layers")
    figures = {"mean_layer_error": layers.get("mean_error") if isinstance(layers, dict) else None}
    figures |= {name: physics.get(name) for name in HEADLINES}
    return {name: shown for name, figure in figures.items() if (shown := _with_error(figure)) is not None}


def _with_error(figure: Json) -> Json:
    match figure:
        case [int() | float() as value, int() | float() as error]:
            return f"{value:.3f} +- {error:.3f}"
        case [int() | float() as value, _]:
            return f"{value:.3f}"
    return None


def _rounded(value: float) -> float:
    return float(f"{value:.{SIGNIFICANT_DIGITS}g}")
