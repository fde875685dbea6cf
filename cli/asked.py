"""The options of `burst plan`: each with its type, unit, default and help, written once."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, get_type_hints

import typer

LIMITS, MACHINES, TRAINING, OUTPUT = "Limits", "What may be rented", "What is trained", "What is shown"


def _option(panel: str, metavar: str, text: str, *, default: str | bool = True) -> Any:
    """`default`: how the help tells it, where None stands for something else."""
    return typer.Option(help=text, metavar=metavar, rich_help_panel=panel, show_default=default)


def _flag(panel: str, name: str, text: str) -> Any:
    return typer.Option(name, help=text, rich_help_panel=panel, show_default=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A command line as it was given, not yet checked."""

    hours: Annotated[
        float | None, _option(LIMITS, "HOURS", "Deadline: hours from the grant of the machines to nothing left.")
    ] = None
    usd: Annotated[float | None, _option(LIMITS, "USD", "Budget, US dollars.")] = None
    kgco2e: Annotated[float | None, _option(LIMITS, "KG", "Carbon, kilograms of CO2 equivalent (location-based).")] = None

    provider: Annotated[list[str] | None, _option(MACHINES, "NAME", "gcp, azure or oci; repeatable.", default="all")] = None
    region: Annotated[
        list[str] | None, _option(MACHINES, "NAME", "Such as europe-west4, westeurope; repeatable.", default="all")
    ] = None
    shape: Annotated[
        list[str] | None,
        _option(MACHINES, "NAME", "Such as n1-standard-96+8xV100-16GB, Standard_NC96ads_A100_v4; repeatable.", default="all"),
    ] = None
    accelerator: Annotated[
        list[str] | None, _option(MACHINES, "NAME", "Such as V100-16GB, A100-80GB, TPU-v3; repeatable.", default="all")
    ] = None
    purchase: Annotated[list[str] | None, _option(MACHINES, "HOW", "on-demand or spot; repeatable.", default="both")] = None
    quota: Annotated[
        list[str] | None,
        _option(MACHINES, "NAME=N", "GPUs or TPU chips of one kind at most, such as V100-16GB=16; repeatable."),
    ] = None
    max_accelerators: Annotated[int, _option(MACHINES, "N", "GPUs or TPU chips at most, all nodes together.")] = 128
    batch: Annotated[
        list[int] | None,
        _option(MACHINES, "N", "Showers of a rank in each step; repeatable.", default="8 to 512, as far as they fit"),
    ] = None
    measured_only: Annotated[
        bool,
        _flag(MACHINES, "--measured-only", "Only accelerators that CERN measured (V100, TPU v2, TPU v3), and no more of them."),
    ] = False
    allow_old: Annotated[bool, _flag(MACHINES, "--allow-old", "Also prices older than 180 days.")] = False

    epochs: Annotated[
        int | None, _option(TRAINING, "N", "Passes over the showers.", default="60, unless --updates or --accuracy")
    ] = None
    updates: Annotated[int | None, _option(TRAINING, "N", "Instead: steps of the optimiser, whatever the batch.")] = None
    min_updates: Annotated[
        int | None,
        _option(TRAINING, "N", "Leave out plans with fewer updates.", default="1,200, the fewest that were published"),
    ] = None
    accuracy: Annotated[
        float | None,
        _option(TRAINING, "PERCENT", "Instead: as many updates as published trainings took to this ECAL error (8.3 to 11)."),
    ] = None
    showers: Annotated[int, _option(TRAINING, "N", "Training showers in an epoch.")] = 124_987
    preset: Annotated[str, _option(TRAINING, "NAME", "Network: published or demo.")] = "published"
    image: Annotated[
        str | None, _option(TRAINING, "XxYxZ", "Cells of a shower.", default="51x51x25; for the demo preset 25x25x25")
    ] = None
    implementation: Annotated[str, _option(TRAINING, "NAME", "Trainer: hepburst or cern-tensorflow.")] = "hepburst"

    count: Annotated[int, _option(OUTPUT, "N", "Rows of the table at most.")] = 12
    sort: Annotated[str, _option(OUTPUT, "BY", "Order of the rows: usd, hours or kgco2e.")] = "usd"
    explain: Annotated[
        int | None, _option(OUTPUT, "ROW", "Itemise this row of the table that the same other options print.")
    ] = None
    plot: Annotated[
        list[Path] | None,
        _option(OUTPUT, "FILE", "Also draw: a .png or .svg, or an .html page of everything; repeatable."),
    ] = None
    as_json: Annotated[bool, _flag(OUTPUT, "--json", "A JSON document instead of text.")] = False


def taking_options(verb: Callable[[Asked], int]) -> Callable[..., int]:
    """`verb` as typer wants it: a function with one parameter for each field of `Asked`."""

    def run(**given: Any) -> int:
        return verb(Asked(**given))

    kinds = get_type_hints(Asked, include_extras=True)
    parameters = [parameter.replace(annotation=kinds[name]) for name, parameter in inspect.signature(Asked).parameters.items()]
    run.__signature__ = inspect.Signature(parameters, return_annotation=int)  # type: ignore[attr-defined]  # typer reads it
    run.__annotations__ = {**kinds, "return": int}
    run.__doc__ = verb.__doc__
    return run
