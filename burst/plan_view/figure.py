"""The plot of plans: money against hours, carbon as colour, with limits and ranges; for the page, or as a file of its own."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.collections import PathCollection
from matplotlib.colors import LinearSegmentedColormap, LogNorm
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from burst import advice, report
from burst.advice import Limits
from burst.numerals import number
from burst.plan_view.answer import Answer, Row
from burst.report.figure import FAINT, GAN, GRID, INK, PAPER, as_svg, plain_numbers, styled
from burst.whole_file import write_whole

Paint = Callable[[str], str]
"""From a stand-in colour of `burst.report.figure` to the one that is drawn."""

CSS = Path(report.__file__).with_name("page.css")
COLOURS = {INK: "ink", FAINT: "faint", GRID: "grid", PAPER: "paper", GAN: "gan"}
"""The page's names for the stand-ins that are used here."""
WIDTH_INCHES, HEIGHT_INCHES, DOTS_PER_INCH = 10.0, 5.4, 160
MARKERS = {"gcp": ("o", "Google Cloud"), "azure": ("s", "Microsoft Azure"), "oci": ("^", "Oracle Cloud")}
CARBON = LinearSegmentedColormap.from_list("carbon", ["#1d9a8a", "#8fb04a", "#e0a526", "#d9703a", "#b8336a"])
"""Of middling lightness throughout: on white and on black alike."""
OUTSIDE_ALPHA = 0.22
DESCRIPTION = "Plans that no other beats: US dollars against hours, both logarithmic, kilograms of CO2 equivalent as colour"


def inline(answer: Answer) -> Markup:
    """The plot as an SVG element of the page, in the page's colours."""
    with styled():
        return as_svg(draw(answer, lambda colour: colour), "plans", DESCRIPTION)


def write(answer: Answer, path: Path) -> None:
    """The plot as a file of its own, `.png` or `.svg` by its suffix, dark on white. Refuses a place that cannot be written."""
    kind = path.suffix.lower().removeprefix(".")
    light = light_colours()

    def paint(colour: str) -> str:
        return light.get(colour, colour)

    buffer = io.BytesIO()
    with _painted(paint):
        metadata = {"Software": None} if kind == "png" else {"Date": None, "Creator": None, "Type": None, "Format": None}
        draw(answer, paint).savefig(
            buffer, format=kind, dpi=DOTS_PER_INCH if kind == "png" else 72, facecolor=paint(PAPER), metadata=metadata
        )
    write_whole(path, buffer.getvalue() if kind == "png" else _plain_svg(buffer.getvalue()))


def light_colours() -> dict[str, str]:
    """What the page's light colours are for each stand-in."""
    css = CSS.read_text(encoding="utf-8").partition("@media")[0]
    known = dict(re.findall(r"--fig-([\w-]+): (#\w+)", css))
    return {stand_in: known[variable] for stand_in, variable in COLOURS.items()}


@contextmanager
def _painted(paint: Paint) -> Iterator[None]:
    """The reports' settings, with painted colours."""
    with styled():
        painted = {name: paint(value) for name, value in mpl.rcParams.items() if isinstance(value, str)}
        with mpl.rc_context(painted):
            yield


def _plain_svg(svg: bytes) -> bytes:
    """Without document type and metadata, which name addresses: nothing is ever loaded."""
    text = svg.decode()
    text = re.sub(r"\s*<metadata>.*?</metadata>", "", text[text.index("<svg") :], flags=re.DOTALL)
    return text.encode()


def draw(answer: Answer, paint: Paint) -> Figure:
    """All plans of the front; those beyond the limits pale, the table's rows numbered and with their ranges."""
    figure = Figure(figsize=(WIDTH_INCHES, HEIGHT_INCHES))
    figure.subplots_adjust(left=0.07, right=0.935, bottom=0.1, top=0.98)
    axes = figure.subplots()
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlabel("hours, from the grant of the machines to nothing left")
    axes.set_ylabel("USD, everything that is billed")
    _front_line(axes, answer, paint)
    _ranges(axes, answer, paint)
    points = _points(axes, answer, paint)
    _limits(axes, answer.limits, paint)
    _labels(axes, answer, paint)
    plain_numbers(axes, x=True, y=True)
    axes.grid(which="major", color=paint(GRID), zorder=0)
    _legend(axes, answer, paint)
    _colour_bar(figure, axes, points, answer, paint)
    return figure


def _considered(answer: Answer) -> NDArray[np.int64]:
    """Plans within the limits; all where none is."""
    return advice.within(answer.front, answer.limits if answer.is_possible else Limits())


def _front_line(axes: Axes, answer: Answer, paint: Paint) -> None:
    """The least money for each time, within the limits."""
    kept = _considered(answer)
    hours, usd = answer.front.hours[kept], answer.front.usd[kept]
    order = np.lexsort((usd, hours))
    hours, usd = hours[order], usd[order]
    is_less = np.concatenate([[True], usd[1:] < np.minimum.accumulate(usd)[:-1]])
    axes.step(hours[is_less], usd[is_less], where="post", color=paint(INK), linewidth=1.2, zorder=2)


