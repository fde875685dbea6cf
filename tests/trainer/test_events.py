from __future__ import annotations

import io
import json
import math
import subprocess
import sys
from pathlib import Path

import pytest

from trainer.contract import EventName
from trainer.events import EventLog
from trainer.refusal import Refusal


def test_each_event_is_one_json_line_in_the_file_and_on_the_stream(tmp_path: Path) -> None:
    stream = io.StringIO()
    with EventLog(tmp_path / "events.jsonl", stream) as events:
        events.emit(EventName.PHASE, name="training")
        events.emit(EventName.STEP, losses={"generator": math.nan, "discriminator": 0.5})
    lines = (tmp_path / "events.jsonl").read_text().splitlines()
    assert stream.getvalue().splitlines() == lines
    assert [json.loads(line)["event"] for line in lines] == ["phase", "step"]
    assert json.loads(lines[1])["losses"] == {"generator": None, "discriminator": 0.5}
    assert all(json.loads(line)["unix_seconds"] > 1e9 for line in lines)


def test_a_step_right_after_another_is_not_due(tmp_path: Path) -> None:
    with EventLog(tmp_path / "events.jsonl", io.StringIO()) as events:
        assert events.step_is_due()
        events.emit(EventName.STEP)
        assert not events.step_is_due()


def test_a_reader_that_goes_away_does_not_end_the_run(tmp_path: Path) -> None:
    text = """
import sys
from pathlib import Path
from trainer.contract import EventName
from trainer.events import EventLog

sys.stdin.readline()
with EventLog(Path(sys.argv[1])) as events:
    for number in range(3):
        events.emit(EventName.PHASE, name=str(number))
"""
    command = [sys.executable, "-c", text, str(tmp_path / "events.jsonl")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.close()
        process.stdout = None
        _, words = process.communicate(b"go\n", timeout=60)
    assert process.returncode == 0
    assert words == b""
    assert len((tmp_path / "events.jsonl").read_text().splitlines()) == 3


def test_a_full_disk_is_a_refusal() -> None:
    with EventLog(Path("/dev/full"), io.StringIO()) as events, pytest.raises(Refusal, match="No space left"):
        events.emit(EventName.PHASE, name="training")
