"""How figures look: one width, one palette, readable at 900 pixels."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

FOLDER = Path(__file__).parent
BLUE, ORANGE, GREEN, VERMILION, PURPLE, SKY, GREY = (
    "#0072B2",
    "#E69F00",
    "#009E73",
    "#D55E00",
    "#AA4488",
    "#56B4E9",
    "#777777",
)
"""After Okabe and Ito: the colour-blind can tell them apart. Each line and point has a style of its own besides."""
WIDTH_INCHES, DPI = 9.0, 150


def save(name: str, num_rows: int, num_columns: int, height_inches: float, draw_on: Callable[[list[Axes]], None]) -> None:
    """Write one figure beside this file."""
    with mpl.rc_context(
        {"font.size": 9, "axes.titlesize": 10, "axes.spines.top": False, "axes.spines.right": False, "axes.axisbelow": True}
    ):
        figure = Figure(figsize=(WIDTH_INCHES, height_inches), layout="constrained")
        draw_on(list(np.atleast_1d(np.asarray(figure.subplots(num_rows, num_columns))).ravel()))
        figure.savefig(FOLDER / name, dpi=DPI, metadata={"Software": None})


def plain(value: float, _position: object = None) -> str:
    """A tick of a logarithmic axis without powers of ten."""
    return f"{value:,.0f}" if value >= 1 else f"{value:g}"
