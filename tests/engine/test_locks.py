from __future__ import annotations

import os
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest

from engine.locks import locks, process_start
from tests.engine.lock_files import take


def test_the_lock_of_a_living_process_is_held(tmp_path: Path) -> None:
    take(tmp_path, os.getpid())
    (lock,) = locks(tmp_path, "hepburst", "local")
    assert lock.is_here
    assert lock.is_held


def test_the_lock_of_a_killed_process_is_not_held(tmp_path: Path) -> None:
    process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    take(tmp_path, process.pid)
    (lock,) = locks(tmp_path, "hepburst", "local")
    was_held = lock.is_held
    process.kill()
    while process_start(process.pid):  # a zombie counts as dead: nobody need have waited for it
        time.sleep(0.01)
    assert (was_held, lock.is_held) == (True, False)
    process.wait()


def test_a_process_that_began_after_the_lock_was_taken_does_not_hold_it(tmp_path: Path) -> None:
    began = process_start(os.getpid())
    assert began is not None
    take(tmp_path, os.getpid(), timestamp=datetime.fromtimestamp(began - 60, UTC).isoformat())
    assert not locks(tmp_path, "hepburst", "local")[0].is_held


@pytest.mark.parametrize(("zone", "hours"), [("Z", 0), ("+02:00", 2), ("-07:00", -7)])
def test_the_time_of_a_lock_is_read_in_any_time_zone(tmp_path: Path, zone: str, hours: int) -> None:
    take(tmp_path, 1, timestamp=f"2026-11-23T12:00:00.890238398{zone}")
    moment = datetime(2026, 11, 23, 12, 0, 0, tzinfo=timezone(timedelta(hours=hours)))
    assert locks(tmp_path, "hepburst", "local")[0].unix_seconds == moment.timestamp()


def test_files_that_are_no_locks_are_left_out(tmp_path: Path) -> None:
    take(tmp_path, 1).write_text("{")
    take(tmp_path, 2).with_suffix(".json.attrs").write_text("{}")
    assert [lock.pid for lock in locks(tmp_path, "hepburst", "local")] == [2]
    assert locks(tmp_path / "nowhere", "hepburst", "local") == []
