"""Long work shown as one living line a step, its full output in a log file."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TextIO

from engine.places import LOGS, shown
from trainer.refusal import Refusal

HEARTBEAT_SECONDS = 30.0
"""How often a line is printed where lines cannot be rewritten (a log, a CI job)."""


def clock(seconds: float) -> str:
    """Minutes and seconds.

    >>> clock(83.4)
    '1:23'
    """
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"


class Screen:
    """Prints lines, and under them one that is rewritten in place on a terminal."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stdout
        self._is_terminal = self._stream.isatty()
        self._last_beat = time.monotonic()

    def line(self, text: str) -> None:
        """Print a line that stays."""
        self._stream.write(("\r\x1b[K" if self._is_terminal else "") + text + "\n")
        self._stream.flush()

    def live(self, text: str) -> None:
        """Show how things stand now: rewritten on a terminal, elsewhere a line now and then."""
        if self._is_terminal:
            width = shutil.get_terminal_size().columns
            self._stream.write("\r\x1b[K" + text[: width - 1])
            self._stream.flush()
        elif time.monotonic() - self._last_beat >= HEARTBEAT_SECONDS:
            self._last_beat = time.monotonic()
            self.line(text)


class Step:
    """One named piece of work. It runs commands whose output goes to its log, and says in a few words how far it is."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.status = ""
        self.log = LOGS / f"{name}.log"
        self.log.parent.mkdir(parents=True, exist_ok=True)
        self.log.write_text("", encoding="utf-8")
        self._process: subprocess.Popen[str] | None = None
        self._is_stopped = False

    def run(
        self,
        command: Sequence[str],
        *,
        cwd: Path,
        env: Mapping[str, str],
        status: Callable[[str], str | None] = lambda line: None,
    ) -> list[str]:
        """Run a command to its end and give its lines; `status` turns a line of output into words for the user.

        Raises CommandFailed if the command fails or the step was stopped.
        """
        lines: list[str] = []
        with self.log.open("a", encoding="utf-8") as log:
            log.write(f"$ {' '.join(command)}\n")
            log.flush()
            if self._is_stopped:
                raise CommandFailed(self, lines)
            with subprocess.Popen(
                command,
                cwd=cwd,
                env=dict(env),
                text=True,
                errors="replace",
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # so that `stop` reaches the compilers that it starts too
            ) as process:
                self._process = process
                for line in process.stdout or ():
                    log.write(line)
                    log.flush()
                    lines.append(line.rstrip())
                    self.status = status(lines[-1]) or self.status
        if process.returncode:
            raise CommandFailed(self, lines)
        return lines

    def stop(self) -> None:
        """End the command that runs now, if any, and let no other start."""
        self._is_stopped = True
        if self._process and self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGTERM)


class CommandFailed(Exception):  # noqa: N818 - it becomes a Refusal before a user sees it
    """A command of a step ended with an error; its output is in the step's log and in `lines`."""

    def __init__(self, step: Step, lines: Sequence[str]) -> None:
        super().__init__(f"{step.name} failed; its log: {step.log}")
        self.log, self.lines = step.log, lines

    def refusal(self, got: str, *, expected: str, remedy: str) -> Refusal:
        """The same for a user: one message that names the log."""
        return Refusal(got, expected=expected, remedy=f"{remedy} (everything that was said is in {shown(self.log)})")


def run_together(work: Mapping[str, Callable[[Step], str]], screen: Screen, *, first: int, total: int) -> None:
    """Run named steps at the same time, each in a thread, and print `[n/total] name: result (elapsed)` as each ends.

    The first failure stops the others and is raised; so is Ctrl-C.
    """
    began = time.monotonic()
    steps = {name: Step(name) for name in work}
    results: dict[str, str] = {}
    failures: list[BaseException] = []

    def one(name: str) -> None:
        try:
            results[name] = work[name](steps[name])
        except BaseException as problem:
            failures.append(problem)

    threads = {name: threading.Thread(target=one, args=(name,), daemon=True) for name in work}
    for thread in threads.values():
        thread.start()
    number = first
    reported: set[str] = set()
    try:
        while len(reported) < len(threads) and not failures:
            time.sleep(0.1)
            elapsed = clock(time.monotonic() - began)
            for name in [name for name in results if name not in reported]:
                reported.add(name)
                screen.line(f"[{number}/{total}] {name}: {results[name]} ({elapsed})")
                number += 1
            running = [f"{name}: {steps[name].status or 'starting'}" for name in threads if name not in results]
            if running:
                screen.live(f"[{number}/{total}] {elapsed}  " + "  |  ".join(running))
    finally:
        for step in steps.values():
            step.stop()
        for thread in threads.values():
            thread.join()
    if failures:
        screen.line("")
        raise failures[0]
