"""How the command writes: wrapped to a terminal's width, and one line a line where another program reads."""

from __future__ import annotations

import io
import json
import re
import sys
from collections.abc import Iterable
from typing import TextIO

from rich.console import Console

from trainer.contract import Json

UNWRAPPED = 100_000
"""Characters in a line of a pipe or file: names are never broken."""


def output() -> Console:
    """For what was asked."""
    return _console(is_error=False)


def errors() -> Console:
    """For warnings and progress, on stderr."""
    return _console(is_error=True)


def _console(*, is_error: bool) -> Console:
    stream = sys.stderr if is_error else sys.stdout
    console = Console(file=stream, highlight=False, markup=False, emoji=False)
    if not console.is_terminal:
        console.file = _Trimmed(stream)
        console.width = UNWRAPPED
    return console


class _Trimmed(io.StringIO):
    """Passes on what is written, less the blanks that a table leaves at the end of a line."""

    def __init__(self, stream: TextIO) -> None:
        super().__init__()
        self._stream = stream

    def write(self, text: str) -> int:
        self._stream.write(re.sub(r" +$", "", text, flags=re.MULTILINE))
        return len(text)

    def flush(self) -> None:
        self._stream.flush()


def warn(sentences: Iterable[str]) -> None:
    """Warnings, a line each."""
    console = errors()
    for sentence in sentences:
        console.print(f"warning: {sentence}", style="yellow", soft_wrap=True)


def print_json(document: dict[str, Json]) -> None:
    """A document for programs."""
    print(json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False))
