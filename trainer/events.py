"""JSON lines that tell what a run is doing: to standard output and to `events.jsonl`. The names are `contract.EventName`."""

from __future__ import annotations

import contextlib
import json
import math
import os
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self, TextIO

from trainer.contract import EventName, Json
from trainer.refusal import Refusal

MIN_STEP_INTERVAL_SECONDS = 0.5
"""A step says something at most this often."""


class Events(Protocol):
    """Where a run says what it does."""

    def emit(self, event: EventName, **members: Json) -> None:
        """Say it."""

    def step_is_due(self) -> bool:
        """Whether the last `step` was long enough ago."""


class NoEvents:
    """Says nothing: what every rank but the first uses."""

    def emit(self, event: EventName, **members: Json) -> None:
        """Nothing."""

    def step_is_due(self) -> bool:
        """Never."""
        return False


class EventLog:
    """Writes each event as one JSON line to `path` (appended) and to `stream`, at once.

    A stream that nobody reads any more (a closed pipe) is given up without ado: the run goes on, and the file has it all.
    """

    def __init__(self, path: Path, stream: TextIO | None = None) -> None:
        try:
            self._file = path.open("a", encoding="utf-8")
        except OSError as problem:
            raise unwritable(path, problem) from None
        self._path = path
        self._stream: TextIO | None = stream or sys.stdout
        self._last_step_seconds = -math.inf

    def emit(self, event: EventName, **members: Json) -> None:
        """Write one line; numbers that are not finite become null."""
        line = json.dumps({"event": event.value, "unix_seconds": round(time.time(), 3), **_finite(members)}, allow_nan=False)
        if event is EventName.STEP:
            self._last_step_seconds = time.monotonic()
        try:
            self._file.write(line + "\n")
            self._file.flush()
        except OSError as problem:
            raise unwritable(self._path, problem) from None
        if self._stream is not None:
            try:
                self._stream.write(line + "\n")
                self._stream.flush()
            except OSError:
                _silence(self._stream)
                self._stream = None

    def step_is_due(self) -> bool:
        """Whether the last `step` was `MIN_STEP_INTERVAL_SECONDS` ago."""
        return time.monotonic() - self._last_step_seconds >= MIN_STEP_INTERVAL_SECONDS

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None) -> None:
        with contextlib.suppress(OSError):  # each line was flushed; what a full disk refused then was told then
            self._file.close()


def _silence(stream: TextIO) -> None:
    """Let what is still in a broken stream's buffer go nowhere, or Python complains about it at its end."""
    with contextlib.suppress(OSError), Path(os.devnull).open("w") as nowhere:
        os.dup2(nowhere.fileno(), stream.fileno())


def unwritable(path: Path, problem: OSError) -> Refusal:
    """The refusal for a run folder that takes no files."""
    return Refusal(
        f"{path}: {problem.strerror}", expected="a run folder that can be written", remedy="free space, or give --out"
    )


def _finite(values: Mapping[str, Any]) -> dict[str, Any]:
    def cleaned(value: Any) -> Any:
        if isinstance(value, Mapping):
            return _finite(value)
        return None if isinstance(value, float) and not math.isfinite(value) else value

    return {key: cleaned(value) for key, value in values.items()}
