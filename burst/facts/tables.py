"""The tables of facts: one frozen row type each, and the one way to look a row up."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from trainer.contract import Precision, Preset
from trainer.refusal import Refusal, closest

_FOLDER = Path(__file__).parent


@dataclass(frozen=True, slots=True, kw_only=True)
class GridCarbon:
    """What a kilowatt-hour from the grid of one region emits (location-based yearly average)."""

    region: str
    """`provider/region`."""
    location: str
    gco2e_per_kwh: float
    source: str
    as_of: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CpuPower:
    """Watts of one busy virtual CPU (one hardware thread at full load): the families' least, median and most."""

    low_w: float
    expected_w: float
    high_w: float
    source: str
    as_of: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainerSpeed:
    """What our trainer was measured to do on one CPU thread a rank, and how far other CPUs may lie from it."""

    showers_per_second_per_rank: float
    """Training, two ranks running."""
    slowest_factor: float
    fastest_factor: float
    start_seconds: float
    """From the launch to the first step, and from the last step's evaluation to the end, together."""
    evaluation_seconds: float
    """Judging the physics after one epoch."""
    factor_source: str
    source: str
    as_of: str


@cache
def grid_carbon(region: str) -> GridCarbon:
    """The grid of `provider/region`; refuses a region that has no row.

    >>> grid_carbon("gcp/europe-west6").location
    'Zürich'
    """
    rows = {f"{row['provider']}/{row['region']}": row for row in _rows("grid_carbon.csv")}
    if region not in rows:
        raise Refusal(
            f"no grid factor for region {region}{closest(region, rows)}",
            expected="a provider/region of burst/facts/grid_carbon.csv, e.g. gcp/europe-west6 (Zurich)",
            remedy="choose the region nearest to the machine, or add a row with its source",
        )
    row = rows[region]
    return GridCarbon(
        region=region,
        location=row["location"],
        gco2e_per_kwh=float(row["gco2eq_per_kwh"]),
        source=row["source"],
        as_of=row["as_of"],
    )


@cache
def cpu_power() -> CpuPower:
    """Power of a busy thread of a CPU that is not known: the range over the known server families, and their median."""
    rows = _rows("cpu_power.csv")
    busy_w = [float(row["max_w_per_vcpu"]) for row in rows]
    median = next(row for row in rows if row["cpu_family"] == "default (median)")
    return CpuPower(
        low_w=min(busy_w),
        expected_w=float(median["max_w_per_vcpu"]),
        high_w=max(busy_w),
        source=median["source"],
        as_of=median["as_of"],
    )


@cache
def trainer_speed(preset: Preset, image_shape: tuple[int, int, int], precision: Precision) -> TrainerSpeed:
    """Measured speed for a preset, image and arithmetic; refuses what nobody has measured."""
    image = "x".join(map(str, image_shape))
    for row in _rows("trainer_speed.csv"):
        if (row["preset"], row["image_shape"], row["precision"]) == (preset, image, precision):
            numbers = {
                name: float(row[name])
                for name in (
                    "showers_per_second_per_rank",
                    "slowest_factor",
                    "fastest_factor",
                    "start_seconds",
                    "evaluation_seconds",
                )
            }
            return TrainerSpeed(**numbers, factor_source=row["factor_source"], source=row["source"], as_of=row["as_of"])
    raise Refusal(
        f"the speed of preset {preset} in {precision} on {image} images was never measured",
        expected="a row in burst/facts/trainer_speed.csv",
        remedy="measure it (make bench) and add the row",
    )


def _rows(name: str) -> Sequence[Mapping[str, str]]:
    with (_FOLDER / name).open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    for number, row in enumerate(rows, start=2):
        if not row["source"] or not row["as_of"]:
            raise Refusal(
                f"{name}, line {number}, has no source or date", expected="both", remedy="add them, or remove the row"
            )
    return rows
