"""What the report says in words: the verdict of a run, and numbers with their units."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, datetime

from burst.report.physics_figures import RESPONSE_GOAL
from burst.report.record import Record
from trainer.contract import RunStatus
from trainer.physics import Measured, Physics

LAYER_ERROR_GOAL = 0.15
UNDEFINED = "\N{EN DASH}"
RATIO_NEAR_ONE = 0.1
"""A ratio of spreads this near to one, or within two errors of it, counts as agreement."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether the run reached what it was for: a headline, its tone (good, fair, bad), and sentences with the figures."""

    headline: str
    tone: str
    sentences: tuple[str, ...]


def verdict(record: Record) -> Verdict:
    """Judge a run by the goals (15% on the mean layer and on the response in each bin), then by what means do not show."""
    result, gan = record.result, record.gan
    if result is None:
        return Verdict(
            "No result yet", "bad", ("The run is still going on or was killed: what follows is what it had written.",)
        )
    if gan is None:
        ended = "was stopped" if result.status is RunStatus.INTERRUPTED else "ended"
        headline = f"The run {ended} before its showers could be judged"
        return Verdict(headline, "bad", (sentence(result.message),) if result.message else ())
    goals = [
        (gan.mean_layer_error.value <= LAYER_ERROR_GOAL, _layer_sentence(gan, record.floor)),
        (gan.largest_response_error.value <= RESPONSE_GOAL, _response_sentence(gan, record.floor)),
    ]
    reached = sum(is_reached for is_reached, _ in goals)
    headline = ("Neither goal was reached", "One of two goals was reached", "Both goals were reached")[reached]
    sentences = [text for _, text in goals] + [_resolution_sentence(gan), _fluctuation_sentence(gan)]
    if reached == 2 and not (_agrees(gan.resolution_ratio) and _agrees(gan.fluctuation_ratio)):
        sentences.append("So it is fit for studies of mean energies and shapes, not yet of resolution or of single showers.")
    if result.status is not RunStatus.SUCCEEDED:
        headline += f", but the run {'was interrupted' if result.status is RunStatus.INTERRUPTED else 'failed'}"
        sentences.insert(0, sentence(result.message))
    tone = ("bad", "fair", "good" if result.status is RunStatus.SUCCEEDED else "fair")[reached]
    return Verdict(headline, tone, tuple(text for text in sentences if text))


def _layer_sentence(gan: Physics, floor: Physics | None) -> str:
    against = f"; Geant4 against itself, with half the showers: {percent(floor.mean_layer_error)}" if floor else ""
    return (
        f"The mean energy in a layer is off by {percent(gan.mean_layer_error)} on average, "
        f"{percent(gan.layers.weighted_error)} if layers count by their energy (goal: at most {LAYER_ERROR_GOAL:.0%}{against})."
    )


def _response_sentence(gan: Physics, floor: Physics | None) -> str:
    if not gan.largest_response_error.is_defined:
        return "There were too few test showers to judge the response in bins of energy."
    against = f"; floor {percent(floor.largest_response_error)}" if floor and floor.largest_response_error.is_defined else ""
    return (
        f"The mean energy sum is off by {percent(gan.largest_response_error)} in the worst energy bin "
        f"(goal: at most {RESPONSE_GOAL:.0%}{against})."
    )


def _resolution_sentence(gan: Physics) -> str:
    ratio = gan.resolution_ratio
    if not ratio.is_defined:
        return ""
    if _agrees(ratio):
        return f"The energy resolution agrees with Geant4's (ratio {plain(ratio)})."
    how = (
        "wider: its showers of one energy differ more" if ratio.value > 1 else "narrower: its showers of one energy differ less"
    )
    return f"The energy resolution is {plain(ratio)} times Geant4's, so {how} than they should."


def _fluctuation_sentence(gan: Physics) -> str:
    ratio = gan.fluctuation_ratio
    if not ratio.is_defined:
        return ""
    if _agrees(ratio):
        return f"Layers fluctuate as much as in Geant4 (ratio {plain(ratio)})."
    how = "single showers are rougher than real ones" if ratio.value > 1 else "single showers are too much like the average one"
    return f"Layers fluctuate {plain(ratio)} times as much as in Geant4: {how}."


def _agrees(ratio: Measured) -> bool:
    distance = abs(ratio.value - 1)
    return distance <= RATIO_NEAR_ONE or (math.isfinite(ratio.error) and distance <= 2 * ratio.error)


def plain(figure: Measured, scale: float = 1.0) -> str:
    """`value ± error` to two digits of the error, an en dash where undefined.

    >>> plain(Measured(1.0987, 0.0213)), plain(Measured(12.3, 4.56)), plain(Measured(math.nan, math.nan))
    ('1.099 ± 0.021', '12.3 ± 4.6', '–')
    """
    if not figure.is_defined:
        return UNDEFINED
    value, error = figure.value * scale, figure.error * scale
    if not math.isfinite(error) or error <= 0:
        return f"{value:.3g}"
    decimals = min(6, max(0, 1 - math.floor(math.log10(error))))
    return f"{value:.{decimals}f} ± {error:.{decimals}f}"


def percent(figure: Measured) -> str:
    """As `plain`, in percent to one digit of the error.

    >>> percent(Measured(0.0812, 0.0049))
    '8.1 ± 0.5 %'
    """
    if not figure.is_defined:
        return UNDEFINED
    value, error = figure.value * 100, figure.error * 100
    decimals = 0 if value >= 30 else 1
    return f"{value:.{decimals}f} ± {error:.{decimals}f} %" if math.isfinite(error) else f"{value:.{decimals}f} %"


def percent_exactly(figure: Measured) -> str:
    """As `plain`, in percent.

    >>> percent_exactly(Measured(0.026604, 0.000082))
    '2.6604 ± 0.0082 %'
    """
    return f"{plain(figure, scale=100)} %" if figure.is_defined else UNDEFINED


def duration(seconds: float) -> str:
    """Seconds for people.

    >>> duration(4.2), duration(83), duration(7384)
    ('4.2 s', '1 min 23 s', '2 h 03 min')
    """
    if seconds < 10:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


def utc(unix_seconds: float) -> str:
    """A moment, to the second.

    >>> utc(0)
    '1970-01-01 00:00:00 UTC'
    """
    return datetime.fromtimestamp(unix_seconds, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def sentence(text: str) -> str:
    """With a capital and a full stop.

    >>> sentence("stopped by a signal")
    'Stopped by a signal.'
    """
    text = text.strip()
    return text if not text else text[0].upper() + text[1:] + ("" if text.endswith((".", "!", "?")) else ".")
