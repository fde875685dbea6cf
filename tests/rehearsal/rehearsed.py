"""A copy of the project whose stacks are rehearsed: its own home of the engine, backend, cloud."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml

from tests.e2e.project import PROJECT, Project
from trainer.showers import sample

BASE = "gcp-base"
SUFFIX = "-sandbox"


class Rehearsed(Project):
    """One rehearsed stack of a cloud, on the base that all rehearsals of the copy share."""

    def __init__(self, folder: Path, stack: str) -> None:
        self.settled = stack
        super().__init__(folder, sample.FIXED, f"{stack}{SUFFIX}")
        for name in ("sandbox",):
            shutil.copytree(PROJECT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        for place in (sample.FIXED, sample.ANGLE):
            shutil.copy(place, folder / place.relative_to(PROJECT))
        for name in (stack, BASE):
            shutil.copy(PROJECT / f"Pulumi.{name}.yaml", folder)
        found = self.python(
            "-c", "import json, os; from engine import rehearsal as r; print(json.dumps(r.environment(os.environ)))"
        )
        self.env = json.loads(found)
        self.cloud = Path(self.env["HEPBURST_SANDBOX"])
        for name in (BASE, stack):
            self.python("-m", "sandbox.rehearsal", "prepare", name)
            self.on(name).pulumi("stack", "init", f"{name}{SUFFIX}")

    def configure(self, **changes: Any) -> None:
        """Change the rehearsed stack's settings: `section__name=value`; a list's member by its number."""
        file = self.folder / f"Pulumi.{self.stack}.yaml"
        if not changes:
            return
        settings = yaml.safe_load(file.read_text())
        for path, value in changes.items():
            first, *rest = path.split("__")
            place: Any = settings["config"]
            for name in (f"hepburst:{first}", *rest)[:-1]:
                place = place[int(name) if name.isdigit() else name]
            last = rest[-1] if rest else f"hepburst:{first}"
            if value is None:
                del place[last]
            else:
                place[last] = value
        file.write_text(yaml.safe_dump(settings, sort_keys=False))

    def on(self, name: str) -> Rehearsed:
        """The same copy, its commands on another rehearsed stack."""
        self.stack = f"{name}{SUFFIX}"
        return self

    def python(self, *arguments: str) -> str:
        """Run this checkout's Python in the copy."""
        env = {**getattr(self, "env", os.environ), "PYTHONPATH": str(self.folder)}
        answer = subprocess.run(
            [sys.executable, *arguments], cwd=self.folder, env=env, capture_output=True, text=True, check=False
        )
        assert answer.returncode == 0, answer.stdout + answer.stderr
        return answer.stdout

    def sandbox(self, *arguments: str) -> str:
        """A command of the rehearsed cloud."""
        return self.python("-m", "sandbox.cloud", *arguments)

    def ledger(self) -> list[dict[str, Any]]:
        """What happened in the cloud so far."""
        file = self.cloud / "ledger.jsonl"
        return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []
