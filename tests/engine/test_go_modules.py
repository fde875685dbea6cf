from __future__ import annotations

import os
import shutil
import subprocess
import threading
from collections.abc import Mapping
from pathlib import Path

import pytest

from engine import go_modules, progress
from engine.choice import Engine, choose
from engine.places import PROJECT
from engine.progress import Step
from tests.engine.conftest import MakeProgram
from trainer.refusal import Refusal

FAKE_GO = """
echo "$@" >> "$0.calls"
case "$1 $2" in
"env GOVERSION") echo go1.30.0 ;;
"list -deps") echo fmt; echo example.org/module ;;
"list -m") echo "$SDK" ;;
build*) sleep 0.2; for last in "$@"; do [ "$previous" = -o ] && echo binary > "$last"; previous=$last; done ;;
esac
"""


@pytest.fixture
def environ(programs: Path, tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> Mapping[str, str]:
    monkeypatch.setattr(progress, "LOGS", tmp_path / "logs")
    for script in go_modules.BESIDE_THE_HOST:
        (tmp_path / "sdk" / script).parent.mkdir(parents=True)
        (tmp_path / "sdk" / script).write_text("script")
    return {"PATH": f"{programs}:/usr/bin:/bin", "SDK": str(tmp_path / "sdk")}


@pytest.fixture
def engine(programs: Path, cache: Path) -> Engine:
    return choose({"PATH": str(programs)})


def test_an_engine_is_the_cli_our_host_and_pulumis_two_scripts(
    program: MakeProgram, engine: Engine, environ: Mapping[str, str]
) -> None:
    program("go", FAKE_GO)
    assert go_modules.build(engine, Step("engine"), environ) == f"Pulumi {engine.version} built"
    assert sorted(file.name for file in engine.folder.iterdir()) == [
        "pulumi",
        "pulumi-language-python",
        "pulumi-language-python-exec",
        "pulumi-resource-pulumi-python",
    ]
    assert engine.is_there


def test_two_set_ups_at_once_build_one_engine(program: MakeProgram, engine: Engine, environ: Mapping[str, str]) -> None:
    go = program("go", FAKE_GO)
    told: list[str] = []
    threads = [
        threading.Thread(target=lambda name=name: told.append(go_modules.build(engine, Step(name), environ))) for name in "ab"
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(told) == [f"Pulumi {engine.version} built", f"Pulumi {engine.version} is there"]
    calls = go.with_name("go.calls").read_text().splitlines()
    assert sum(call.startswith("build") for call in calls) == 2  # the CLI and the host, once each


def test_a_proxy_that_refuses_is_one_message_with_the_remedy_and_the_log(
    program: MakeProgram, engine: Engine, environ: Mapping[str, str]
) -> None:
    refuses = 'case "$1" in env) echo go1.30.0 ;; *) echo "go: reading some module: 403 Forbidden" >&2; exit 1 ;; esac'
    program("go", refuses)
    with pytest.raises(Refusal) as refused:
        go_modules.build(engine, Step("engine"), environ)
    told = str(refused.value)
    assert told.startswith("the Pulumi engine could not be fetched from Go modules; expected")
    assert "install Pulumi 3.259.0 or newer" in told
    assert "engine.log" in told
    assert "\n" not in told
    assert not engine.is_there


def test_a_build_that_broke_off_leaves_no_engine_and_the_next_one_succeeds(
    program: MakeProgram, engine: Engine, environ: Mapping[str, str]
) -> None:
    program("go", FAKE_GO.replace("build*)", "build*) exit 1 ;; never)"))
    with pytest.raises(Refusal, match="could not be built"):
        go_modules.build(engine, Step("engine"), environ)
    assert not engine.folder.exists()
    program("go", FAKE_GO)
    go_modules.build(engine, Step("engine"), environ)
    assert engine.is_there


@pytest.mark.parametrize(("told", "is_used"), [("go1.25.11", True), ("go1.26", True), ("go1.24.9", False), ("", False)])
def test_the_machines_go_is_used_if_it_is_new_enough(program: MakeProgram, programs: Path, told: str, is_used: bool) -> None:
    go = program("go", f"echo {told}")
    assert go_modules.machine_go({"PATH": str(programs)}) == (go if is_used else None)


def test_the_language_host_passes_its_own_tests() -> None:
    go = go_modules.machine_go(os.environ)
    if go is None:
        pytest.skip("no Go toolchain here")
    env = {**os.environ, "GOTOOLCHAIN": "local", "GOPROXY": "off", "CGO_ENABLED": "0"}
    modules = subprocess.run(
        [go, "list", "-deps", "./language_host"], cwd=PROJECT / "engine", env=env, capture_output=True, check=False
    )
    if modules.returncode:
        pytest.skip("the modules of the engine are not on this machine")
    for command in (["vet", "./..."], ["test", "./..."]):
        answer = subprocess.run([go, *command], cwd=PROJECT / "engine", env=env, capture_output=True, text=True, check=False)
        assert answer.returncode == 0, answer.stdout + answer.stderr
    gofmt = shutil.which("gofmt")
    if gofmt:
        listed = subprocess.run([gofmt, "-l", "."], cwd=PROJECT / "engine", capture_output=True, text=True, check=True)
        assert listed.stdout == ""
