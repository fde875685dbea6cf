"""The benchmark of the planner runs and prints what it names; how fast it is, is for people to read."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

PROJECT = Path(__file__).parents[2]


def test_a_million_plans_are_searched_and_told() -> None:
    told = subprocess.run(
        [sys.executable, "-m", "benchmarks.plans"], cwd=PROJECT, capture_output=True, text=True, check=False, timeout=300
    )
    assert told.stderr == ""
    figures = dict(line.split("=") for line in told.stdout.splitlines())
    assert float(figures["candidates"]) > 1e6
    assert float(figures["plans_per_second"]) > float(figures["plans_per_second_loop"]) > 0
    assert float(figures["peak_memory_mb"]) < 500
