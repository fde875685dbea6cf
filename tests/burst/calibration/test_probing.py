from __future__ import annotations

import signal
import tempfile
from pathlib import Path
from typing import Any

import pytest

from burst.calibration import Calibration, Confidence, probe, probing
from burst.calibration.machine import processor_name
from trainer.contract import Precision, Preset
from trainer.launch import RANK_VARIABLES
from trainer.refusal import Refusal

SMALL: dict[str, Any] = {
    "preset": Preset.DEMO,
    "image_shape": (25, 25, 25),
    "precision": Precision.FP32,
    "batch_per_rank": 8,
    "num_ranks": 2,
    "threads_per_rank": 1,
    "num_steps": 6,
    "num_warmup_steps": 1,
}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where probes have their temporary folders."""
    for name in RANK_VARIABLES:
        monkeypatch.delenv(name, raising=False)
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


def assert_nothing_is_left(folder: Path) -> None:
    """Neither files nor processes that were started on them."""
    assert list(folder.iterdir()) == []
    commands = [path.read_bytes() for path in Path("/proc").glob("[0-9]*/cmdline") if path.exists()]
    assert not [command for command in commands if str(folder).encode() in command]


def fake_trainer(root: Path, monkeypatch: pytest.MonkeyPatch, program: str) -> None:
    """In the place of `python -m trainer`; `say(event, **members)` is an event of the current time."""
    (root / "trainer").mkdir()
    (root / "trainer" / "__init__.py").touch()
    lines = [
        "import json, sys, time",
        "def say(event, **members):",
        "    print(json.dumps({'event': event, 'unix_seconds': time.time(), **members}), flush=True)",
        "def start():",
        "    say('phase', name='loading'); say('phase', name='training'); say('epoch', epoch=0)",
        program,
    ]
    (root / "trainer" / "__main__.py").write_text("\n".join(lines))
    monkeypatch.setattr(probing, "ROOT", root)


def test_a_probe_times_real_steps_on_two_ranks_and_leaves_nothing(folder: Path) -> None:
    said: list[tuple[str, int, int]] = []
    measured = probe(**SMALL, progress=lambda *words: said.append(words))
    assert isinstance(measured, Calibration)
    assert measured.processor == processor_name()
    assert measured.num_steps >= 6
    assert 0.005 < measured.seconds_per_step < 30
    assert measured.start_seconds > measured.evaluation_seconds > 0
    when, _, others = measured.source.partition("; ")
    command, _, time_of_day = when.partition(", ")
    assert command == (
        "burst calibrate --preset demo --image 25x25x25 --precision fp32 --batch 8 --ranks 2 --threads 1 --steps 6"
    )
    assert time_of_day.endswith(" UTC")  # so that two probes on one day are two measurements
    assert others.startswith("other work on ")
    assert [doing for doing, *_ in said][:2] == ["loading", "evaluating"]
    assert said[-1] == ("training", 6, 6)
    assert_nothing_is_left(folder)


@pytest.mark.parametrize("num_ranks", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_ctrl_c_ends_a_probe_with_nothing_left(folder: Path, num_ranks: int) -> None:
    def interrupt(doing: str, num_measured: int, num_steps: int) -> None:
        if doing == "evaluating":
            signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        probe(**{**SMALL, "num_ranks": num_ranks}, progress=interrupt)
    assert_nothing_is_left(folder)


def test_what_the_trainer_refuses_is_refused_in_its_words(folder: Path) -> None:
    with pytest.raises(
        Refusal, match=r"^showers of 51 x 51 x 25 cells for preset demo; expected 25 x 25 x 25; to mend it: choose"
    ):
        probe(**{**SMALL, "image_shape": (51, 51, 25)})
    with pytest.raises(Refusal, match=r"^2 ranks with 700 showers each need 1400 for one step; expected at most the 1200"):
        probe(**{**SMALL, "batch_per_rank": 700})
    assert_nothing_is_left(folder)


def test_a_shape_without_shipped_showers_and_too_few_steps_are_refused_before_anything_starts() -> None:
    with pytest.raises(Refusal, match="showers of 7x7x7 cells; expected 25x25x25 or 51x51x25"):
        probe(**{**SMALL, "image_shape": (7, 7, 7)})
    with pytest.raises(Refusal, match="2 steps to measure; expected 3 or more"):
        probe(**{**SMALL, "num_steps": 2})


def test_a_trainer_that_fails_is_refused_with_its_last_line(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_trainer(tmp_path, monkeypatch, "start(); sys.exit('failed: out of memory\\n\\n')")
    with pytest.raises(
        Refusal, match="the trainer ended with status 1: failed: out of memory; expected a training that goes on"
    ):
        probe(**SMALL)
    assert_nothing_is_left(folder)


def test_a_trainer_that_is_killed_without_a_word_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_trainer(tmp_path, monkeypatch, "import os; os.kill(os.getpid(), 9)")
    with pytest.raises(Refusal, match="status -9: it said nothing"):
        probe(**SMALL)


def test_a_slow_trainer_is_stopped_after_fewer_steps_even_if_it_does_not_listen(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(probing, "ASK_SECONDS", 0.5)
    program = """
import signal
signal.signal(signal.SIGTERM, signal.SIG_IGN)
start()
for step in range(1, 1000):
    time.sleep(0.1)
    say('step', epoch=1, step=step)
"""
    fake_trainer(tmp_path, monkeypatch, program)
    measured = probe(**{**SMALL, "num_steps": 500}, max_seconds=1.0)
    assert 3 <= measured.num_steps < 100
    assert measured.seconds_per_step == pytest.approx(0.1, rel=0.3)
    assert "--steps 500" in measured.source
    assert measured.confidence is not Confidence.HIGH
    assert_nothing_is_left(folder)
