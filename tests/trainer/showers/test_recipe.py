"""Recipes: what is simulated, and what is refused."""

from __future__ import annotations

import math
from typing import Any

import pytest

from trainer.refusal import Refusal
from trainer.showers.calorimeter import CELL_MM
from trainer.showers.recipe import Geometry, Recipe


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"energy_min_gev": 50, "energy_max_gev": 20}, "energy from 50 to 20 GeV"),
        ({"energy_min_gev": 0}, "energy from 0 to 100 GeV"),
        ({"energy_max_gev": 5000}, "energy from 10 to 5000 GeV"),
        ({"energy_max_gev": math.nan}, "energy from 10 to nan GeV"),
        ({"geometry": Geometry.ANGLE, "theta_min_deg": 10}, "theta from 10 to 90 degrees"),
        ({"theta_min_deg": 80}, "geometry fixed with theta 80 to 90 degrees"),
        ({"seed": -1}, "seed is -1"),
    ],
)
def test_a_recipe_that_makes_no_sense_is_refused(values: dict[str, Any], said: str) -> None:
    sound: dict[str, Any] = {"geometry": Geometry.FIXED, "energy_min_gev": 10, "energy_max_gev": 100}
    with pytest.raises(Refusal, match=said):
        Recipe(**{**sound, **values})


def test_electrons_fill_their_ranges_and_the_central_cell() -> None:
    recipe = Recipe.standard(Geometry.ANGLE)
    electrons = [recipe.electron(index) for index in range(2000)]
    for values, low, high in (
        ([electron.energy_gev for electron in electrons], 100, 200),
        ([math.degrees(electron.theta_rad) for electron in electrons], 60, 120),
        ([electron.x_mm for electron in electrons], -CELL_MM / 2, CELL_MM / 2),
        ([electron.y_mm for electron in electrons], -CELL_MM / 2, CELL_MM / 2),
    ):
        assert low <= min(values) < low + 0.01 * (high - low)
        assert high - 0.01 * (high - low) < max(values) <= high
        standard_error = (high - low) / math.sqrt(12 * len(values))
        assert abs(sum(values) / len(values) - (low + high) / 2) < 4 * standard_error


def test_an_electron_depends_on_seed_and_number_alone() -> None:
    assert Recipe.standard(Geometry.FIXED, seed=3).electron(5) == Recipe.standard(Geometry.FIXED, seed=3).electron(5)
    others = {Recipe.standard(Geometry.FIXED, seed=seed).electron(index) for seed in range(3) for index in range(3)}
    assert len({electron.engine_seed for electron in others}) == len(others) == 9
