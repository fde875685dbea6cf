from __future__ import annotations

import re
from pathlib import Path

import pytest

from engine import go_modules
from engine.choice import BUILT, choose, sources_digest
from engine.places import PROJECT
from engine.versions import dotted
from tests.engine.conftest import MakeProgram
from trainer.refusal import Refusal


def official(program: MakeProgram, version: str, *, with_host: bool = True) -> None:
    program("pulumi", f"echo {version}")
    if with_host:
        program("pulumi-language-python", "exit 0")


def test_an_official_pulumi_on_path_is_used(program: MakeProgram, programs: Path, cache: Path) -> None:
    official(program, "v3.300.1")
    engine = choose({"PATH": str(programs)})
    assert (engine.folder, engine.version, engine.is_ours, engine.is_there) == (programs, "3.300.1", False, True)


def test_an_official_pulumi_that_is_too_old_is_refused_with_both_versions(program: MakeProgram, programs: Path) -> None:
    official(program, "v3.100.0")
    with pytest.raises(Refusal, match=r"Pulumi 3\.100\.0; expected 3\.259\.0 or newer; to mend it: update it"):
        choose({"PATH": str(programs)})


def test_a_pulumi_that_does_not_tell_its_version_is_refused(program: MakeProgram, programs: Path) -> None:
    program("pulumi", "exit 1")
    with pytest.raises(Refusal, match="unknown version"):
        choose({"PATH": str(programs)})


def test_an_official_pulumi_without_its_language_host_is_refused(program: MakeProgram, programs: Path) -> None:
    official(program, "v3.300.1", with_host=False)
    with pytest.raises(Refusal, match="no pulumi-language-python beside it"):
        choose({"PATH": str(programs)})


def test_a_linked_pulumi_finds_the_language_host_beside_its_target(
    program: MakeProgram, programs: Path, tmp_path: Path, cache: Path
) -> None:
    official(program, "v3.300.1")
    links = tmp_path / "links"
    links.mkdir()
    (links / "pulumi").symlink_to(programs / "pulumi")
    assert not choose({"PATH": str(links)}).is_ours


def test_without_a_pulumi_the_engine_is_ours_in_a_versioned_folder_of_the_cache(programs: Path, cache: Path) -> None:
    engine = choose({"PATH": str(programs)})
    assert engine.is_ours
    assert not engine.is_there
    assert engine.folder == cache / "engine" / f"{dotted(BUILT)}-{sources_digest()}"


def test_an_engine_built_here_is_not_taken_for_an_official_one(programs: Path, cache: Path) -> None:
    built = choose({"PATH": str(programs)}).folder
    built.mkdir(parents=True)
    (built / "pulumi").write_text("#!/bin/sh\necho v9.9.9\n")
    (built / "pulumi").chmod(0o755)
    engine = choose({"PATH": f"{built}:{programs}"})
    assert (engine.is_ours, engine.is_there, engine.version) == (True, True, dotted(BUILT))


def test_a_change_of_the_language_host_is_another_engine(tmp_path: Path) -> None:
    host = tmp_path / "language_host"
    host.mkdir()
    for file in (tmp_path / "go.mod", tmp_path / "go.sum", host / "main.go"):
        file.write_text("one")
    before = sources_digest(tmp_path)
    (host / "main_test.go").write_text("tests make no engine")
    assert sources_digest(tmp_path) == before
    (host / "main.go").write_text("two")
    assert sources_digest(tmp_path) != before


def test_versions_are_those_of_go_mod() -> None:
    text = (PROJECT / "engine" / "go.mod").read_text()
    assert re.findall(r"pulumi/(?:pkg|sdk)/v3 v(\S+)", text) == [dotted(BUILT), dotted(BUILT)]
    assert f"\ngo {dotted(go_modules.OLDEST_GO)}\n" in text
