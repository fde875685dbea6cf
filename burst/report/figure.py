"""The one style of all figures, and their way into the page: inline SVG whose colours are the page's, in light and in dark."""

from __future__ import annotations

import base64
import io
import re
from collections.abc import Callable
from contextlib import AbstractContextManager

import matplotlib as mpl
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

INK, FAINT, GRID, PAPER = "#010a01", "#010a02", "#010a03", "#010a04"
GAN, FLOOR = "#010a05", "#010a06"
LINES = ("#010a07", "#010a08", "#010a09", "#010a0a", "#010a0b", "#010a0c")
"""Stand-ins: `as_svg` turns each into a CSS variable, which the page defines for light and for dark."""
_VARIABLES = {
    INK: "ink",
    FAINT: "faint",
    GRID: "grid",
    PAPER: "paper",
    GAN: "gan",
    FLOOR: "floor",
    **{colour: f"line-{number}" for number, colour in enumerate(LINES, start=1)},
}
WIDTH_INCHES = 5.6
SIGMA = "\N{GREEK SMALL LETTER SIGMA}"


def styled() -> AbstractContextManager[None]:
    """Settings under which figures are drawn and written; equal figures become equal bytes."""
    return mpl.rc_context(
        {
            **mpl.rcParamsDefault,
            "backend": "svg",
            "font.size": 10,
            "axes.labelsize": 10.5,
            "axes.titlesize": 10.5,
            "legend.fontsize": 9,
            "legend.facecolor": PAPER,
            "legend.edgecolor": "none",
            "legend.framealpha": 0.8,
            "legend.fancybox": False,
            "text.color": INK,
            "axes.labelcolor": INK,
            "axes.edgecolor": INK,
            "axes.titlecolor": INK,
            "xtick.color": INK,
            "ytick.color": INK,
            "xtick.direction": "in",
            "ytick.direction": "in",
            "xtick.top": True,
            "ytick.right": True,
            "axes.linewidth": 0.8,
            "grid.color": GRID,
            "grid.linewidth": 0.6,
            "axes.facecolor": "none",
            "figure.facecolor": "none",
            "lines.linewidth": 1.4,
            "errorbar.capsize": 0,
            "svg.fonttype": "none",
            "svg.hashsalt": "hepburst",
            "axes.formatter.use_mathtext": False,
        }
    )


def new_figure(height_inches: float = 3.7) -> Figure:
    """An empty figure with the same margins in inches whatever its height: an automatic layout would draw it twice."""
    figure = Figure(figsize=(WIDTH_INCHES, height_inches))
    left, right, bottom, top = (0.72 / WIDTH_INCHES, 1 - 0.12 / WIDTH_INCHES, 0.5 / height_inches, 1 - 0.1 / height_inches)
    figure.subplots_adjust(left=left, right=right, bottom=bottom, top=top, hspace=0.1)
    return figure


def with_ratio(height_inches: float = 4.4) -> tuple[Figure, Axes, Axes]:
    """A figure with a panel and, below it on the same x axis, a flat one for the ratio."""
    figure = new_figure(height_inches)
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(2.6, 1))
    for axes in (upper, lower):
        axes.yaxis.set_label_coords(-0.115, 0.5)
    return figure, upper, lower


def plain_numbers(axes: Axes, *, x: bool = False, y: bool = False) -> None:
    """Label logarithmic axes 0.01, 0.1, 1, 10, and 2 and 5 of each decade where there are less than two and a half of them."""
    for axis, (low, high) in [(axes.xaxis, axes.get_xlim())] * x + [(axes.yaxis, axes.get_ylim())] * y:
        labelled = "25" if high < 300 * low else ""
        axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axis.set_minor_formatter(FuncFormatter(_labels_of(labelled)))


def _labels_of(first_digits: str) -> Callable[[float, int | None], str]:
    return lambda value, _: f"{value:g}" if f"{value:.0e}"[0] in first_digits else ""


def as_svg(figure: Figure, name: str, description: str) -> Markup:
    """The figure as an SVG element of the page; `name` keeps its ids apart from those of other figures."""
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None, "Type": None, "Format": None})
    svg = buffer.getvalue()
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"\s*<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    svg = re.sub(r'\bid="', f'id="{name}-', svg)
    svg = re.sub(r"url\(#", f"url(#{name}-", svg)
    svg = re.sub(r'href="#', f'href="#{name}-', svg)
    for colour, variable in _VARIABLES.items():
        svg = svg.replace(colour, f"var(--fig-{variable})")
    svg = re.sub(r"'DejaVu Sans'[^;\"]*", "var(--font)", svg)
    opening = re.match(r"<svg[^>]*>", svg)
    assert opening
    view_box = re.search(r'viewBox="[^"]*"', opening.group())
    assert view_box
    label = Markup.escape(description)
    return Markup(f'<svg {view_box.group()} role="img" aria-label="{label}">') + Markup(svg[opening.end() :])  # noqa: S704


def as_png(figure: Figure, description: str, *, class_name: str, dots_per_inch: int = 110) -> Markup:
    """The figure as a PNG image inside the page, for what has too many shapes for SVG."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=dots_per_inch, transparent=True, metadata={"Software": None})
    data = base64.b64encode(buffer.getvalue()).decode("ascii")
    return Markup('<img class="{}" alt="{}" src="data:image/png;base64,{}">').format(class_name, description, data)
