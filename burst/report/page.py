"""One self-contained HTML page about a run: no scripts, nothing loaded from elsewhere."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from burst import elsewhere, facts
from burst.numerals import number
from burst.report import words
from burst.report.cost import SIDES, Cell, cell, cost_table
from burst.report.figure import styled
from burst.report.plates import energy_plates, shape_plates, shower_plates, training_plates
from burst.report.record import Record, read_record
from burst.whole_file import write_whole
from trainer.contract import EventName, Json, Preset
from trainer.physics import Pair, Physics
from trainer.refusal import Refusal

_FOLDER = Path(__file__).parent


def write_report(run_folder: Path, *, cost: Mapping[str, Json], out: Path, title: str = "3DGAN training") -> None:
    """Write the page about the run in `run_folder` to the file `out`, whole or not at all.

    `cost` is the stack output of that name: `{"forecast": ..., "actual": ...}`. Equal inputs give equal bytes. Refuses
    missing or damaged input by name; a run that was interrupted, failed or killed still gets a page of what it left.
    """
    page = render(read_record(run_folder), cost=cost, title=title)
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
    except OSError as problem:
        raise Refusal(f"{out}: {problem}", expected="a file that can be written", remedy="choose another place") from None
    write_whole(out, page.encode())


def render(record: Record, *, cost: Mapping[str, Json], title: str) -> str:
    """The page as text."""
    environment = Environment(
        loader=FileSystemLoader(_FOLDER), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters.update(
        {"number": number, **{name: getattr(words, name) for name in ("plain", "percent", "duration", "utc", "sentence")}}
    )
    segments = record.result.segments if record.result else ()
    with styled():
        plates = {
            "training": list(training_plates(record)),
            "energy": list(energy_plates(record)),
            "shapes": list(shape_plates(record)),
            "showers": list(shower_plates(record)),
        }
    return environment.get_template("page.html.j2").render(
        title=title,
        style=Markup((_FOLDER / "page.css").read_text(encoding="utf-8")),  # noqa: S704 - our own file
        config=record.config,
        config_json=json.dumps(record.config.to_dict(), indent=2),
        is_demo=record.config.preset is Preset.DEMO,
        result=record.result,
        wall_seconds=sum(segment.seconds for segment in segments),
        cpu_seconds=sum(segment.cpu_seconds for segment in segments),
        verdict=words.verdict(record),
        gan=record.gan,
        floor=record.floor,
        comparisons=list(_comparisons(record.gan, record.floor)) if record.gan else [],
        problems=record.of_kind(EventName.HEALTH),
        plates=plates,
        costs=cost_table(cost),
        sides=SIDES,
        elsewhere=list(_elsewhere()),
        facts_in_use=str(facts.snapshot()),
    )


class ElsewhereRow(NamedTuple):
    """The full published training on one provider, each figure as expected and `low to high`."""

    provider: str
    plan: str
    is_extrapolated: bool
    figures: tuple[Cell, ...]


def _elsewhere() -> Iterator[ElsewhereRow]:
    for each in elsewhere.published_training():
        ranges = (each.cost.usd, each.cost.hours, each.cost.kgco2e)
        yield ElsewhereRow(each.provider, each.plan, each.is_extrapolated, tuple(cell(found) for found in ranges))


class Comparison(NamedTuple):
    """One row of the table of figures; `floor` is the ratio of Geant4 to itself."""

    name: str
    geant4: str
    gan: str
    ratio: str
    floor: str


def _comparisons(gan: Physics, floor: Physics | None) -> Iterator[Comparison]:
    for name, pair in _pairs(gan).items():
        if pair.geant4.is_defined:
            in_percent = pair.unit == ""
            show = words.percent_exactly if in_percent else words.plain
            unit = "" if in_percent else f" / {pair.unit}"
            against = words.plain(_pairs(floor)[name].ratio) if floor and name in _pairs(floor) else words.UNDEFINED
            yield Comparison(f"{name}{unit}", show(pair.geant4), show(pair.gan), words.plain(pair.ratio), against)


def _pairs(physics: Physics) -> dict[str, Pair]:
    return {
        "sampling fraction": physics.sampling_fraction,
        "non-linearity": physics.nonlinearity,
        "shower maximum": physics.shower_maximum,
        **{f"second moment in {axis}": pair for axis, pair in physics.second_moments.items()},
        **{f"cells above {threshold}": pair for threshold, pair in physics.cells_above.items()},
        "angle from the layers, mean |deviation|": physics.angle_error,
    }
