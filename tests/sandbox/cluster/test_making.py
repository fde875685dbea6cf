"""Building, unpacking, refusing: with stand-ins for `go` and `apt-get`."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from engine import progress
from engine.progress import Step
from engine.setup import Refusals
from sandbox.cluster import __main__, build, control_groups, machine_settings, packages, requirements, teardown
from sandbox.cluster.build import Module
from sandbox.cluster.light import LightCluster
from sandbox.cluster.places import MODULES, binaries
from trainer.refusal import Refusal

GO = """#!/bin/sh
echo "$@" >> "$0.calls"
case "$1 $2" in
"env GOVERSION") echo go1.30.0 ;;
"list -deps") echo example.org/module ;;
"list -m") echo "$MODULE" ;;
build*) for last in "$@"; do [ "$previous" = -o ] && echo binary > "$last"; previous=$last; done ;;
esac
"""
MODULE = Module(name="kueue", packages={"tool": "example.org/tool"}, manifests={"crds": ("example.org", "config")})


@pytest.fixture
def environ(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Mapping[str, str]:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(progress, "LOGS", tmp_path / "logs")
    (tmp_path / "programs").mkdir()
    (tmp_path / "module" / "config").mkdir(parents=True)
    (tmp_path / "module" / "config" / "crd.yaml").write_text("kind: CustomResourceDefinition")
    return {"PATH": f"{tmp_path / 'programs'}:/usr/bin:/bin", "MODULE": str(tmp_path / "module")}


def program(tmp_path: Path, name: str, script: str) -> Path:
    file = tmp_path / "programs" / name
    file.write_text(script)
    file.chmod(0o755)
    return file


def test_a_module_becomes_binaries_and_manifests_once(tmp_path: Path, environ: Mapping[str, str]) -> None:
    go = program(tmp_path, "go", GO)
    assert build.build([MODULE], Step("b"), environ) == "built: tool"
    assert MODULE.is_there
    assert (binaries() / "manifests" / "crds" / "crd.yaml").exists()
    assert build.build([MODULE], Step("b"), environ) == "are there"
    assert sum(line.startswith("build") for line in Path(f"{go}.calls").read_text().splitlines()) == 1


def test_a_build_that_fails_leaves_nothing_half_made_and_names_its_log(tmp_path: Path, environ: Mapping[str, str]) -> None:
    program(tmp_path, "go", GO.replace("build*)", "build*) exit 1;; never)"))
    with pytest.raises(Refusal, match=r"could not be built.*kind or minikube.*b\.log"):
        build.build([MODULE], Step("b"), environ)
    assert not MODULE.is_there
    assert not (binaries() / "bin").exists()


def test_every_module_has_its_locked_folder() -> None:
    for module in (build.CONTROL_PLANE, build.MPI_OPERATOR, build.KUEUE, build.KWOK, build.COREDNS):
        text = (MODULES / module.name / "go.mod").read_text()
        assert (MODULES / module.name / "go.sum").exists()
        assert all(package in text for package in module.packages.values())
    assert f"k8s.io/kubernetes {build.KUBERNETES}" in (MODULES / "kubernetes" / "go.mod").read_text()


def test_packages_are_unpacked_into_the_merged_layout_whole_or_not_at_all(tmp_path: Path, environ: Mapping[str, str]) -> None:
    files = tmp_path / "package" / "bin"
    files.mkdir(parents=True)
    (files / "tool").write_text("tool")
    subprocess.run(["tar", "--create", "--file", tmp_path / "files.tar", "-C", tmp_path / "package", "."], check=True)
    program(tmp_path, "apt-get", '#!/bin/sh\n[ -e "$FAILS" ] && exit 100\ntouch tool.deb\n')
    program(tmp_path, "dpkg-deb", f"#!/bin/sh\ncat {tmp_path / 'files.tar'}\n")
    fails = tmp_path / "fails"
    fails.touch()
    env = {**environ, "FAILS": str(fails)}
    with pytest.raises(Refusal, match="apt-get update"):
        packages.unpacked("node", ["tool"], Step("p"), env, is_complete=False)
    fails.unlink()
    folder = packages.unpacked("node", ["tool"], Step("p"), env, is_complete=False)
    assert (folder / "usr" / "bin" / "tool").read_text() == "tool"
    assert (folder / "bin").is_symlink()


def test_a_machine_that_cannot_is_told_all_that_it_lacks_and_where_else_to_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(requirements, "TOOLS", ("ls", "no-such-tool"))
    monkeypatch.setattr(requirements, "available_memory_gb", lambda: 1.5)
    with pytest.raises(Refusals) as refused:
        requirements.check_full({"PATH": "/bin:/usr/bin"}, builds=False)
    told = str(refused.value)
    assert "there is no no-such-tool" in told
    assert "1.5 GB of memory are free; expected 4 GB" in told
    assert "kind" in told
    assert "minikube" in told


def test_other_systems_are_refused_with_their_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("platform.system", lambda: "Darwin")
    with pytest.raises(Refusal, match=r"this is Darwin; expected Linux; .*kind"):
        requirements.check_full({}, builds=False)


def test_who_is_not_root_is_refused_in_one_line(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    assert __main__.main(["outage", "--seconds", "1"]) == 2
    told = capsys.readouterr().err
    assert told.startswith("refused: this is user 1000; expected root")
    assert told.count("\n") == 1


def test_a_light_cluster_is_not_made_in_a_folder_that_holds_something_else(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "thesis.tex").write_text("years")
    assert __main__.main(["up", "--light", "--folder", str(tmp_path)]) == 2
    assert "holds something else" in capsys.readouterr().err
    LightCluster(tmp_path).down()
    assert (tmp_path / "thesis.tex").exists()
    assert __main__.main(["up", "--light"]) == 2


def test_mounts_in_a_folder_are_seen_before_anything_is_removed(tmp_path: Path) -> None:
    table = tmp_path / "mounts"
    table.write_text("a /x/rehearsal/node/y tmpfs\nb /x/rehearsals tmpfs\nc /x tmpfs\n")
    assert teardown.mounts_under(Path("/x/rehearsal"), table) == ["/x/rehearsal/node/y"]


def test_hierarchies_of_both_versions_are_found(tmp_path: Path) -> None:
    for name in ("memory", "cpu,cpuacct"):
        (tmp_path / name).mkdir()
    (tmp_path / "cpu").symlink_to("cpu,cpuacct")
    assert [folder.name for folder in control_groups.hierarchies(tmp_path)] == ["cpu,cpuacct", "memory"]
    (tmp_path / "cgroup.controllers").touch()
    assert control_groups.hierarchies(tmp_path) == [tmp_path]


def test_the_machines_settings_are_written_down_once(tmp_path: Path) -> None:
    file = tmp_path / "settings.json"
    machine_settings.remember(file)
    file.write_text("{}")  # as if written before kubelet changed them
    machine_settings.remember(file)
    assert file.read_text() == "{}"
    machine_settings.restore(file)
    assert not file.exists()
    machine_settings.restore(file)
