"""The numbers of the data card come from the shipped showers, by measures that are right where the answer is known."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from docs.figures import data_card
from docs.figures import shower_measures as measures
from trainer.showers import reader
from trainer.showers.calorimeter import CELL_MM, LAYER_MM, SILICON_MM, TUNGSTEN_MM
from trainer.showers.sample import ANGLE, FIXED
from trainer.showers.schema import Showers

CARD = Path(data_card.__file__).parents[1] / "data-card.md"


def showers_of(ecal: np.ndarray, energy: np.ndarray, theta: float = math.pi / 2) -> Showers:
    return Showers(
        ecal=ecal.astype(np.float32), energy=energy.astype(np.float32), theta=np.full(len(energy), theta, np.float32)
    )


def test_the_card_states_what_is_measured() -> None:
    stated = CARD.read_text()
    for name, text in data_card.numbers(reader.read(FIXED), reader.read(ANGLE)).items():
        assert text in stated, f"{name} is {text}"


def test_a_resolution_is_found_again() -> None:
    energy = np.array([10.0, 30, 60, 100])
    exact = measures.Bins(centres=energy, values=np.hypot(0.16 / np.sqrt(energy), 0.03), errors=np.full(4, 0.002))
    fit = measures.fit_resolution(exact)
    assert fit.stochastic.value == pytest.approx(0.16)
    assert fit.constant.value == pytest.approx(0.03)
    assert fit.chi_squared == pytest.approx(0, abs=1e-9)


def test_the_width_of_a_gaussian_is_its_standard_deviation() -> None:
    rng = np.random.default_rng(1)
    energy = rng.uniform(10, 20, 4000)
    ecal = np.zeros((4000, 1, 1, 2))
    ecal[..., 0, 0, 0] = 0.026 * energy * rng.normal(1, 0.05, 4000)
    bins = measures.resolutions(showers_of(ecal, energy), np.array([10.0, 20]))
    assert abs(bins.values[0] - 0.05) < 4 * bins.errors[0] < 0.01


def test_a_known_maximum_is_found() -> None:
    t = measures.SENSOR_X0
    ecal = np.tile(t**4 * np.exp(-0.5 * t), (10, 1, 1, 1))
    bins = measures.shower_maxima_x0(showers_of(ecal, np.full(10, 50.0)), np.array([0.0, 100]))
    assert bins.values[0] == pytest.approx(8.0, rel=1e-5)


@pytest.mark.parametrize("theta_deg", [65, 90, 110])
def test_the_angle_of_a_straight_line_is_its_own(theta_deg: int) -> None:
    theta = math.radians(theta_deg)
    ecal = np.zeros((1, 51, 51, 25))
    for layer in range(25):
        y_cells = (layer * LAYER_MM + TUNGSTEN_MM + SILICON_MM / 2) / math.tan(theta) / CELL_MM + 25
        low = math.floor(y_cells)
        ecal[0, 25, low, layer], ecal[0, 25, low + 1, layer] = low + 1 - y_cells, y_cells - low  # barycentre on the line
    found = measures.angles_from_barycentres_rad(showers_of(ecal, np.full(1, 100.0), theta))
    assert found[0] == pytest.approx(theta, abs=1e-6)


def test_containment_counts_the_central_cells() -> None:
    ecal = np.ones((1, 51, 51, 25))
    assert measures.containment(showers_of(ecal, np.ones(1)), 25)[0] == pytest.approx(25**2 / 51**2)
