"""Where things lie: the project, its ignored folder, the user's cache."""

from __future__ import annotations

import os
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]
OWN = PROJECT / ".hepburst"
"""Ignored by git: state, runs, logs, the stamp of the set-up. Removing it forgets every stack."""
STATE = OWN / "state"
LOGS = OWN / "logs"
REHEARSAL = OWN / "rehearsal"
SANDBOX = OWN / "sandbox"
RESERVED = (STATE.name, LOGS.name, REHEARSAL.name, SANDBOX.name)
"""No stack may have these names, nor one with a dot in front: its folder in `OWN` would be ours, and be removed with it."""
VENV = PROJECT / ".venv"


def cache() -> Path:
    """The user's cache folder of hepburst, shared by all checkouts: engines, uv, the engine's own home."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "hepburst"


def shown(path: Path) -> str:
    """A path as a person would write it: relative to the project, or with ~ for the home folder.

    >>> shown(PROJECT / ".hepburst" / "logs")
    '.hepburst/logs'
    """
    for folder, prefix in ((PROJECT, ""), (Path.home(), "~/")):
        if folder in path.parents:
            return prefix + str(path.relative_to(folder))
    return str(path)
