"""The default run reaches, as the median of three seeds and on showers that it has not seen, what the README promises."""

from __future__ import annotations

import dataclasses
import json
import statistics
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from stacks.settings import to_burst
from trainer.contract import RESULT_FILE, RUN_FILE, RunConfig, RunResult
from trainer.physics import Physics

PROJECT = Path(__file__).parents[2]
SEEDS = (1, 2, 3)


def default_run() -> RunConfig:
    settings = yaml.safe_load((PROJECT / "Pulumi.local.yaml").read_text(encoding="utf-8"))["config"]
    config = {
        name.removeprefix("hepburst:"): value if isinstance(value, str) else json.dumps(value)
        for name, value in settings.items()
    }
    return to_burst(config, stack="local").workload.run


def trained(run: RunConfig, folder: Path) -> Physics:
    folder.mkdir()
    dataclasses.replace(run, data_path=str(PROJECT / run.data_path)).write(folder / RUN_FILE)
    subprocess.run([sys.executable, "-m", "trainer", str(folder / RUN_FILE)], cwd=PROJECT, check=True, capture_output=True)
    physics = RunResult.read(folder / RESULT_FILE).physics["gan"]
    assert isinstance(physics, dict)
    return Physics.from_dict(physics)


@pytest.mark.slow
def test_the_default_run_reaches_the_promised_physics(tmp_path: Path) -> None:
    reached = [trained(dataclasses.replace(default_run(), seed=seed), tmp_path / str(seed)) for seed in SEEDS]
    assert statistics.median(physics.mean_layer_error.value for physics in reached) <= 0.15
    for bins in zip(*(physics.response_bins for physics in reached), strict=True):
        assert 0.85 <= statistics.median(each.response.value for each in bins) <= 1.15
