from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from engine.choice import Engine
from engine.places import PROJECT, STATE, VENV
from engine.shell import shell_variables, users_own, variables
from tests.engine.conftest import MakeProgram

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
    assert set(given) == {"PATH", "VIRTUAL_ENV", "HEPBURST_PROJECT", "PULUMI_BACKEND_URL"}


@pytest.mark.parametrize("engine", [OURS, OFFICIAL])
def test_plugin_downloads_are_never_switched_off(engine: Engine) -> None:
    assert "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION" not in variables(engine, {"PATH": ""})


def test_state_lies_in_the_project_unless_told_otherwise() -> None:
    assert variables(OFFICIAL, {"PATH": ""})["PULUMI_BACKEND_URL"] == STATE.as_uri()


def test_only_a_shell_gets_the_empty_passphrase_of_the_stack_local() -> None:
    assert shell_variables(OFFICIAL, {"PATH": ""})["PULUMI_CONFIG_PASSPHRASE"] == ""
    assert "PULUMI_CONFIG_PASSPHRASE" not in variables(OFFICIAL, {"PATH": ""})


def test_what_the_user_has_set_stays() -> None:
    mine = {"PATH": "", "PULUMI_BACKEND_URL": "s3://mine", "PULUMI_CONFIG_PASSPHRASE": "mine", "PULUMI_HOME": "/mine"}
    given = shell_variables(OURS, mine)
    assert not {"PULUMI_BACKEND_URL", "PULUMI_CONFIG_PASSPHRASE", "PULUMI_HOME"} & set(given)
    assert "PULUMI_CONFIG_PASSPHRASE" not in shell_variables(OURS, {"PATH": "", "PULUMI_CONFIG_PASSPHRASE_FILE": "/mine"})


def activated(own: dict[str, str], project: str) -> dict[str, str]:
    """The environment of a shell that is activated, if it were in the given place."""
    here = {**own, **shell_variables(OURS, own)}
    return {name: value.replace(str(PROJECT), project) for name, value in here.items()}


OWN = {"PATH": "/usr/bin:/bin", "HOME": "/home/me"}


@pytest.mark.parametrize("project", [str(PROJECT), "/elsewhere/another-copy"])
def test_what_an_activation_has_set_is_not_taken_for_the_users_own(cache: Path, project: str) -> None:
    ours = Engine(folder=cache / "engine" / "1", version="3.259.0", is_ours=True)
    here = {**OWN, **shell_variables(ours, OWN)}
    assert users_own({name: value.replace(str(PROJECT), project) for name, value in here.items()}) == OWN


def test_what_the_user_sets_in_an_activated_shell_is_their_own() -> None:
    mine = {"PULUMI_BACKEND_URL": "s3://mine", "PULUMI_CONFIG_PASSPHRASE": "mine", "PULUMI_HOME": "/mine"}
    assert mine.items() <= users_own({**activated(OWN, "/elsewhere"), **mine}).items()
    assert users_own(mine) == mine


@pytest.fixture
def elsewhere(tmp_path: Path, program: MakeProgram) -> Path:
    """A copy of what a shell reads, with an engine that need not be built."""
    folder = tmp_path / "it's a copy"
    (folder / "engine").mkdir(parents=True)
    shutil.copy(PROJECT / "activate.sh", folder)
    shutil.copy(PROJECT / "engine" / "bashrc", folder / "engine")
    ours = "Engine(folder=cache() / 'engine' / '1', version='3.259.0', is_ours=True)"
    asked = f"import os; from engine.choice import Engine; from engine.places import cache; from engine.shell import script\n\
print(script({ours}, os.environ))"
    main = f"import os\nos.chdir({str(PROJECT)!r})\nos.execv({sys.executable!r}, [{sys.executable!r}, '-c', {asked!r}])\n"
    (folder / "engine" / "__init__.py").touch()
    (folder / "engine" / "__main__.py").write_text(main)
    program("python3", f'exec {sys.executable} "$@"')
    return folder


def said(command: list[str], environ: dict[str, str]) -> list[str]:
    answer = subprocess.run(command, env=environ, capture_output=True, text=True, check=True)
    return [line for line in answer.stdout.splitlines() if not line.startswith(("_=", "SHLVL=", "OLDPWD=", "PWD="))]


THEIRS = "deactivate() { echo theirs; }"
ACTIVATE = ". ./activate.sh"


@pytest.mark.parametrize("shell", ["bash", "zsh"])
@pytest.mark.parametrize(
    "commands",
    [
        f"{ACTIVATE}; echo $HEPBURST_PROJECT; deactivate",
        f"{ACTIVATE}; {ACTIVATE}; echo $HEPBURST_PROJECT; deactivate",
        f"{THEIRS}; {ACTIVATE}; echo $HEPBURST_PROJECT; deactivate; deactivate",
        f"{THEIRS}; {ACTIVATE}; {ACTIVATE}; echo $HEPBURST_PROJECT; deactivate; deactivate",
        f"set -eu; {ACTIVATE}; echo $HEPBURST_PROJECT; deactivate",
    ],
)
def test_deactivate_takes_everything_back(shell: str, commands: str, programs: Path, elsewhere: Path) -> None:
    if not shutil.which(shell):
        pytest.skip(f"no {shell} here")
    before = {"PATH": f"{programs}:/usr/bin:/bin", "VIRTUAL_ENV": "/it's mine", "HOME": str(elsewhere)}
    flags = ["--norc", "--noprofile"] if shell == "bash" else ["-f"]
    script = f'cd "{elsewhere}"; env | sort; {commands}; env | sort; ! typeset -f _hepburst_deactivate'
    lines = said([shell, *flags, "-c", script], before)
    between = [str(PROJECT), "theirs"] if "theirs" in commands else [str(PROJECT)]
    half = (len(lines) - len(between)) // 2
    assert lines == [*lines[:half], *between, *lines[:half]]
    assert "VIRTUAL_ENV=/it's mine" in lines[:half]


def test_a_shell_within_an_activated_one_can_be_deactivated_too(programs: Path, elsewhere: Path) -> None:
    before = {"PATH": f"{programs}:/usr/bin:/bin", "HOME": str(elsewhere)}
    inner = f"{ACTIVATE}; deactivate; env | sort"
    lines = said(["bash", "--norc", "-c", f'cd "{elsewhere}"; env | sort; {ACTIVATE}; bash --norc -c "{inner}"'], before)
    assert lines[: len(lines) // 2] == lines[len(lines) // 2 :]


def test_make_shell_is_activated_after_the_users_own_start_up_file(programs: Path, elsewhere: Path) -> None:
    (elsewhere / ".bashrc").write_text("export VIRTUAL_ENV=/mine\n")
    before = {"PATH": f"{programs}:/usr/bin:/bin", "HOME": str(elsewhere)}
    script = "echo $VIRTUAL_ENV; deactivate; echo $VIRTUAL_ENV"
    assert said(["bash", "--rcfile", str(elsewhere / "engine" / "bashrc"), "-i", "-c", script], before) == [str(VENV), "/mine"]
