"""The README promises commands and pages: each is there."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[1]
README = (PROJECT / "README.md").read_text(encoding="utf-8")
COMMANDS = [line for block in re.findall(r"```bash\n(.*?)```", README, re.DOTALL) for line in block.splitlines() if line]
LINKS = re.findall(r"\]\(([^)#]+)\)", README)


def test_the_readme_promises_commands_and_pages() -> None:
    assert {"make up", "make test"} <= set(COMMANDS)
    assert len(LINKS) > 5


@pytest.mark.parametrize("link", [link for link in LINKS if "://" not in link])
def test_a_linked_file_is_there(link: str) -> None:
    assert (PROJECT / link).exists()


@pytest.mark.parametrize("command", [command for command in COMMANDS if command.startswith("make ")])
def test_a_make_command_is_a_target_with_a_line_of_help(command: str) -> None:
    subprocess.run([*shlex.split(command), "--dry-run"], cwd=PROJECT, check=True, capture_output=True)
    helped = subprocess.run(["make", "help"], cwd=PROJECT, check=True, capture_output=True, text=True).stdout
    target = shlex.split(command)[1]
    assert re.search(rf"^make {re.escape(target)} ", helped, re.MULTILINE)


@pytest.mark.parametrize("command", [command for command in COMMANDS if command.startswith("python -m ")])
def test_a_module_takes_the_options_that_the_readme_gives_it(command: str) -> None:
    _, _, module, *arguments = shlex.split(command)
    options = [word for word in arguments if word.startswith("--")]
    verb = arguments[:1] if re.fullmatch(r"[a-z]+", arguments[0]) else []
    helped = subprocess.run(
        [sys.executable, "-m", module, *verb, "--help"], cwd=PROJECT, check=True, capture_output=True, text=True
    )
    assert all(option in helped.stdout for option in options)


@pytest.mark.parametrize("command", [command for command in COMMANDS if command.startswith("burst ")])
def test_a_verb_takes_the_options_that_the_readme_gives_it(command: str) -> None:
    _, verb, *arguments = shlex.split(command)
    options = [word for word in arguments if word.startswith("--")]
    helped = subprocess.run(
        [sys.executable, "-c", "from cli import main; main()", verb, "--help"],
        cwd=PROJECT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    assert all(option in helped for option in options)


def test_the_shipped_sample_is_inspected_as_the_readme_says() -> None:
    command = next(command for command in COMMANDS if "trainer.showers inspect" in command)
    shown = subprocess.run([sys.executable, *shlex.split(command)[1:]], cwd=PROJECT, check=True, capture_output=True, text=True)
    assert "showers            1500" in shown.stdout
