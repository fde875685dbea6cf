"""Which pictures the page shows, in which order, and what stands below them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from markupsafe import Markup
from matplotlib.figure import Figure

from burst.report.figure import SIGMA, as_png, as_svg
from burst.report.physics_figures import profile_figure, resolution_figure, response_figure
from burst.report.record import Record
from burst.report.shower_figures import DARK, LIGHT, Theme, side_view_figure, space_figure
from burst.report.training_figures import losses, losses_figure, physics_figure

MEV_PER_GEV = 1000.0
PROBABILITIES = ("d_real", "d_fake")
TOTALS = ("generator", "discriminator")
RESPONSE = "response"


@dataclass(frozen=True, slots=True)
class Plate:
    """A picture of the page and what it shows."""

    picture: Markup
    caption: str


def training_plates(record: Record) -> Iterator[Plate]:
    """Losses, the discriminator's opinion, and the physics by epoch; only what the events hold."""
    curves = losses(record)
    totals = {name: curves[name] for name in TOTALS if name in curves}
    probabilities = {name: curves[name] for name in PROBABILITIES if name in curves}
    parts = {name: curve for name, curve in curves.items() if name not in (*TOTALS, *PROBABILITIES, RESPONSE)}
    if totals:
        figure = losses_figure(record, totals, y_label="loss")
        yield _plate(
            figure, "losses", "Losses of the generator and the discriminator. A GAN's losses do not fall as it gets better."
        )
    if parts:
        figure = losses_figure(record, parts, y_label="loss")
        yield _plate(figure, "parts", "Parts of the losses." if totals else "Losses.")
    if probabilities:
        figure = losses_figure(record, probabilities, y_label="mean probability of being real", y_limits=(0, 1))
        yield _plate(
            figure, "opinion", "The discriminator on real and generated showers: apart, but neither at an edge, is healthy."
        )
    deviations = {
        "layer_error": "mean layer error",
        "weighted_layer_error": "weighted by energy",
        "transverse_error": "transverse",
        "largest_response_error": "worst response",
    }
    figure_or_none = physics_figure(record, deviations, y_label="deviation from Geant4 / %", scale=100, aim=0)
    if figure_or_none:
        yield _plate(figure_or_none, "deviations", "Deviations of the means from Geant4 as training goes on.")
    ratios = {"response": "energy sum", "resolution_ratio": "resolution", "fluctuation_ratio": "layer fluctuations"}
    figure_or_none = physics_figure(record, ratios, y_label="GAN / Geant4", scale=1, aim=1)
    if figure_or_none:
        yield _plate(figure_or_none, "ratios", "Energy sum and spreads as training goes on; 1 is Geant4.")


def energy_plates(record: Record) -> Iterator[Plate]:
    """The energy sum in bins of the electron's energy."""
    if record.gan is None:
        return
    yield _plate(
        response_figure(record.gan, record.floor),
        "response",
        "Mean energy sum of the GAN over Geant4's in bins of the electron's energy (bars across). Dashed: the goal, ±15 %.",
    )
    yield _plate(
        resolution_figure(record.gan),
        "resolution",
        "Resolution: half the central 68 % of energy sum / E in each bin, its trend inside the bin taken away, over the mean.",
    )


def shape_plates(record: Record) -> Iterator[Plate]:
    """Profiles, fluctuations and the spectrum of the cells, each with its ratio."""
    gan, floor = record.gan, record.floor
    if gan is None:
        return
    depth, energy = "depth / layers from the front", "mean energy a shower / MeV"
    figure = profile_figure(
        gan, floor, lambda p: p.layers, x_label=depth, y_label="mean energy in the layer / MeV", y_scale=MEV_PER_GEV
    )
    yield _plate(figure, "layers", "Longitudinal profile: mean energy in each layer.")
    figure = profile_figure(
        gan,
        floor,
        lambda p: p.fluctuations,
        x_label=depth,
        y_label=f"{SIGMA} of layer energy / E, in MeV / GeV",
        y_scale=MEV_PER_GEV,
    )
    yield _plate(figure, "fluctuations", "Fluctuations: how much the energy in a layer, over E, differs from shower to shower.")
    figure = profile_figure(
        gan, floor, lambda p: p.rows_x, x_label="x / cells from the middle", y_label=energy, y_scale=MEV_PER_GEV, log_y=True
    )
    yield _plate(figure, "rows-x", "Transverse profile in x: mean energy in each row of cells, all layers together.")
    figure = profile_figure(
        gan, floor, lambda p: p.rows_y, x_label="y / cells from the middle", y_label=energy, y_scale=MEV_PER_GEV, log_y=True
    )
    yield _plate(figure, "rows-y", "Transverse profile in y.")
    figure = profile_figure(
        gan,
        floor,
        lambda p: p.rings,
        x_label="distance from the middle / cells",
        y_label=energy,
        y_scale=MEV_PER_GEV,
        log_y=True,
    )
    yield _plate(figure, "rings", "Radial profile: mean energy in rings one cell wide.")
    figure = profile_figure(
        gan,
        floor,
        lambda p: p.spectrum,
        x_label="energy in the cell / MeV",
        y_label="cells a shower in the bin",
        x_scale=MEV_PER_GEV,
        log_x=True,
        log_y=True,
    )
    yield _plate(
        figure, "spectrum", "Spectrum of the cells' energies, five bins a decade. Arrows: the ratio lies outside the panel."
    )


def shower_plates(record: Record) -> Iterator[Plate]:
    """Single showers of both, from the side and in space."""
    if record.samples is None:
        return
    geant4, gan = record.samples
    yield Plate(
        _for_both_themes(lambda theme: side_view_figure(geant4, gan, theme), "Showers from the side, Geant4 above the GAN"),
        "From the side: energy summed across the beam, which enters from the left. Each column is one energy; "
        "the showers of a column are independent, so they need to be alike in kind only.",
    )
    yield Plate(
        _for_both_themes(lambda theme: space_figure(geant4, gan, theme), "A shower of Geant4 and one of the GAN in space"),
        "In space: every cell above 0.1 MeV of one shower of each.",
    )


def _plate(figure: Figure, name: str, caption: str) -> Plate:
    return Plate(as_svg(figure, name, caption), caption)


def _for_both_themes(draw: Callable[[Theme], Figure], description: str) -> Markup:
    """A picture drawn twice; the page shows the one that fits its colours."""
    return Markup("").join(as_png(draw(theme), description, class_name=f"only-{theme.name}") for theme in (LIGHT, DARK))
