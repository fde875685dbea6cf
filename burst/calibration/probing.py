"""Trains some steps with the real trainer, for nothing but to time them."""

from __future__ import annotations

import contextlib
import datetime
import hashlib
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Generator, Iterator
from pathlib import Path

from burst.calibration.machine import OtherWork, processor_name
from burst.calibration.pace import MIN_BLOCKS, NUM_WARMUP_STEPS, Event, blocks, pace_of
from burst.calibration.speed import Calibration, ImageShape, image_text
from trainer.contract import RUN_FILE, EventName, Precision, Preset, RunConfig
from trainer.refusal import Refusal
from trainer.showers.sample import ANGLE, FIXED

SAMPLES: dict[ImageShape, Path] = {(25, 25, 25): FIXED, (51, 51, 25): ANGLE}
NUM_STEPS = 50
MAX_SECONDS = 240.0
NUM_EPOCHS = 10_000
"""More than a probe can train: it is stopped."""
ASK_SECONDS, POLL_SECONDS = 5.0, 0.2
ROOT = Path(__file__).parents[2]
LOG_FILE = "trainer.log"
REFUSED = re.compile(r"refused: (.*?); expected (.*); to mend it: (.*)")

Progress = Callable[[str, int, int], None]
"""Called with what the probe does (loading, evaluating, training), the steps measured so far, and those wanted."""


def probe(
    *,
    preset: Preset,
    image_shape: ImageShape,
    precision: Precision,
    batch_per_rank: int,
    num_ranks: int,
    threads_per_rank: int,
    num_steps: int = NUM_STEPS,
    num_warmup_steps: int = NUM_WARMUP_STEPS,
    max_seconds: float = MAX_SECONDS,
    progress: Progress = lambda doing, num_measured, num_steps: None,
) -> Calibration:
    """Train on the shipped showers of this shape until `num_steps` steps were timed; returns what was measured, here and now.

    The first `num_warmup_steps` steps do not count. Once `max_seconds` have passed since the launch fewer steps are enough,
    but steps must have been timed `MIN_BLOCKS` times. All files lie in a temporary folder; it is gone afterwards, as are all
    processes, also after a Ctrl-C (KeyboardInterrupt). Refused: what the trainer refuses, in its words; a trainer that fails,
    with its last line.
    """
    if num_steps < MIN_BLOCKS:
        raise Refusal(f"{num_steps} steps to measure", expected=f"{MIN_BLOCKS} or more", remedy="raise the steps")
    sample = _sample(image_shape)
    config = RunConfig(
        data_path=str(sample),
        data_sha256=hashlib.sha256(sample.read_bytes()).hexdigest(),
        num_epochs=NUM_EPOCHS,
        preset=preset,
        num_ranks=num_ranks,
        threads_per_rank=threads_per_rank,
        batch_per_rank=batch_per_rank,
        precision=precision,
    )
    launched_unix_seconds, other_work = time.time(), OtherWork()
    events: list[Event] = []
    with contextlib.closing(_events_of(config)) as coming:
        for event in coming:
            events.append(event)
            timed = blocks(events, num_warmup_steps=num_warmup_steps)
            num_timed = sum(block.num_steps for block in timed)
            if event["event"] != EventName.CHECKPOINT:
                progress(_doing(event), min(num_timed, num_steps), num_steps)
            is_late = time.time() - launched_unix_seconds > max_seconds
            if len(timed) >= MIN_BLOCKS and (num_timed >= num_steps or is_late):
                break
    measured = pace_of(events, started_unix_seconds=launched_unix_seconds, num_warmup_steps=num_warmup_steps)
    others = other_work.num_cpus()
    command = (
        f"burst calibrate --preset {preset} --image {image_text(image_shape)} --precision {precision} "
        f"--batch {batch_per_rank} --ranks {num_ranks} --threads {threads_per_rank} --steps {num_steps}"
    )
    num_cpus, now = os.cpu_count() or 1, datetime.datetime.now(datetime.UTC)
    return Calibration.of(
        config,
        measured,
        image_shape=image_shape,
        processor=processor_name(),
        source=f"{command}, {now:%H:%M:%S} UTC; other work on {'?' if others is None else f'{others:.1f}'} of {num_cpus} CPUs",
        date=now.date(),
        other_work=None if others is None else others / num_cpus,
    )


def _sample(image_shape: ImageShape) -> Path:
    if image_shape not in SAMPLES:
        raise Refusal(
            f"showers of {image_text(image_shape)} cells",
            expected=" or ".join(map(image_text, SAMPLES)),
            remedy="choose a shape that the shipped samples have",
        )
    return SAMPLES[image_shape]


def _doing(event: Event) -> str:
    """What the trainer does after this event. It says that it trains, and then judges the network that it starts from."""
    if event["event"] == EventName.PHASE:
        return "evaluating" if event["name"] == "training" else str(event["name"])
    return "training"


def _events_of(config: RunConfig) -> Generator[Event, None, None]:
    """The events of a run as it says them, until it ends by itself, which is a refusal, or is no longer listened to."""
    with tempfile.TemporaryDirectory(prefix="hepburst-probe-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        config.write(folder / RUN_FILE)
        with _trainer(folder) as process:
            assert process.stdout is not None
            for line in process.stdout:
                if line.startswith('{"event"'):
                    yield json.loads(line)
            raise _failure(process.wait(), (folder / LOG_FILE).read_text(encoding="utf-8", errors="replace"))


@contextlib.contextmanager
def _trainer(folder: Path) -> Iterator[subprocess.Popen[str]]:
    """The trainer at work on the run in `folder`; it and its ranks are gone when this closes."""
    command = [sys.executable, "-m", "trainer", str(folder / RUN_FILE)]
    environment = {**os.environ, "HEPBURST_PARENT_PID": str(os.getpid())}  # it stops when we are gone, however that came
    with (
        (folder / LOG_FILE).open("wb") as log,
        subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            errors="replace",
            cwd=ROOT,
            env=environment,
            start_new_session=True,  # a Ctrl-C of the terminal comes by us alone
        ) as process,
    ):
        try:
            yield process
        finally:
            _stop(process)


def _stop(process: subprocess.Popen[str]) -> None:
    """Ask, and insist: the launcher of several ranks kills them at the second request; a single rank ends after its step."""
    deadline = time.monotonic() + ASK_SECONDS
    try:
        while process.poll() is None and time.monotonic() < deadline:
            process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(POLL_SECONDS)
    finally:
        process.kill()  # also ends ranks, if any are left: the kernel kills them with their launcher


def _failure(exit_status: int, log: str) -> Refusal:
    lines = [line.strip() for line in log.splitlines() if line.strip()]
    last = lines[-1] if lines else "it said nothing"
    if refused := REFUSED.fullmatch(last):
        got, expected, remedy = refused.groups()
        return Refusal(got, expected=expected, remedy=remedy)
    return Refusal(
        f"the trainer ended with status {exit_status}: {last}",
        expected="a training that goes on until it is stopped",
        remedy="see that `make up` trains on this machine; fewer ranks or a smaller batch take less memory",
    )
