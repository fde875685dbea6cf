"""Larger sets of showers, made once and kept in the user's cache folder."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

from trainer.showers import reader
from trainer.showers.cache import cache_folder
from trainer.showers.generate import Progress, generate
from trainer.showers.reader import DatasetInfo
from trainer.showers.recipe import Recipe
from trainer.showers.writing import GENERATOR_VERSION


def path_of(recipe: Recipe, num_showers: int) -> Path:
    """Where the set lies or will lie: its name tells the geometry, the length and a digest of the recipe."""
    values = {"generator_version": GENERATOR_VERSION, "num_showers": num_showers, **recipe.attributes()}
    key = hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()[:12]
    return cache_folder() / "showers" / f"{recipe.geometry}-{num_showers}-{key}.h5"


def dataset(
    recipe: Recipe,
    num_showers: int,
    *,
    num_processes: int | None = None,
    progress: Progress,
    starting: Callable[[Path], None],
) -> DatasetInfo:
    """The set, simulated unless it is there; `starting` is told where before work begins. Refuses what `generate` refuses."""
    path = path_of(recipe, num_showers)
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        starting(path)
        generate(recipe, num_showers, path, num_processes=num_processes, progress=progress)
    return reader.inspect(path)
