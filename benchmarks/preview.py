"""Time of a preview against that of an empty program: `python -m benchmarks.preview` prints lines `name=value`.

Both on the same engine, in turns: `pulumi preview` of the rehearsed stack (after `SANDBOX=1 make up STACK=...`, for its base),
and of a program that imports the same SDKs and declares nothing. `ratio` is the median of each round's own ratio.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

from engine.places import PROJECT, VENV
from engine.rehearsal import SUFFIX, environment

EMPTY = """import pulumi
from pulumi_gcp import artifactregistry, cloudscheduler, compute, container, projects, serviceaccount, storage
from pulumi_kubernetes import apiextensions, apps, core, rbac

compute.Subnetwork, container.Cluster, cloudscheduler.Job, serviceaccount.IAMMember  # they are imported when they are used
core.v1.Namespace, apps.v1.Deployment, rbac.v1.Role, apiextensions.v1.CustomResourceDefinition
"""
MANIFEST = "name: empty\nruntime: {{name: python, options: {{toolchain: pip, virtualenv: {venv}}}}}\n"


def main() -> int:
    """Take turns and print the figures."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.preview", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--stack", default="gke-v100")
    parser.add_argument("--rounds", type=int, default=7)
    given = parser.parse_args()
    env = environment(os.environ)
    with tempfile.TemporaryDirectory() as folder:
        project = Path(folder) / "project"
        project.mkdir()
        (project / "Pulumi.yaml").write_text(MANIFEST.format(venv=VENV), encoding="utf-8")
        (project / "__main__.py").write_text(EMPTY, encoding="utf-8")
        (Path(folder) / "state").mkdir()
        empty_env = {**env, "PULUMI_BACKEND_URL": (Path(folder) / "state").as_uri()}
        subprocess.run(["pulumi", "stack", "init", "empty"], cwd=project, env=empty_env, check=True, capture_output=True)
        rounds = []
        for _ in range(given.rounds + 1):
            empty = _seconds(project, "empty", empty_env)
            rounds.append((empty, _seconds(PROJECT, f"{given.stack}{SUFFIX}", env)))
    counted = rounds[1:]  # the first fills the disk's caches
    figures = {
        "empty_seconds": [empty for empty, _ in counted],
        "preview_seconds": [stack for _, stack in counted],
        "ratio": [stack / empty for empty, stack in counted],
    }
    for name, values in figures.items():
        print(f"{name}={statistics.median(values):.3f}")
        print(f"{name}_min={min(values):.3f}")
        print(f"{name}_max={max(values):.3f}")
    print(f"rounds={len(counted)}")
    print(f"num_cpus={os.cpu_count()}")
    return 0


def _seconds(project: Path, stack: str, env: Mapping[str, str]) -> float:
    began = time.perf_counter()
    command = ["pulumi", "preview", "--non-interactive", "--stack", stack]
    subprocess.run(command, cwd=project, env=dict(env), check=True, capture_output=True)
    return time.perf_counter() - began


if __name__ == "__main__":
    sys.exit(main())
