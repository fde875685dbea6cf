"""`burst check-timing`: does the model of time predict what was measured?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rich.table import Table

    from burst.forecast.check_timing import Check, Checked, Summary
    from trainer.contract import Json

EXIT_UNPREDICTED = 1
SCHEMA = 1


def check_timing(
    file: Annotated[Path, typer.Argument(help="Measured epoch times, as CSV.", metavar="FILE.csv")],
    as_json: Annotated[bool, typer.Option("--json", help="A JSON document instead of tables.")] = False,
) -> int:
    """Compare measured epoch times of 3DGAN with what the forecast's model of time predicts for them.

    Epochs after the first are meant: epoch_seconds is the mean time of one of them, on CERN's data set (124,987 showers of
    51 x 51 x 25 cells) with CERN's trainer. The first one (graphs, compilation, first read) is an item of its own in forecasts
    and is not compared here.

    Columns: platform (gke, gcp-tpu or azureml), accelerator (V100-16GB, TPU-v3-8, ...), num_accelerators (GPUs or TPU cores),
    num_nodes (may be empty: full nodes of eight), batch_per_accelerator, prefetch (yes or no), epoch_seconds. These may be left
    out: num_nodes, cache, first_epoch_seconds, source.

    The error is (predicted - measured) / measured. Exit status 0: over the whole file the median of the absolute errors is at
    most 5% and at least 85% of the rows are inside their ranges; 1: not so; 2: the file cannot be read.
    """
    from burst.forecast.check_timing import check
    from cli.printing import print_json

    found = check(file)
    if as_json:
        print_json(document(found))
    else:
        say(found)
    return 0 if found.overall.passes else EXIT_UNPREDICTED


def document(found: Check) -> dict[str, Json]:
    """All that is said, for programs; seconds, and errors and shares as fractions of 1."""
    from burst.forecast.check_timing import MAX_MEDIAN_ERROR, MIN_SHARE_INSIDE

    return {
        "schema": SCHEMA,
        "passes": found.overall.passes,
        "limits": {"max_median_error": MAX_MEDIAN_ERROR, "min_share_inside": MIN_SHARE_INSIDE},
        "overall": _summary(found.overall),
        "platforms": {each.name: _summary(each) for each in found.platforms},
        "rows": [_row(row) for row in found.rows],
    }


def _summary(one: Summary) -> dict[str, Json]:
    return {
        "num_rows": one.num_rows,
        "mean_error": round(one.mean_error, 5),
        "median_error": round(one.median_error, 5),
        "worst_error": round(one.worst_error, 5),
        "share_inside": round(one.share_inside, 5),
    }


def _row(row: Checked) -> dict[str, Json]:
    run, predicted = row.run, row.predicted
    return {
        "platform": str(run.platform),
        "accelerator": run.accelerator,
        "num_accelerators": run.num_ranks,
        "num_nodes": run.num_nodes,
        "batch_per_accelerator": run.batch_per_rank,
        "prefetch": run.has_prefetch,
        "epoch_seconds": run.epoch_seconds,
        "low": round(predicted.low, 2),
        "expected": round(predicted.expected, 2),
        "high": round(predicted.high, 2),
        "error": round(row.error, 5),
        "is_inside": row.is_inside,
        "is_extrapolated": row.is_extrapolated,
    }


def say(found: Check) -> None:
    """Rows, platforms, verdict."""
    from burst.forecast.check_timing import MAX_MEDIAN_ERROR, MIN_SHARE_INSIDE
    from burst.plan_view.words import percent
    from cli.printing import output

    console = output()
    console.print("Seconds of an epoch after the first, measured and predicted; error: (predicted - measured) / measured")
    console.print(rows_table(found))
    console.print("Absolute errors, and the share of rows inside their range:")
    console.print(platforms_table(found))
    verdict = "predicted" if found.overall.passes else "not predicted"
    console.print(
        f"{verdict}: median error {percent(found.overall.median_error)} (at most {percent(MAX_MEDIAN_ERROR)}), "
        f"{percent(found.overall.share_inside)} inside (at least {percent(MIN_SHARE_INSIDE)})",
        style="bold",
    )


def rows_table(found: Check) -> Table:
    """A line a measurement."""
    from burst.numerals import number
    from cli.cost_table import plain_table

    figures = ("ranks", "nodes", "batch", "prefetch", "measured", "low", "expected", "high", "error")
    table = plain_table("platform, accelerator", figures=figures, texts=("",))
    for row in found.rows:
        run, predicted = row.run, row.predicted
        notes = [note for note, is_so in (("outside", not row.is_inside), ("extrapolated", row.is_extrapolated)) if is_so]
        table.add_row(
            f"{run.platform} {run.accelerator}",
            *map(str, (run.num_ranks, run.num_nodes, run.batch_per_rank)),
            "yes" if run.has_prefetch else "no",
            *(number(seconds, 4) for seconds in (run.epoch_seconds, predicted.low, predicted.expected, predicted.high)),
            f"{row.error:+.1%}",
            ", ".join(notes),
        )
    return table


def platforms_table(found: Check) -> Table:
    """A line a platform, and one for all."""
    from burst.plan_view.words import percent
    from cli.cost_table import plain_table

    table = plain_table("platform", figures=("rows", "mean", "median", "worst", "inside"))
    for one in (*found.platforms, found.overall):
        shares = (one.mean_error, one.median_error, one.worst_error, one.share_inside)
        table.add_row(one.name, str(one.num_rows), *map(percent, shares))
    return table
