"""Starting the trainer, following its events, and stopping it at a checkpoint."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
from collections import deque
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from provider.processes import Launcher, adopt_child, forget_child
from provider.progress import Progress
from provider.stack_folder import LAUNCHER_FILE, STOP_SECONDS
from trainer.contract import RUN_FILE
from trainer.refusal import Refusal

ROOT = Path(__file__).resolve().parent.parent
TRAINER = (sys.executable, "-m", "trainer")
LOG_FILE = "trainer.log"
"""Everything that the launcher and the ranks said on stderr."""
LAST_LINES = 8
MAX_LINE_BYTES = 1 << 20
EXIT_REFUSED = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """How a launcher ended."""

    exit_status: int
    """0 succeeded, 3 interrupted, 1 failed, 2 refused, negative: killed by that signal."""
    last_stderr_lines: tuple[str, ...]
    log_path: Path

    @property
    def refusal(self) -> Refusal | None:
        """What the trainer refused, if that is how it ended."""
        if self.exit_status != EXIT_REFUSED:
            return None
        said = self.last_stderr_lines[-1] if self.last_stderr_lines else "no word of why"
        return Refusal(f"the trainer refused: {said}", expected="a run that it accepts", remedy="see its words")


async def train(run_folder: Path, *, cancelled: asyncio.Event, progress: Progress) -> Ending:
    """Run `python -m trainer` on `run_folder`/run.json until it ends, or until `cancelled`, which stops it at a checkpoint."""
    # A task of its own: when the engine dies its call is cancelled at once, and the checkpoint would be lost with it.
    task = asyncio.create_task(_train(run_folder, cancelled, progress))
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        cancelled.set()
        raise


async def _train(run_folder: Path, cancelled: asyncio.Event, progress: Progress) -> Ending:
    process = await asyncio.create_subprocess_exec(
        *TRAINER,
        str(run_folder / RUN_FILE),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        limit=MAX_LINE_BYTES,
        start_new_session=True,
        env={**os.environ, "PYTHONPATH": str(ROOT), "HEPBURST_PARENT_PID": str(os.getpid())},
    )
    launcher = Launcher.of(process.pid)
    adopt_child(launcher)
    launcher.write(run_folder / LAUNCHER_FILE)
    log_path = run_folder / LOG_FILE
    try:
        assert process.stdout is not None
        assert process.stderr is not None
        followed = asyncio.gather(_follow(process.stdout, progress), _keep(process.stderr, log_path))
        await _ended(process, launcher, cancelled)
        # A rank that outlives its launcher for a moment holds the pipes open; do not wait for it for ever.
        _, last_lines = await asyncio.wait_for(followed, STOP_SECONDS)
    finally:
        launcher.send_to_group(signal.SIGKILL)
        forget_child(launcher)
        (run_folder / LAUNCHER_FILE).unlink(missing_ok=True)
    assert process.returncode is not None
    return Ending(exit_status=process.returncode, last_stderr_lines=last_lines, log_path=log_path)


async def _ended(process: asyncio.subprocess.Process, launcher: Launcher, cancelled: asyncio.Event) -> None:
    end, cancel = asyncio.create_task(process.wait()), asyncio.create_task(cancelled.wait())
    await asyncio.wait({end, cancel}, return_when=asyncio.FIRST_COMPLETED)
    cancel.cancel()
    if not end.done():
        launcher.send(signal.SIGTERM)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(asyncio.shield(end), STOP_SECONDS)
    if not end.done():
        launcher.send_to_group(signal.SIGKILL)
    await end


async def _follow(stdout: asyncio.StreamReader, progress: Progress) -> None:
    async for line in stdout:
        # Not every line of a launcher is an event, and one that we do not understand must not stop a run.
        with contextlib.suppress(ValueError, KeyError, TypeError):
            event: Any = json.loads(line)
            if isinstance(event, dict) and "event" in event:
                await progress.show(event)


async def _keep(stderr: asyncio.StreamReader, log_path: Path) -> tuple[str, ...]:
    last_lines: deque[str] = deque(maxlen=LAST_LINES)
    with log_path.open("ab", buffering=0) as log:
        async for line in stderr:
            log.write(line)
            if text := line.decode(errors="replace").strip():
                last_lines.append(text)
    return tuple(last_lines)
