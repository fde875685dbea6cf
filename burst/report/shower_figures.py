"""A few showers, Geant4's above the GAN's at the same energy: seen from the side, along the beam, and in space."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.colors import Colormap, ListedColormap, LogNorm
from matplotlib.figure import Figure

from trainer.showers.schema import Showers

MEV_PER_GEV = 1000.0
LOWEST_MEV = 0.1
"""Cells below are not drawn: a minimum ionising particle leaves 0.15 MeV in 0.5 mm of silicon."""


@dataclass(frozen=True, slots=True)
class Theme:
    """Colours for a picture that cannot take the page's."""

    name: str
    ink: str
    edge: str
    colours: Colormap


def _part(name: str, low: float, high: float) -> Colormap:
    return ListedColormap(colormaps[name](np.linspace(low, high, 256)))


LIGHT = Theme("light", "#1c2127", "#b9c0c8", _part("magma_r", 0.06, 1.0))
DARK = Theme("dark", "#e3e7eb", "#4a525b", _part("magma", 0.16, 1.0))


def side_view_figure(geant4: Showers, gan: Showers, theme: Theme, *, num_shown: int = 3) -> Figure:
    """Energy summed across the beam: Geant4 in the upper row, the GAN in the lower, a column for each of the energies."""
    shown = _spread(len(geant4), num_shown)
    is_slanted = bool(np.any(np.abs(geant4.theta - np.pi / 2) > 0.02))
    across = 1 if is_slanted else 2  # the tilt is in y: look along x
    views = [[showers.ecal[index].sum(axis=across - 1) * MEV_PER_GEV for index in shown] for showers in (geant4, gan)]
    highest = max(float(view.max()) for row in views for view in row)
    figure = Figure(figsize=(10.4, 5.6))
    figure.subplots_adjust(left=0.065, right=0.895, bottom=0.09, top=0.945, wspace=0.06, hspace=0.15)
    panels = figure.subplots(2, len(shown), sharex=True, sharey=True, squeeze=False)
    for row, (name, row_views, showers) in enumerate(zip(("Geant4", "GAN"), views, (geant4, gan), strict=True)):
        for column, (index, view) in enumerate(zip(shown, row_views, strict=True)):
            axes = panels[row, column]
            half_width = view.shape[0] / 2
            picture = axes.imshow(
                np.where(view >= LOWEST_MEV, view, np.nan),
                origin="lower",
                extent=(0, view.shape[1], -half_width, half_width),
                aspect="auto",
                cmap=theme.colours,
                norm=LogNorm(LOWEST_MEV, max(highest, 10 * LOWEST_MEV)),
                interpolation="nearest",
            )
            _dress(axes, theme)
            axes.set_title(_title(name, showers, index, is_slanted), color=theme.ink, fontsize=11)
        panels[row, 0].set_ylabel(f"{'y' if is_slanted else 'x'} / cells", color=theme.ink)
    for axes in panels[1]:
        axes.set_xlabel("depth / layers", color=theme.ink)
    bar = figure.colorbar(picture, cax=figure.add_axes((0.915, 0.15, 0.014, 0.73)), format="%g", extend="min")
    bar.set_label("energy / MeV", color=theme.ink)
    bar.ax.tick_params(colors=theme.ink, which="both")
    return figure


def space_figure(geant4: Showers, gan: Showers, theme: Theme) -> Figure:
    """Every cell above `LOWEST_MEV` of one pair of showers as a point in space, Geant4's on the left."""
    index = _spread(len(geant4), 3)[1 if len(geant4) > 2 else 0]
    highest = max(float(showers.ecal[index].max()) * MEV_PER_GEV for showers in (geant4, gan))
    norm = LogNorm(LOWEST_MEV, max(highest, 10 * LOWEST_MEV))
    figure = Figure(figsize=(10.4, 4.1))
    for place, (name, showers) in enumerate((("Geant4", geant4), ("GAN", gan))):
        axes: Any = figure.add_axes((0.005 + 0.455 * place, -0.08, 0.43, 1.12), projection="3d", computed_zorder=False)
        cells = showers.ecal[index] * MEV_PER_GEV
        x, y, z = np.nonzero(cells >= LOWEST_MEV)
        energy = cells[x, y, z]
        order = np.argsort(energy)
        x, y, z, energy = x[order] - cells.shape[0] // 2, y[order] - cells.shape[1] // 2, z[order], energy[order]
        points = axes.scatter(
            z,
            x,
            y,
            c=energy,
            norm=norm,
            cmap=theme.colours,
            s=3 + 9 * norm(energy) ** 2 * 6,
            linewidths=0,
            alpha=0.9,
            depthshade=False,
        )
        half_x, half_y = cells.shape[0] / 2, cells.shape[1] / 2
        axes.set(xlim=(0, cells.shape[2]), ylim=(-half_x, half_x), zlim=(-half_y, half_y))
        axes.set_title(_title(name, showers, index, False) + f", {len(energy)} cells", color=theme.ink, fontsize=11, y=0.93)
        axes.set_box_aspect((1.7, 1, 1), zoom=0.93)
        axes.view_init(elev=18, azim=-62)
        for axis, label in ((axes.xaxis, "depth / layers"), (axes.yaxis, "x / cells"), (axes.zaxis, "y / cells")):
            axis.set_pane_color((0, 0, 0, 0))
            axis.line.set_color(theme.edge)
            axis.set_label_text(label, color=theme.ink)
            axis.set_tick_params(colors=theme.ink)
            axis._axinfo["grid"]["color"] = theme.edge
            axis._axinfo["grid"]["linewidth"] = 0.4
    bar = figure.colorbar(points, cax=figure.add_axes((0.935, 0.2, 0.012, 0.6)), format="%g")
    bar.set_label("energy in the cell / MeV", color=theme.ink)
    bar.ax.tick_params(colors=theme.ink, which="both")
    return figure


def _spread(num_showers: int, num_shown: int) -> list[int]:
    """Indices of the first, the last and what lies evenly between."""
    return sorted({round(place) for place in np.linspace(0, num_showers - 1, num_shown)})


def _title(name: str, showers: Showers, index: int, is_slanted: bool) -> str:
    angle = f", θ = {np.degrees(showers.theta[index]):.0f}°" if is_slanted else ""
    return f"{name}, {showers.energy[index]:.0f} GeV{angle}"


def _dress(axes: Axes, theme: Theme) -> None:
    axes.tick_params(colors=theme.ink, which="both")
    for spine in axes.spines.values():
        spine.set_color(theme.edge)
