"""Where this project is, from wherever the command is called."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]


@contextlib.contextmanager
def in_project() -> Iterator[Path]:
    """Within it paths mean what they mean to Pulumi's program: relative to the folder of Pulumi.yaml."""
    with contextlib.chdir(ROOT):
        yield ROOT
