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

from engine.rehearsal import SUFFIX
from sandbox.cloud.ledger import Ledger
from sandbox.cluster.api import Api, Manifest
from tests.e2e.project import PROJECT, Project
from trainer.showers import sample

BASE = "gcp-base"
ASK = "import json, os; from engine import rehearsal; print(json.dumps(rehearsal.environment(os.environ)))"


class Rehearsed(Project):
    """The copy, its rehearsed base deployed; commands go to the rehearsed stack that `on` names."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, sample.FIXED)
        shutil.copytree(PROJECT / "sandbox", folder / "sandbox", ignore=shutil.ignore_patterns("__pycache__"))
        for place in (sample.FIXED, sample.ANGLE):
            shutil.copy(place, folder / place.relative_to(PROJECT))
        for file in PROJECT.glob("Pulumi.g*.yaml"):
            if not file.stem.endswith(SUFFIX):
                shutil.copy(file, folder)
        self.env = json.loads(self.python("-c", ASK))
        (folder / ".hepburst" / "sandbox" / "state").mkdir(parents=True)
        self.ledger = Ledger(Path(self.env["HEPBURST_SANDBOX"]))
        self.made(BASE).up()

    def made(self, name: str) -> Rehearsed:
        """Prepare a stack's rehearsal, make the stack, and turn to it."""
        self.python("-m", "sandbox.rehearsal", "prepare", name)
        self.on(name).pulumi("stack", "init", self.stack)
        return self

    def on(self, name: str) -> Rehearsed:
        """Turn to another rehearsed stack."""
        self.stack = f"{name}{SUFFIX}"
        return self

    def configure(self, **changes: Any) -> None:
        """Change the rehearsed stack's settings: `section__name=value`, a list's member by its number; None removes."""
        if not changes:
            return
        file = self.folder / f"Pulumi.{self.stack}.yaml"
        settings = yaml.safe_load(file.read_text())
        for path, value in changes.items():
            first, *rest = path.split("__")
            *way, last = (f"hepburst:{first}", *rest)
            place: Any = settings["config"]
            for name in way:
                place = place[int(name) if name.isdigit() else name]
            place[int(last) if last.isdigit() else last] = value
            if value is None:
                del place[last]
        file.write_text(yaml.safe_dump(settings, sort_keys=False))

    def setting(self, name: str) -> Any:
        """A setting of the rehearsed stack."""
        return yaml.safe_load((self.folder / f"Pulumi.{self.stack}.yaml").read_text())["config"][f"hepburst:{name}"]

    def python(self, *arguments: str) -> str:
        """Run this checkout's Python in the copy."""
        env = {**(self.env if hasattr(self, "ledger") else os.environ), "PYTHONPATH": str(self.folder)}
        answer = subprocess.run(
            [sys.executable, *arguments], cwd=self.folder, env=env, capture_output=True, text=True, check=False
        )
        assert answer.returncode == 0, answer.stdout + answer.stderr
        return answer.stdout

    def cloud(self, *arguments: str) -> str:
        """A command of the rehearsed cloud."""
        return self.python("-m", "sandbox.cloud", *arguments)

    def there(self, kind: str = "") -> list[str]:
        """The names of what is in the cloud, of a type that ends so."""
        return sorted(one.name for one in self.ledger.resources().values() if one.type.endswith(kind))

    def done(self, since: int) -> list[tuple[str, str]]:
        """What was done in the cloud after the first `since` lines of its ledger: operation and type."""
        return [(str(entry.op), entry.type.rpartition(":")[2]) for entry in self.ledger.entries()[since:]]

    @property
    def now(self) -> int:
        """Lines of the ledger."""
        return len(self.ledger.entries())

    def pods(self, role: str) -> list[Manifest]:
        """The run's pods of a role, launcher or worker."""
        api = Api(self.ledger.folder / "clusters" / f"hepburst-{self.stack}" / "kubeconfig")
        labelled = f"/api/v1/namespaces/hepburst-{self.stack}/pods?labelSelector=training.kubeflow.org/job-role={role}"
        return list(api.items(labelled))
