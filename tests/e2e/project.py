"""A copy of the project with its own state, driven by the real engine."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from engine.choice import choose
from engine.shell import variables

PROJECT = Path(__file__).parents[2]
PACKAGES = ("burst", "cli", "components", "engine", "provider", "stacks", "trainer")
FILES = ("Pulumi.yaml", "__main__.py", "pyproject.toml", "uv.lock")
COMMAND_SECONDS = 300


class Project:
    """The copy. Its stack is yet to be made."""

    def __init__(self, folder: Path, data: Path, stack: str = "local") -> None:
        self.folder, self.data, self.stack = folder, data, stack
        for name in PACKAGES:
            shutil.copytree(PROJECT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__", "*.h5"))
        for name in FILES:
            shutil.copy(PROJECT / name, folder)
        (folder / ".venv").symlink_to(PROJECT / ".venv")
        self.own = folder / ".hepburst"
        (self.own / "state").mkdir(parents=True)
        ours = variables(choose(os.environ), os.environ)
        self.env = {**os.environ, **ours, "PULUMI_BACKEND_URL": (self.own / "state").as_uri(), "PULUMI_CONFIG_PASSPHRASE": ""}
        self.configure()

    def tiny(self) -> dict[str, Any]:
        """The settings of a tiny run."""
        return {
            "hepburst:target": "local",
            "hepburst:data": str(self.data),
            "hepburst:workload": {"preset": "demo", "num_epochs": 1, "batch_per_rank": 8},
            "hepburst:pool": {"region": "gcp/europe-west6", "num_ranks": 1},
        }

    def configure(self, **changes: Any) -> None:
        """Write the stack's settings for a tiny run; `changes` are `section__name=value`."""
        config = self.tiny()
        for path, value in changes.items():
            *section, name = path.split("__")
            place = config[f"hepburst:{section[0]}"] if section else config
            place[name if section else f"hepburst:{name}"] = value
        # JSON is YAML.
        (self.folder / f"Pulumi.{self.stack}.yaml").write_text(json.dumps({"config": config}))

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """The engine as a process; its output, both streams, is a file."""
        command = ["pulumi", *arguments, "--non-interactive", "--stack", self.stack]
        if arguments[:2] == ("stack", "init"):
            command = ["pulumi", *arguments, "--non-interactive"]
        with (self.folder / "output.txt").open("w") as output:
            return subprocess.Popen(command, cwd=self.folder, env=self.env, stdout=output, stderr=subprocess.STDOUT, text=True)

    def said(self) -> str:
        """What the last command said."""
        return (self.folder / "output.txt").read_text()

    def pulumi(self, *arguments: str, fails: bool = False) -> str:
        """Run a command to its end, and give what it said."""
        with self.start(*arguments) as process:
            status = process.wait(COMMAND_SECONDS)
        said = self.said()
        assert (status != 0) == fails, said
        assert "Traceback" not in said, said
        return said

    def up(self, *arguments: str) -> str:
        return self.pulumi("up", "--yes", "--skip-preview", *arguments)

    def output(self, name: str) -> Any:
        answer = subprocess.run(
            ["pulumi", "stack", "output", "--json", "--stack", self.stack, name],
            cwd=self.folder,
            env=self.env,
            capture_output=True,
            text=True,
            check=True,
        )
        return json.loads(answer.stdout)

    def run_folders(self) -> list[Path]:
        return sorted((self.own / self.stack / "runs").glob("*"))

    def events(self, seed: int) -> list[dict[str, Any]]:
        """What the run with this seed has said so far."""
        for folder in self.run_folders():
            with contextlib.suppress(FileNotFoundError):  # a run that begins, or is removed meanwhile
                if json.loads((folder / "run.json").read_text())["seed"] == seed:
                    lines = (folder / "events.jsonl").read_text().splitlines()
                    return [json.loads(line) for line in lines if line.endswith("}")]
        return []

    def processes(self) -> dict[int, str]:
        """Everything that runs in the copy: engine, program, plugin, launcher, ranks."""
        found = {}
        for entry in Path("/proc").iterdir():
            with contextlib.suppress(OSError):
                if entry.name.isdigit() and (entry / "cwd").readlink() == self.folder:
                    found[int(entry.name)] = (entry / "cmdline").read_text().replace("\0", " ")
        return found

    def wait_until(
        self, happens: Callable[[], bool], engine: subprocess.Popen[str] | None = None, seconds: float = 120
    ) -> None:
        """Poll for something, while `engine` (if given) lives."""
        deadline = time.monotonic() + seconds
        while not happens():
            assert engine is None or engine.poll() is None, self.said()
            assert time.monotonic() < deadline, f"{self.said()}\n{self.processes()}"
            time.sleep(0.05)
