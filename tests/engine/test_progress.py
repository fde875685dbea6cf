from __future__ import annotations

import io
import os
from pathlib import Path

import pytest

from engine import progress
from engine.progress import CommandFailed, Screen, Step, run_together


@pytest.fixture(autouse=True)
def logs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(progress, "LOGS", tmp_path / "logs")
    return tmp_path / "logs"


def shell(step: Step, script: str) -> list[str]:
    return step.run(["sh", "-c", script], cwd=Path("/"), env=os.environ, status=lambda line: f"saw {line}")


def test_a_command_is_shown_in_words_and_kept_whole_in_the_log(logs: Path) -> None:
    step = Step("work")
    assert shell(step, "echo one; echo two >&2") == ["one", "two"]
    assert step.status == "saw two"
    assert (logs / "work.log").read_text().splitlines() == ["$ sh -c echo one; echo two >&2", "one", "two"]


def test_each_step_is_told_once_with_its_result(logs: Path) -> None:
    out = io.StringIO()
    work = {"quick": lambda step: "done quickly", "slow": lambda step: shell(step, "sleep 0.3; echo done slowly")[0]}
    run_together(work, Screen(out), first=2, total=3)
    assert out.getvalue().splitlines() == ["[2/3] quick: done quickly (0:00)", "[3/3] slow: done slowly (0:00)"]


def test_the_first_failure_stops_the_other_steps_and_is_what_the_user_hears(logs: Path, tmp_path: Path) -> None:
    def slow(step: Step) -> str:
        shell(step, f"sh -c 'sleep 2; touch {tmp_path}/lived-on'; true")
        return "never"

    def failing(step: Step) -> str:
        shell(step, "echo why; exit 1")
        return "never"

    with pytest.raises(CommandFailed, match="failing failed") as failure:
        run_together({"slow": slow, "failing": failing}, Screen(io.StringIO()), first=1, total=2)
    assert failure.value.lines == ["why"]
    # The other command's own children hold its output open, so that this line is reached only when they have ended too.
    assert not (tmp_path / "lived-on").exists()


def test_a_stopped_step_starts_nothing_more(logs: Path) -> None:
    step = Step("work")
    step.stop()
    with pytest.raises(CommandFailed):
        shell(step, "echo not reached")
    assert "not reached" not in (logs / "work.log").read_text().splitlines()
