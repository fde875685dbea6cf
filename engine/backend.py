"""The engine asked without the user seeing it, and the files that its file backend keeps."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from urllib.parse import unquote, urlsplit

from engine.places import PROJECT

PROJECT_NAME = "hepburst"
"""`name` in Pulumi.yaml."""


def quiet(arguments: Sequence[str], env: Mapping[str, str], *, given: str | None = None) -> subprocess.CompletedProcess[str]:
    """Run `pulumi` with its output kept, and with the text `given` as its input."""
    command = ["pulumi", *arguments, "--non-interactive"]
    return subprocess.run(command, cwd=PROJECT, env=dict(env), input=given, capture_output=True, text=True, check=False)


def last_line(answer: subprocess.CompletedProcess[str]) -> str:
    """What the engine said last, for a refusal."""
    lines = [line.strip() for line in answer.stderr.splitlines() if line.strip()]
    return lines[-1].replace("error: ", "", 1) if lines else f"exit status {answer.returncode}"


def file_backend(env: Mapping[str, str]) -> Path | None:
    """The folder of a file backend; None for any other, which only the engine can be asked about."""
    parts = urlsplit(env.get("PULUMI_BACKEND_URL", ""))
    return Path(unquote(parts.path)) if parts.scheme == "file" and parts.path.startswith("/") and not parts.netloc else None


def state_files(folder: Path, stack: str) -> list[Path]:
    """The state of a stack in the file backend in `folder`: one file if there is such a stack, else none."""
    states = folder / ".pulumi" / "stacks" / PROJECT_NAME
    return [file for suffix in ("json", "json.gz") if (file := states / f"{stack}.{suffix}").exists()]
