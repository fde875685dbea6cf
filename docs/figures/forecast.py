"""Figures of docs/forecast.md, and the generated tables of that page and of docs/worked-examples.md, all from burst/facts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import matplotlib as mpl

from docs.figures import forecast_bill, forecast_tables, forecast_time, pages, worked_tables
from docs.figures.style import save

DOCS = Path(__file__).parents[1]
PAGE, EXAMPLES = DOCS / "forecast.md", DOCS / "worked-examples.md"


def draw() -> None:
    """Write the figures beside this file and the tables into their pages, and print the numbers that the sentences state."""
    mpl.use("Agg")
    save("forecast-epochs.png", 2, 3, 6.4, forecast_time.draw_epochs)
    save("forecast-errors.png", 1, 1, 5.4, forecast_time.draw_errors)
    save("forecast-parts.png", 2, 2, 5.6, forecast_bill.draw_parts)
    save("forecast-accuracy.png", 1, 2, 4.2, forecast_bill.draw_accuracy)
    for page, blocks in generated():
        page.write_text(pages.rewritten(page.read_text(encoding="utf-8"), blocks), encoding="utf-8")
    for name, text in (forecast_tables.numbers() | worked_tables.numbers()).items():
        print(f"{name:<42} {text}")


def generated() -> Iterator[tuple[Path, Mapping[str, str]]]:
    """Each page with what is generated in it, by the name of the block."""
    yield PAGE, forecast_tables.blocks()
    yield EXAMPLES, worked_tables.blocks()
