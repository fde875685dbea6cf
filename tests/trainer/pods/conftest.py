"""Runs by `python -m trainer.pods`: real launchers and ranks, on this machine."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.trainer.pods.waiting import DEADLINE_SECONDS, wait_for
from trainer.contract import CHECKPOINTS_FOLDER, EVENTS_FILE, RunConfig
from trainer.lifeline import is_alive


class Pods:
    """A launcher with its run folder."""

    def __init__(self, folder: Path, process: subprocess.Popen[bytes], error: Path, termination_message: Path) -> None:
        self.folder, self.process, self._error, self._termination = folder, process, error, termination_message

    def events(self, name: str) -> list[dict[str, Any]]:
        """Of the run folder so far."""
        with contextlib.suppress(OSError):
            lines = (self.folder / EVENTS_FILE).read_text().splitlines()
            return [event for event in map(json.loads, lines) if event["event"] == name]
        return []

    def said(self) -> str:
        """On standard error so far."""
        return self._error.read_text()

    def ranks(self) -> list[int]:
        """Process ids of the ranks, wherever their parents are."""
        found = []
        for path in Path("/proc").glob("[0-9]*/cmdline"):
            with contextlib.suppress(OSError):
                words = path.read_bytes().split(b"\0")
                if words[1:3] == [b"-m", b"trainer"] and words[3:4] == [str(self.folder / "run.json").encode()]:
                    found.append(int(path.parent.name))
        return sorted(pid for pid in found if is_alive(pid))

    def trains(self, num_steps: int = 2) -> list[int]:
        """Wait until it does; the ranks."""
        wait_for(lambda: len(self.events("step")) >= num_steps or self.process.poll() is not None)
        assert self.process.poll() is None, self.said()
        return self.ranks()

    def end(self) -> int:
        """Wait for it; the exit status."""
        return self.process.wait(timeout=DEADLINE_SECONDS)

    def last_words(self) -> dict[str, Any]:
        """The termination message."""
        words = json.loads(self._termination.read_text())
        assert isinstance(words, dict)
        return words

    def newest_checkpoint(self) -> Path:
        return max((self.folder / CHECKPOINTS_FOLDER).glob("step-*.pt"))


StartPods = Callable[..., Pods]


@pytest.fixture
def start_pods(config: RunConfig, tmp_path: Path) -> Iterator[StartPods]:
    """Starts `python -m trainer.pods` for a run of two ranks that lasts for hours (or `num_epochs`), and leaves none behind."""
    started: list[Pods] = []

    def start(*options: str, folder: str = "out", num_epochs: int = 10_000, **environment: str) -> Pods:
        dataclasses.replace(config, num_epochs=num_epochs, num_ranks=2, batch_per_rank=4).write(tmp_path / "run.json")
        (tmp_path / "termination-log").write_text("")
        error = tmp_path / f"error-{len(started)}"
        command = [sys.executable, "-m", "trainer.pods", str(tmp_path / "run.json"), "--out", str(tmp_path / folder)]
        with error.open("wb") as file:
            process = subprocess.Popen(
                [*command, "--termination-message", str(tmp_path / "termination-log"), *options],
                env={**os.environ, **environment},
                stdout=subprocess.PIPE,
                stderr=file,
                start_new_session=True,
            )
        started.append(Pods(tmp_path / folder, process, error, tmp_path / "termination-log"))
        return started[-1]

    yield start
    for pods in started:
        pods.process.kill()
        pods.process.communicate()
        for rank in pods.ranks():
            with contextlib.suppress(ProcessLookupError):
                os.kill(rank, signal.SIGKILL)