def _ranges(axes: Axes, answer: Answer, paint: Paint) -> None:
    for row in answer.rows:
        hours, usd = row.cost.hours, row.cost.usd
        thin: dict[str, Any] = {"color": paint(FAINT), "linewidth": 0.6, "alpha": 0.7, "zorder": 1.5}
        axes.plot([hours.low, hours.high], [usd.expected] * 2, **thin)
        axes.plot([hours.expected] * 2, [usd.low, usd.high], **thin)


def _points(axes: Axes, answer: Answer, paint: Paint) -> PathCollection:
    front = answer.front
    norm = LogNorm(*_ends(front.kgco2e))
    within = np.zeros(len(front.usd), dtype=bool)
    within[advice.within(front, answer.limits)] = True
    providers = np.array([offer.shape.provider for offer in front.offers])
    drawn = None
    for provider, (marker, _) in MARKERS.items():
        for is_within in (False, True):
            chosen = (providers == provider) & (within == is_within)
            if chosen.any():
                drawn = axes.scatter(
                    front.hours[chosen],
                    front.usd[chosen],
                    c=front.kgco2e[chosen],
                    cmap=CARBON,
                    norm=norm,
                    marker=marker,
                    s=34 if is_within else 22,
                    edgecolors=paint(INK),
                    linewidths=0.45,
                    alpha=1.0 if is_within else OUTSIDE_ALPHA,
                    zorder=3,
                )
    assert drawn is not None
    return drawn


def _ends(values: NDArray[np.float64]) -> tuple[float, float]:
    """Least and most, apart even where all are equal."""
    low, high = float(values.min()), float(values.max())
    return (low, high) if high > low else (low / 1.1, high * 1.1)


def _limits(axes: Axes, limits: Limits, paint: Paint) -> None:
    line: dict[str, Any] = {"color": paint(GAN), "linewidth": 1.1, "linestyle": (0, (5, 3)), "zorder": 2.5}
    text: dict[str, Any] = {"color": paint(GAN), "fontsize": 9}
    if limits.max_hours is not None:
        axes.axvline(limits.max_hours, **line)
        said, place = f" deadline {number(limits.max_hours)} h", axes.get_xaxis_transform()
        axes.text(limits.max_hours, 0.01, said, va="bottom", transform=place, **text)
    if limits.max_usd is not None:
        axes.axhline(limits.max_usd, **line)
        said, place = f"budget {number(limits.max_usd)} USD", axes.get_yaxis_transform()
        axes.text(0.995, limits.max_usd, said, ha="right", va="bottom", transform=place, **text)


def _labels(axes: Axes, answer: Answer, paint: Paint) -> None:
    """A ring around each row of the table, its number, and what it is the best in: where the fewest points are."""
    for row in sorted(answer.rows, key=lambda row: -len(_label(row, answer))):
        place = (row.cost.hours.expected, row.cost.usd.expected)
        axes.plot(*place, marker="o", markersize=10, markerfacecolor="none", markeredgecolor=paint(INK), zorder=3.5)
        is_below = _is_least_money(row, answer)
        axes.annotate(
            _label(row, answer),
            place,
            xytext=(-6, -4) if is_below else (6, 5),
            textcoords="offset points",
            ha="right" if is_below else "left",
            va="top" if is_below else "bottom",
            fontsize=9,
            bbox={"boxstyle": "round,pad=0.1", "facecolor": paint(PAPER), "edgecolor": "none", "alpha": 0.75}
            if row.marks
            else None,
            fontweight="bold" if row is answer.best else "normal",
            color=paint(INK),
            zorder=4,
        )


def _is_least_money(row: Row, answer: Answer) -> bool:
    """Whether no plan within the limits is as fast and cheaper: below it there is little."""
    front, kept = answer.front, _considered(answer)
    as_fast = kept[front.hours[kept] <= front.hours[row.index]]
    return bool(front.usd[row.index] <= front.usd[as_fast].min())


def _label(row: Row, answer: Answer) -> str:
    is_recommended = row is answer.best and answer.is_possible
    marks = (*row.marks, "recommended") if is_recommended else row.marks
    return " ".join([str(row.number), ", ".join(marks)]).strip()


def _legend(axes: Axes, answer: Answer, paint: Paint) -> None:
    present = {offer.shape.provider for offer in answer.front.offers}
    handles = [
        Line2D([], [], marker=marker, linestyle="none", markerfacecolor="none", markeredgecolor=paint(INK), label=title)
        for provider, (marker, title) in MARKERS.items()
        if provider in present
    ]
    handles.append(Line2D([], [], color=paint(INK), linewidth=1.2, label="least money for each time"))
    handles.append(Line2D([], [], color=paint(FAINT), linewidth=0.6, label="range of a row of the table"))
    axes.legend(handles=handles, loc="upper right")


def _colour_bar(figure: Figure, axes: Axes, points: PathCollection, answer: Answer, paint: Paint) -> None:
    bar = figure.colorbar(points, ax=axes, pad=0.015, fraction=0.04, aspect=32)
    assert bar.solids is not None
    bar.solids.set_alpha(1.0)  # the points that it speaks for may be pale
    bar.set_label("kgCO2e, location-based")
    bar.outline.set_edgecolor(paint(INK))
    plain_numbers(bar.ax, y=True)
    if answer.limits.max_kgco2e is not None:
        bar.ax.axhline(answer.limits.max_kgco2e, color=paint(GAN), linewidth=2)
