"""A trainer that keeps the contract and learns nothing, and an engine that remembers what it was told."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from provider import training
from trainer.contract import RunConfig

STRICT_TRAINER = Path(__file__).with_name("strict_trainer.py")


class RecordingEngine:
    """Stands for `provider.engine.Engine`."""

    shows_live_tree = True

    def __init__(self) -> None:
        self.statuses: list[str] = []
        self.warnings: list[str] = []

    async def status(self, urn: str, text: str) -> None:
        self.statuses.append(text)

    async def warning(self, urn: str, text: str) -> None:
        self.warnings.append(text)


@pytest.fixture
def engine() -> Any:
    return RecordingEngine()


@pytest.fixture
def strict_trainer(monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs of the plugin start `strict_trainer.py`; how it behaves is set by the run's seed, see there."""
    monkeypatch.setattr(training, "TRAINER", (sys.executable, str(STRICT_TRAINER)))


@pytest.fixture
def run_inputs(tmp_path: Path) -> dict[str, Any]:
    """Inputs of a run of 3 epochs, as they come from the engine: numbers are floats."""
    values = RunConfig(data_path="toy.h5", data_sha256="ab" * 32, num_epochs=3).to_dict()
    del values["contract_version"], values["learning_rate"]
    numbers_as_floats = {name: float(value) if isinstance(value, int) else value for name, value in values.items()}
    return {**numbers_as_floats, "folder": str(tmp_path / "stack")}
