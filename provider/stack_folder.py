"""`hepburst:local:Folder`: the folder that holds everything a stack makes on this machine."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path

from provider.processes import Launcher
from provider.resource import Created, ResourceKind
from provider.values import Plain

RUNS_FOLDER = "runs"
LAUNCHER_FILE = "launcher.json"
"""In each run's folder while its launcher runs, and after a crash."""
STOP_SECONDS = 20.0
"""What a launcher gets to leave a checkpoint."""


class StackFolder(ResourceKind):
    """Made first and deleted last, so that a destroy leaves nothing, whatever a killed run left in it.

    Inputs: `path`. A renamed stack moves its folder.
    """

    async def create(self, urn: str, inputs: Plain) -> Created:
        """Make the folder; one that is there (the state was lost) is taken over with all that it holds."""
        (Path(inputs["path"]) / RUNS_FOLDER).mkdir(parents=True, exist_ok=True)
        return Created(id=inputs["path"], state=inputs)

    async def update(self, urn: str, state: Plain, inputs: Plain) -> Plain:
        """Move the folder."""
        old, new = Path(state["path"]), Path(inputs["path"])
        if old.exists() and not new.exists():
            new.parent.mkdir(parents=True, exist_ok=True)
            old.rename(new)
        (new / RUNS_FOLDER).mkdir(parents=True, exist_ok=True)
        return inputs

    async def exists(self, state: Plain) -> bool:
        """Whether the folder is there."""
        return Path(state["path"]).is_dir()

    async def delete(self, state: Plain) -> None:
        """Stop what still runs in it, then remove it whole."""
        folder = Path(state["path"])
        for run_folder in sorted((folder / RUNS_FOLDER).glob("*")):
            await asyncio.to_thread(stop_and_remove, run_folder)
        await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=not folder.exists())


def stop_launcher(run_folder: Path) -> None:
    """Stop the run that still lives in a folder, if one does. Blocks."""
    launcher = Launcher.read(run_folder / LAUNCHER_FILE)
    if launcher is not None:
        launcher.stop(STOP_SECONDS)
    (run_folder / LAUNCHER_FILE).unlink(missing_ok=True)


def stop_and_remove(run_folder: Path) -> None:
    """Stop the run that still lives in a folder, if one does, and remove the folder. Blocks."""
    if run_folder.is_dir():
        stop_launcher(run_folder)
        shutil.rmtree(run_folder)
