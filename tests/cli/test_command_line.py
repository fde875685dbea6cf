"""The command as a program: help, speed of its start, pipes, interruption, terminals."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from cli import project
from tests.cli.command import Run

BURST = Path(sys.executable).with_name("burst")
VERBS = ("plan", "forecast", "facts", "calibrate", "check-timing")
MAX_START_CPU_SECONDS = 1.5
"""About 0.35 on a quiet machine; other work on its cores makes it more."""


def started(*arguments: str, cwd: Path | None = None) -> subprocess.Popen[str]:
    environment = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "FORCE_COLOR")}
    pipe = subprocess.PIPE
    return subprocess.Popen([BURST, *arguments], stdout=pipe, stderr=pipe, text=True, env=environment, cwd=cwd)


def test_without_arguments_the_help_lists_the_verbs(burst: Run) -> None:
    for arguments in ([], ["--help"], ["-h"]):
        found = burst(*arguments)
        assert found.status == 0
        assert all(verb in found.out for verb in VERBS)


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        (["plan"], ["--hours", "--usd", "US dollars", "124987", "60, unless", "--allow-old", "180 days", "Exit status 1"]),
        (["forecast"], ["STACK", "pulumi preview", "--json"]),
        (["facts", "show"], ["--table"]),
        (["facts", "refresh"], ["--gcp-api-key", "HEPBURST_GCP_API_KEY", "--timeout", "30", "--endpoint"]),
        (["calibrate"], ["--preset", "--steps", "50", "--run", ".hepburst/calibration.csv"]),
        (["check-timing"], ["FILE.csv", "Exit status 0", "85%"]),
    ],
)
def test_each_verb_helps_with_units_and_defaults(burst: Run, arguments: list[str], parts: list[str]) -> None:
    found = burst(*arguments, "--help")
    assert found.status == 0
    words = " ".join(found.out.replace("\N{BOX DRAWINGS LIGHT VERTICAL}", " ").split())
    for part in parts:
        assert part in words


def test_a_verb_that_is_none_is_refused_with_the_closest(burst: Run) -> None:
    found = burst("plam")
    assert found.status == 2
    assert "plam" in found.refusals[0]
    assert "plan" in found.refusals[0]


def test_help_is_there_at_once_and_loads_nothing_heavy() -> None:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    with started("--help") as process:
        assert process.wait(20) == 0
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < MAX_START_CPU_SECONDS
    heavy = ["numpy", "matplotlib", "pulumi", "jinja2", "torch", "pydantic"]
    loaded = subprocess.run(
        [sys.executable, "-c", f"import sys, cli; print([name for name in {heavy!r} if name in sys.modules])"],
        capture_output=True, text=True, check=True, cwd=project.ROOT,
    )  # fmt: skip
    assert loaded.stdout.strip() == "[]"


def test_a_plan_needs_no_matplotlib_and_no_pulumi() -> None:
    program = (
        "import sys, contextlib, io, cli\n"
        "with contextlib.suppress(SystemExit), contextlib.redirect_stdout(io.StringIO()):\n"
        "    cli.main(['plan', '--provider', 'azure', '--json'])\n"
        "print([name for name in ('matplotlib', 'pulumi', 'jinja2', 'torch') if name in sys.modules])\n"
    )
    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=project.ROOT)
    assert loaded.stdout.strip() == "[]", loaded.stderr


def test_a_reader_that_leaves_is_no_error() -> None:
    with started("facts", "show", "--table", "prices") as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == ""
        assert process.wait(20) == 141


def test_an_interruption_is_quiet() -> None:
    program = (
        "import cli, cli.plan, signal, os\n"
        "cli.plan.search = lambda question: os.kill(os.getpid(), signal.SIGINT)\n"
        "cli.main(['plan'])\n"
    )
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, cwd=project.ROOT)
    assert (found.returncode, found.stdout, found.stderr) == (128 + signal.SIGINT, "", "")


def test_colours_end_where_no_color_is_set(burst: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "100")
    assert "\x1b[31m" in burst("plan", "--hours", "0").err
    monkeypatch.setenv("NO_COLOR", "1")
    assert burst("plan", "--hours", "0").err.startswith("refused: ")


def test_a_terminal_without_our_characters_gets_question_marks() -> None:
    environment = {**os.environ, "PYTHONIOENCODING": "ascii"}
    found = subprocess.run([BURST, "facts", "show"], capture_output=True, check=True, env=environment)
    assert b"????" in found.stdout


def test_the_command_starts_in_any_folder(tmp_path: Path) -> None:
    with started("forecast", "local", "--json", cwd=tmp_path) as process:
        out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    assert '"usd"' in out
