"""Plots and pages as files: whole or not at all."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from trainer.refusal import Refusal


def write_whole(path: Path, content: bytes) -> None:
    """Put `content` in the place of what is at `path`; refuses a place that cannot be written."""
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        partial.write_bytes(content)
        partial.replace(path)
    except OSError as problem:
        with contextlib.suppress(OSError):
            partial.unlink()
        raise Refusal(
            f"{path}: {problem.strerror}", expected="a file that can be written", remedy="choose another place"
        ) from None
