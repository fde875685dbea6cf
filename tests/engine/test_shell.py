from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from engine.choice import Engine
from engine.places import STATE, VENV
from engine.shell import script, variables

OURS = Engine(folder=Path("/cache/engine/1"), version="3.259.0", is_ours=True)
OFFICIAL = Engine(folder=Path("/usr/local/bin"), version="3.300.0", is_ours=False)


def test_an_engine_of_ours_gets_a_home_of_its_own_and_comes_first() -> None:
    given = variables(OURS, {"PATH": "/usr/bin"})
    assert given["PATH"] == f"{VENV}/bin:/cache/engine/1:/usr/bin"
    assert given["PULUMI_HOME"].endswith("/hepburst/home")
    assert given["PULUMI_SKIP_UPDATE_CHECK"] == "true"


def test_an_official_engine_keeps_its_home_its_plugins_and_its_update_check() -> None:
    given = variables(OFFICIAL, {"PATH": "/usr/local/bin:/usr/bin"})
    assert given["PATH"] == f"{VENV}/bin:/usr/local/bin:/usr/bin"
    assert set(given) == {"PATH", "VIRTUAL_ENV", "PULUMI_BACKEND_URL", "PULUMI_CONFIG_PASSPHRASE"}


@pytest.mark.parametrize("engine", [OURS, OFFICIAL])
def test_plugin_downloads_are_never_switched_off(engine: Engine) -> None:
    assert "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION" not in variables(engine, {"PATH": ""})


def test_state_lies_in_the_project_and_the_passphrase_is_empty_unless_told_otherwise() -> None:
    given = variables(OFFICIAL, {"PATH": ""})
    assert given["PULUMI_BACKEND_URL"] == STATE.as_uri()
    assert given["PULUMI_CONFIG_PASSPHRASE"] == ""


def test_what_the_user_has_set_stays() -> None:
    mine = {"PATH": "", "PULUMI_BACKEND_URL": "s3://mine", "PULUMI_CONFIG_PASSPHRASE": "mine", "PULUMI_HOME": "/mine"}
    given = variables(OURS, mine)
    assert not {"PULUMI_BACKEND_URL", "PULUMI_CONFIG_PASSPHRASE", "PULUMI_HOME"} & set(given)
    assert "PULUMI_CONFIG_PASSPHRASE" not in variables(OURS, {"PATH": "", "PULUMI_CONFIG_PASSPHRASE_FILE": "/mine"})


def test_activating_twice_changes_nothing_more() -> None:
    once = {"PATH": "/usr/bin", **variables(OURS, {"PATH": "/usr/bin"})}
    assert {**once, **variables(OURS, once)} == once


@pytest.mark.parametrize("shell", ["bash", "zsh"])
def test_deactivate_takes_everything_back(shell: str) -> None:
    if not shutil.which(shell):
        pytest.skip(f"no {shell} here")
    before = {"PATH": "/usr/bin:/bin", "VIRTUAL_ENV": "/it's mine"}
    commands = f'env | sort\n{script(OURS, before)}\n[ "$PULUMI_HOME" ] || echo not set\ndeactivate\nenv | sort'
    flags = ["--norc", "--noprofile"] if shell == "bash" else ["-f"]
    answer = subprocess.run([shell, *flags, "-c", commands], env=before, capture_output=True, text=True, check=True)
    lines = [line for line in answer.stdout.splitlines() if not line.startswith(("_=", "SHLVL="))]
    assert lines[: len(lines) // 2] == lines[len(lines) // 2 :]
    assert "VIRTUAL_ENV=/it's mine" in lines
