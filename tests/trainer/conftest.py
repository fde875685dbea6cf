"""Small data and runs for the tests of the trainer."""

from __future__ import annotations

import dataclasses
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import torch

from trainer.contract import EVENTS_FILE, Preset, RunConfig
from trainer.events import EventLog
from trainer.gan.recipe import HealthLimits, Recipe, of_preset
from trainer.launch import RANK_VARIABLES
from trainer.loop import Outcome, Training
from trainer.ranks import SingleRank
from trainer.showers import reader

SAMPLE = Path(__file__).parents[2] / "trainer" / "showers" / "sample" / "fixed.h5"
NUM_SHOWERS = 30
"""24 to train on, 6 to test with: an epoch of three steps at a batch of 8."""


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A few showers of the shipped sample."""
    path = tmp_path_factory.mktemp("data") / "few.h5"
    showers = reader.read(SAMPLE, np.arange(NUM_SHOWERS))
    with h5py.File(path, "w") as file:
        file["ECAL"], file["energy"], file["theta"] = showers.ecal, showers.energy, showers.theta
    return path


@pytest.fixture(scope="session")
def config(data: Path) -> RunConfig:
    """A run of a few steps, two epochs."""
    return RunConfig(data_path=str(data), data_sha256=reader.inspect(data).sha256, num_epochs=2, num_ranks=1, batch_per_rank=8)


@dataclasses.dataclass
class Run:
    """A training in this process, with what it left."""

    folder: Path
    training: Training
    outcome: Outcome

    @property
    def events(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in (self.folder / EVENTS_FILE).read_text().splitlines()]

    def events_named(self, name: str) -> list[dict[str, Any]]:
        return [event for event in self.events if event["event"] == name]


Runner = Callable[..., Run]


@pytest.fixture
def train(tmp_path: Path) -> Runner:
    """Trains in this process: `train(config, folder="a", stop_after=3, recipe=None, sabotage=None)`."""

    def run(
        config: RunConfig,
        *,
        folder: str = "run",
        stop_after: int | None = None,
        recipe: Recipe | None = None,
        sabotage: Callable[[Training], None] | None = None,
    ) -> Run:
        return _trained(config, tmp_path / folder, stop_after, recipe, sabotage)

    return run


@pytest.fixture(scope="session")
def best_checkpoint(config: RunConfig, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of a run of one epoch; not to be changed."""
    run = _trained(dataclasses.replace(config, num_epochs=1), tmp_path_factory.mktemp("runs") / "run")
    return run.training.checkpoints.best_path


def _trained(
    config: RunConfig,
    folder: Path,
    stop_after: int | None = None,
    recipe: Recipe | None = None,
    sabotage: Callable[[Training], None] | None = None,
) -> Run:
    recipe = dataclasses.replace(recipe or of_preset(config.preset), num_calibration_batches=1)
    folder.mkdir(exist_ok=True)
    with EventLog(folder / EVENTS_FILE, io.StringIO()) as events:
        training = Training(config, folder, SingleRank(), events, started_unix_seconds=0.0, recipe=recipe)
        if sabotage is not None:
            sabotage(training)
        outcome = training.run(_after(training, stop_after))
    return Run(folder, training, outcome)


def _after(training: Training, num_steps: int | None) -> Callable[[], bool]:
    """A request to stop that comes during that step of the run."""
    return lambda: num_steps is not None and training.progress.step + 1 >= num_steps


@pytest.fixture
def impatient() -> Recipe:
    """The demo recipe with health checks that bite within a few steps."""
    limits = HealthLimits(grace_steps=0, patience_steps=2, max_returns=1)
    return dataclasses.replace(of_preset(Preset.DEMO), health=limits)


@pytest.fixture
def no_rank_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in RANK_VARIABLES:
        monkeypatch.delenv(name, raising=False)
