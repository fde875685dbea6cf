"""The figures of a comparison as frozen values, and their JSON form: every one with its statistical error."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, Self, get_args, get_origin, get_type_hints

from trainer.contract import Json
from trainer.refusal import Refusal


class Measured(NamedTuple):
    """A figure and its statistical error (one standard deviation), in the same unit; NaN where it is undefined.

    >>> Measured(1.1, 0.02)
    Measured(value=1.1, error=0.02)
    """

    value: float
    error: float

    @property
    def is_defined(self) -> bool:
        """Whether there is a value; its error may still be missing."""
        return math.isfinite(self.value)


UNDEFINED = Measured(math.nan, math.nan)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """One figure of both sets, and what they have in common: `ratio` is GAN / Geant4."""

    unit: str
    geant4: Measured
    gan: Measured
    ratio: Measured


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """One figure along an axis, for both sets; `ratio` is GAN / Geant4 at each of the `positions`."""

    unit: str
    axis: str
    """What `positions` counts, with its unit."""
    positions: tuple[float, ...]
    geant4: tuple[Measured, ...]
    gan: tuple[Measured, ...]
    ratio: tuple[Measured, ...]
    mean_error: Measured
    """Mean over the positions of |ratio - 1|."""
    weighted_error: Measured
    """The same, each position weighted by Geant4's share of the whole."""
    largest_error: Measured


@dataclass(frozen=True, slots=True, kw_only=True)
class EnergyBin:
    """The energy sum of the showers whose electron had `low_gev` <= E < `high_gev`."""

    low_gev: float
    high_gev: float
    num_showers: int
    response: Measured
    """Mean energy sum of the GAN / Geant4."""
    sampling_geant4: Measured
    """Mean of energy sum / E."""
    sampling_gan: Measured
    resolution_geant4: Measured
    """Half the central 68.27% of energy sum / E (a Gaussian's standard deviation) over its mean, without its trend in E."""
    resolution_gan: Measured


@dataclass(frozen=True, slots=True, kw_only=True)
class Physics:
    """How far showers of a GAN are from Geant4's. Energies in GeV, lengths in cells and layers, errors are statistical.

    An `error` of a mean of absolute values (`mean_layer_error` and the like) says how much it would move with other showers;
    that such a mean is above zero even for Geant4 against itself is what the floor (`trainer.physics.floor`) shows.
    """

    num_showers: int
    """Pairs compared."""
    score: Measured
    """One number to choose checkpoints by, 0 is perfect: see `trainer.physics.compare`."""
    response: Measured
    """Mean energy sum over all showers, GAN / Geant4."""
    largest_response_error: Measured
    """Largest |response - 1| of the `response_bins`."""
    resolution_ratio: Measured
    """Mean over the `response_bins` of resolution GAN / Geant4."""
    fluctuation_ratio: Measured
    """Standard deviation of layer energy / E, GAN / Geant4, mean over the layers weighted by energy."""
    transverse_error: Measured
    """Mean of the weighted errors of `rows_x` and `rows_y`."""
    correlation_distance: Measured
    """Root mean square difference of the correlations between the layers' energies / E (each from -1 to 1)."""
    layers: Profile
    """Mean energy in each layer."""
    rows_x: Profile
    """Mean energy in each row of cells along x, all layers together; x counts from the middle of the image."""
    rows_y: Profile
    rings: Profile
    """Mean energy in rings one cell wide about the middle of the image, up to its nearest edge."""
    fluctuations: Profile
    """Standard deviation over the showers of layer energy / E."""
    spectrum: Profile
    """Mean number of cells a shower in logarithmic bins of cell energy; `positions` are the bins' lower edges."""
    response_bins: tuple[EnergyBin, ...]
    paper_bins: tuple[EnergyBin, ...]
    """The bins of the 3DGAN papers, 110, 150 and 190 GeV +- 5, for showers of 100-200 GeV; otherwise empty."""
    sampling_fraction: Pair
    """Mean of energy sum / E."""
    nonlinearity: Pair
    """Largest |sampling fraction in a bin / sampling fraction - 1|."""
    shower_maximum: Pair
    """Depth at which the mean longitudinal profile peaks (parabola through three layers), in layers from the front."""
    second_moments: dict[str, Pair]
    """By axis (x, y, z): mean over the showers of the energy-weighted variance of the cell positions: the papers' metric."""
    moment_errors: dict[str, Measured]
    """By axis: |ratio - 1| of `second_moments`."""
    cells_above: dict[str, Pair]
    """By threshold: mean share of cells above it."""
    angle_error: Pair
    """Mean |theta from the layers' barycentres - theta|; undefined at fixed angle."""
    notes: tuple[str, ...]
    """Why something is undefined."""

    @property
    def mean_layer_error(self) -> Measured:
        """Mean over the layers of |GAN / Geant4 - 1|, each layer counting alike."""
        return self.layers.mean_error

    def summary(self) -> dict[str, Json]:
        """The few scalars that a step or an epoch event carries; None where undefined."""
        return {
            "score": _finite(self.score.value),
            "layer_error": _finite(self.mean_layer_error.value),
            "weighted_layer_error": _finite(self.layers.weighted_error.value),
            "response": _finite(self.response.value),
            "largest_response_error": _finite(self.largest_response_error.value),
            "resolution_ratio": _finite(self.resolution_ratio.value),
            "transverse_error": _finite(self.transverse_error.value),
            "fluctuation_ratio": _finite(self.fluctuation_ratio.value),
        }

    def to_dict(self) -> dict[str, Json]:
        """As plain JSON values; a `Measured` is `[value, error]`, undefined numbers are null."""
        return {field.name: _encoded(getattr(self, field.name)) for field in dataclasses.fields(self)}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """The inverse of `to_dict`; refuses what is not one."""
        try:
            return cls(**_decoded_fields(cls, values))
        except (KeyError, TypeError, ValueError, AttributeError) as problem:
            raise Refusal(
                f"physics that cannot be read ({type(problem).__name__}: {problem})",
                expected="what Physics.to_dict() writes",
                remedy="validate the checkpoint again with this version",
            ) from None


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _encoded(value: Any) -> Json:
    if isinstance(value, Measured):
        return [_finite(value.value), _finite(value.error)]
    if dataclasses.is_dataclass(value):
        return {field.name: _encoded(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, dict):
        return {key: _encoded(item) for key, item in value.items()}
    if isinstance(value, tuple):
        return [_encoded(item) for item in value]
    if isinstance(value, float):
        return _finite(value)
    assert isinstance(value, int | str)
    return value


def _decoded_fields(kind: type, values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _decoded(hint, values[name]) for name, hint in get_type_hints(kind).items()}


def _decoded(hint: Any, value: Any) -> Any:
    if hint is Measured:
        number, error = (math.nan if item is None else float(item) for item in value)
        return Measured(number, error)
    if get_origin(hint) is tuple:
        return tuple(_decoded(get_args(hint)[0], item) for item in value)
    if get_origin(hint) is dict:
        return {str(key): _decoded(get_args(hint)[1], item) for key, item in value.items()}
    if dataclasses.is_dataclass(hint):
        assert isinstance(hint, type)
        return hint(**_decoded_fields(hint, value))
    if hint is float:
        return math.nan if value is None else float(value)
    return int(value) if hint is int else str(value)
