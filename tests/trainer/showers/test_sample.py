"""The shipped showers are the ones that the data card describes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from trainer.showers import reader
from trainer.showers.recipe import Geometry, Recipe
from trainer.showers.sample import ANGLE, FIXED

CARD = Path(__file__).parents[3] / "docs" / "data-card.md"


@pytest.mark.parametrize(
    ("path", "geometry", "seed", "num_showers"), [(FIXED, "fixed", 101, 1500), (ANGLE, "angle", 102, 1000)]
)
def test_a_shipped_file_is_the_one_of_the_card(path: Path, geometry: str, seed: int, num_showers: int) -> None:
    info = reader.inspect(path)
    assert f"`{info.sha256}`" in CARD.read_text()
    assert f"--geometry {geometry} --num-showers {num_showers} --seed {seed} --out {path.name}" in CARD.read_text()
    assert info.num_showers == num_showers
    assert info.image_shape == Geometry(geometry).image_shape
    recipe = Recipe.standard(Geometry(geometry), seed=seed)
    assert recipe.attributes().items() <= info.attributes.items()


def test_the_shipped_files_are_small() -> None:
    assert FIXED.stat().st_size + ANGLE.stat().st_size < 20e6


@pytest.mark.parametrize(("path", "geometry", "seed"), [(FIXED, Geometry.FIXED, 101), (ANGLE, Geometry.ANGLE, 102)])
def test_the_shipped_electrons_are_those_of_the_recipe(path: Path, geometry: Geometry, seed: int) -> None:
    indices = range(0, 1000, 111)
    electrons = [Recipe.standard(geometry, seed=seed).electron(index) for index in indices]
    showers = reader.read(path, indices)
    np.testing.assert_allclose(showers.energy, [electron.energy_gev for electron in electrons], rtol=1e-6)
    np.testing.assert_allclose(showers.theta, [electron.theta_rad for electron in electrons], rtol=1e-6)
