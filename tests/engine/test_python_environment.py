from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from engine import progress, python_environment
from engine.progress import Step
from engine.python_environment import check_headers, machine_uv, sync
from tests.engine.conftest import MakeProgram
from trainer.refusal import Refusal


@pytest.fixture
def environ(programs: Path, tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> Mapping[str, str]:
    monkeypatch.setattr(progress, "LOGS", tmp_path / "logs")
    return {"PATH": f"{programs}:/usr/bin:/bin", "VIRTUAL_ENV": "/somewhere/else"}


@pytest.mark.parametrize(("told", "is_used"), [("uv 0.9.0", True), ("uv 1.0.0 (abc 2027-01-01)", True), ("uv 0.8.24", False)])
def test_the_users_uv_is_used_if_it_is_new_enough(
    program: MakeProgram, programs: Path, cache: Path, told: str, is_used: bool
) -> None:
    uv = program("uv", f"echo '{told}'")
    assert machine_uv({"PATH": str(programs)}) == (uv if is_used else None)


def test_the_sync_keeps_the_lock_removes_nothing_and_goes_into_the_projects_environment(
    program: MakeProgram, environ: Mapping[str, str]
) -> None:
    uv = program(
        "uv",
        'echo "$@" > "$0.call"; echo "$UV_PROJECT_ENVIRONMENT $VIRTUAL_ENV" >> "$0.call"; echo "Installed 3 packages in 2ms"',
    )
    assert sync(uv, Step("packages"), environ, groups=["dev"], extras=["gcp"]) == "installed 3"
    call, variables = uv.with_name("uv.call").read_text().splitlines()
    assert call == "sync --locked --inexact --no-progress --group dev --extra gcp"
    assert variables.strip().endswith("/.venv")


@pytest.mark.parametrize("shebang", ["#!{}/bin/python", "#!/bin/sh\n'''exec' '{}/bin/python' \"$0\" \"$@\""])
@pytest.mark.parametrize("is_moved", [True, False])
def test_an_environment_that_was_moved_or_copied_is_made_anew(
    program: MakeProgram,
    environ: Mapping[str, str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    is_moved: bool,
    shebang: str,
) -> None:
    made, now = tmp_path / "made" / ".venv", tmp_path / "now" / ".venv"
    for name, python in (("pytest", made), ("get_gprof", Path("/usr"))):
        script = made / "bin" / name
        script.parent.mkdir(parents=True, exist_ok=True)
        script.write_text(shebang.format(python) + "\n")
    if is_moved:
        shutil.copytree(made, now)
    place = now if is_moved else made
    monkeypatch.setattr(python_environment, "VENV", place)
    monkeypatch.setattr(python_environment, "OWN", tmp_path)
    uv = program("uv", f'[ -e {place}/bin/pytest ] && echo "Installed 0 packages" || echo "Installed 9 packages"')
    assert sync(uv, Step("packages"), environ, groups=[], extras=[]) == ("installed 9" if is_moved else "installed 0")
    assert (made / "bin" / "pytest").exists(), "that of the other place is not ours to remove"
    assert not (tmp_path / ".venv.old").exists()


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("  x Failed to build `horovod==0.28.1`", "Horovod could not be compiled"),
        ("error: The lockfile at `uv.lock` needs to be updated", "uv.lock does not match pyproject.toml"),
        ("error: Failed to fetch: `torch`", "the Python packages could not be installed"),
    ],
)
def test_a_failed_sync_is_one_message_that_names_the_log(
    program: MakeProgram, environ: Mapping[str, str], said: str, told: str
) -> None:
    uv = program("uv", f"echo '{said}' >&2; exit 1")
    with pytest.raises(Refusal, match=f"^{told}.*packages.log") as refused:
        sync(uv, Step("packages"), environ, groups=[], extras=[])
    assert "\n" not in str(refused.value)


def test_a_python_without_headers_is_refused_with_the_package_that_has_them(program: MakeProgram) -> None:
    with pytest.raises(Refusal, match=r"no C headers.*python3\.11-dev"):
        check_headers(program("python", "echo False"))


def test_the_environment_lists_its_packages_as_the_official_language_host_asks_it_to() -> None:
    command = [sys.executable, "-m", "pip", "list", "--format", "json"]
    answer = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "pulumi" in {package["name"] for package in json.loads(answer.stdout)}
