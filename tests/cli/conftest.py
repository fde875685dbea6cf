"""The `burst` command as a user calls it, on a day of the tests' own."""

from __future__ import annotations

from pathlib import Path

import pytest

import cli
from burst.facts import speeds
from cli import clock
from tests.cli.command import TODAY, Outcome, Run


@pytest.fixture(autouse=True)
def _same_on_every_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No terminal's settings, no keys, no measurements of one's own, one day."""
    monkeypatch.setattr(clock, "today", lambda: TODAY)
    monkeypatch.setattr(speeds, "OWN", tmp_path / "calibration.csv")
    for name in ("COLUMNS", "NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE", "HEPBURST_GCP_API_KEY", "HEPBURST_FACTS_FOLDER"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def burst(capsys: pytest.CaptureFixture[str]) -> Run:
    """`burst("plan", "--hours", "2")` runs that command line in this process."""

    def run(*arguments: str) -> Outcome:
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            cli.main(arguments)
        out, err = capsys.readouterr()
        return Outcome(int(ended.value.code or 0), out, err)

    return run
