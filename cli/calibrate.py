"""`burst calibrate`: measure how fast our trainer is here."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.mistakes import Mistakes, at_least, one_of

if TYPE_CHECKING:
    from burst.calibration import Calibration

PROBE, RUN = "A probe", "Or a finished run"


def calibrate(
    preset: Annotated[str, typer.Option(help="Network: demo or published.", metavar="NAME", rich_help_panel=PROBE)] = "demo",
    image: Annotated[
        str | None,
        typer.Option(
            help="Cells of a shower: 25x25x25 or 51x51x25.",
            metavar="XxYxZ",
            rich_help_panel=PROBE,
            show_default="the preset's own",
        ),
    ] = None,
    precision: Annotated[str, typer.Option(help="bf16 or fp32.", metavar="NAME", rich_help_panel=PROBE)] = "bf16",
    batch: Annotated[int, typer.Option(help="Showers of a rank in each step.", metavar="N", rich_help_panel=PROBE)] = 16,
    ranks: Annotated[int, typer.Option(help="Horovod ranks.", metavar="N", rich_help_panel=PROBE)] = 2,
    threads: Annotated[int, typer.Option(help="CPU threads of a rank.", metavar="N", rich_help_panel=PROBE)] = 1,
    steps: Annotated[int, typer.Option(help="Steps to time.", metavar="N", rich_help_panel=PROBE)] = 50,
    run: Annotated[
        Path | None,
        typer.Option(help="Take the speed of the run in this folder instead.", metavar="FOLDER", rich_help_panel=RUN),
    ] = None,
) -> None:
    """Time some steps of the real trainer on this machine, so that forecasts for it rest on its own speed.

    A probe of 50 steps takes a minute (demo) to five (published) and leaves nothing behind but one line in
    .hepburst/calibration.csv; equal measurements refine each other. With --run a run that has finished is the measurement.
    """
    from burst.calibration import from_run, read, refine
    from burst.facts import speeds

    if run is None:
        measured = _probed(preset, image, precision, batch=batch, ranks=ranks, threads=threads, steps=steps)
    else:
        measured = from_run(run)
    before = next((each for each in read(speeds.OWN) if each.key == measured.key), None)
    after = refine(speeds.OWN, measured)
    _say(measured, before, after)


def _probed(preset: str, image: str | None, precision: str, *, batch: int, ranks: int, threads: int, steps: int) -> Calibration:
    """Refuses all mistakes in the options at once."""
    from burst.calibration import probe
    from burst.calibration.pace import MIN_BLOCKS
    from burst.calibration.speed import ImageShape
    from cli.printing import errors
    from cli.question import IMAGES, MIN_BATCH, image_of
    from trainer.contract import Precision, Preset

    mistakes = Mistakes()
    mistakes.attempt(lambda: one_of("--preset", preset, list(Preset)))
    mistakes.attempt(lambda: one_of("--precision", precision, list(Precision)))
    shape: ImageShape | None = None if image is None else mistakes.attempt(lambda: image_of(image))
    counts = (("--batch", batch, MIN_BATCH), ("--ranks", ranks, 1), ("--threads", threads, 1), ("--steps", steps, MIN_BLOCKS))
    for option, given, least in counts:
        mistakes.attempt(partial(at_least, option, given, least))
    mistakes.end()
    console = errors()
    with console.status("starting the trainer") as status:
        return probe(
            preset=Preset(preset),
            image_shape=shape or IMAGES[Preset(preset)],
            precision=Precision(precision),
            batch_per_rank=batch,
            num_ranks=ranks,
            threads_per_rank=threads,
            num_steps=steps,
            progress=lambda doing, done, wanted: status.update(f"{doing}: {done} of {wanted} steps timed"),
        )


def _say(measured: Calibration, before: Calibration | None, after: Calibration) -> None:
    """What was measured, what was known, what is known now."""
    from burst.calibration import OWN_TABLE
    from burst.calibration.speed import image_text

    print(
        f"{measured.processor}, preset {measured.preset}, {image_text(measured.image_shape)} cells, {measured.precision}, "
        f"batch {measured.batch_per_rank} on {measured.num_ranks} x {measured.threads_per_rank} threads"
    )
    print(f"before:   {'not measured on this machine' if before is None else _line(before)}")
    print(f"measured: {_line(measured)}")
    print(f"now:      {_line(after)}")
    if after == before:
        print("nothing is changed: this run is in it already, or a busy machine or few steps make it worse than what is known")
        return
    print(f"written to {OWN_TABLE}, which forecasts for this machine read")


def _line(one: Calibration) -> str:
    from burst.numerals import number
    from burst.plan_view.words import count, with_range
    from burst.ranges import Range

    return (
        f"{with_range(Range(one.seconds_per_step_low, one.seconds_per_step, one.seconds_per_step_high))} s a step, "
        f"{number(one.showers_per_second_per_rank)} showers/s a rank, {count(one.num_steps, 'step')}, "
        f"{one.confidence} confidence, {one.as_of}"
    )
