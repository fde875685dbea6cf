from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from engine.places import PROJECT


def run(*arguments: str, state: Path) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, "PULUMI_BACKEND_URL": state.as_uri()}
    command = [sys.executable, "-m", "engine", *arguments]
    return subprocess.run(command, cwd=PROJECT, env=env, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("command", ["up", "down"])
def test_a_stack_without_settings_is_refused_before_anything_is_done(tmp_path: Path, command: str) -> None:
    answer = run(command, "locla", state=tmp_path)
    assert answer.returncode == 2
    (line,) = answer.stderr.splitlines()
    assert line.startswith("refused: there is no Pulumi.locla.yaml (did you mean local?)")
    assert not list(tmp_path.iterdir())


def test_down_where_nothing_is_says_so_and_sets_nothing_up(tmp_path: Path) -> None:
    answer = run("down", "local", state=tmp_path)
    assert (answer.returncode, answer.stdout) == (0, "There is no stack local here: nothing to destroy.\n")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(("before", "after"), [("SIG_IGN", "SIG_IGN"), ("SIG_DFL", "default_int_handler")])
def test_a_hang_up_that_is_to_be_ignored_stays_ignored_and_any_other_ends_us_in_order(
    tmp_path: Path, before: str, after: str
) -> None:
    program = f"""
import signal
from engine.command_line import main
signal.signal(signal.SIGHUP, signal.{before})
assert main(["down", "local"]) == 0
assert signal.getsignal(signal.SIGHUP) is signal.{after}
"""
    env = {**os.environ, "PULUMI_BACKEND_URL": tmp_path.as_uri()}
    subprocess.run([sys.executable, "-c", program], cwd=PROJECT, env=env, check=True)


def test_a_set_up_makes_no_stack_in_the_users_backend(tmp_path: Path) -> None:
    program = """
from engine import command_line
command_line.set_up = lambda environ, **_: environ  # as where all is there
assert command_line.main(["setup", "--group", "dev"]) == 0
"""
    env = {**os.environ, "PULUMI_BACKEND_URL": tmp_path.as_uri()}
    subprocess.run([sys.executable, "-c", program], cwd=PROJECT, env=env, check=True)
    assert not list(tmp_path.iterdir())
