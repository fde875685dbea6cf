"""A comparison as plain text, for `python -m trainer validate`."""

from __future__ import annotations

import math
from collections.abc import Iterator

from trainer.physics.values import EnergyBin, Measured, Pair, Physics

_WIDTHS = (34, 24, 24, 20, 20)


def table(physics: Physics, floor: Physics) -> str:
    """The figures of a comparison and of its floor, a line each; ends without a line break."""
    return "\n".join(_lines(physics, floor))


def _lines(physics: Physics, floor: Physics) -> Iterator[str]:
    yield f"{physics.num_showers} showers of each; errors are statistical (one standard deviation)"
    yield f"floor: Geant4 against Geant4, {floor.num_showers} pairs"
    yield ""
    yield _row("GAN against Geant4", "", "", "GAN / Geant4", "floor")
    for name, of, floor_of in _deviations(physics, floor):
        yield _row(name, "", "", as_percent(of), as_percent(floor_of))
    yield _row("resolution", "", "", plain(physics.resolution_ratio), plain(floor.resolution_ratio))
    yield _row("layer fluctuations", "", "", plain(physics.fluctuation_ratio), plain(floor.fluctuation_ratio))
    yield _row(
        "layer correlations, rms distance", "", "", plain(physics.correlation_distance), plain(floor.correlation_distance)
    )
    yield _row("score (0 is perfect)", "", "", plain(physics.score), plain(floor.score))
    yield ""
    yield _row("", "Geant4", "GAN", "GAN / Geant4", "floor")
    for name, pair, floor_pair in _pairs(physics, floor):
        yield _row(name, plain(pair.geant4), plain(pair.gan), plain(pair.ratio), plain(floor_pair.ratio))
    yield ""
    yield _row("energy sum", "resolution Geant4", "resolution GAN", "response", "showers")
    for energy_bin in (*physics.response_bins, *physics.paper_bins):
        yield _bin_row(energy_bin)
    for note in physics.notes:
        yield f"undefined: {note}"


def _deviations(physics: Physics, floor: Physics) -> Iterator[tuple[str, Measured, Measured]]:
    yield "layer energy, mean |deviation|", physics.layers.mean_error, floor.layers.mean_error
    yield "  weighted by energy", physics.layers.weighted_error, floor.layers.weighted_error
    yield "  largest", physics.layers.largest_error, floor.layers.largest_error
    yield "rows in x, weighted", physics.rows_x.weighted_error, floor.rows_x.weighted_error
    yield "rows in y, weighted", physics.rows_y.weighted_error, floor.rows_y.weighted_error
    yield "rings, weighted", physics.rings.weighted_error, floor.rings.weighted_error
    yield "response in bins, largest", physics.largest_response_error, floor.largest_response_error


def _pairs(physics: Physics, floor: Physics) -> Iterator[tuple[str, Pair, Pair]]:
    yield "sampling fraction", physics.sampling_fraction, floor.sampling_fraction
    yield "non-linearity", physics.nonlinearity, floor.nonlinearity
    yield "shower maximum / layers", physics.shower_maximum, floor.shower_maximum
    for axis, pair in physics.second_moments.items():
        yield f"second moment {axis} / {pair.unit}", pair, floor.second_moments[axis]
    for threshold, pair in physics.cells_above.items():
        yield f"share of cells above {threshold}", pair, floor.cells_above[threshold]
    if physics.angle_error.geant4.is_defined:
        yield "angle, mean |deviation| / rad", physics.angle_error, floor.angle_error


def _bin_row(energy_bin: EnergyBin) -> str:
    return _row(
        f"{energy_bin.low_gev:g}-{energy_bin.high_gev:g} GeV",
        as_percent(energy_bin.resolution_geant4),
        as_percent(energy_bin.resolution_gan),
        plain(energy_bin.response),
        str(energy_bin.num_showers),
    )


def _row(*cells: str) -> str:
    first, *others = (
        cell.ljust(width) if place == 0 else cell.rjust(width)
        for place, (cell, width) in enumerate(zip(cells, _WIDTHS, strict=True))
    )
    return (first + "".join(others)).rstrip()


def plain(figure: Measured, scale: float = 1.0, suffix: str = "") -> str:
    """`value ± error`, rounded to two digits of the error; a dash where undefined.

    >>> plain(Measured(1.0987, 0.0213)), plain(Measured(0.0269, 0.00004)), plain(Measured(math.nan, math.nan))
    ('1.099 ± 0.021', '0.026900 ± 0.000040', '-')
    """
    if not figure.is_defined:
        return "-"
    value, error = figure.value * scale, figure.error * scale
    if not math.isfinite(error) or error <= 0:
        return f"{value:.4g}{suffix}"
    decimals = max(0, min(8, 1 - math.floor(math.log10(error))))
    return f"{value:.{decimals}f} ± {error:.{decimals}f}{suffix}"


def as_percent(figure: Measured) -> str:
    """As `plain`, in percent.

    >>> as_percent(Measured(0.0812, 0.0049))
    '8.12 ± 0.49 %'
    """
    return plain(figure, scale=100, suffix=" %")
