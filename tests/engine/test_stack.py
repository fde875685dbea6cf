from __future__ import annotations

from pathlib import Path

import pytest

from engine import stack
from engine.places import LOGS, OWN, RESERVED, STATE
from engine.setup import STAMP
from trainer.refusal import Refusal


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project whose only stack is `local`."""
    monkeypatch.setattr(stack, "PROJECT", tmp_path)
    (tmp_path / "Pulumi.yaml").touch()
    (tmp_path / "Pulumi.local.yaml").touch()
    return tmp_path


@pytest.mark.parametrize("name", ["state", "logs", ".setup.json", "."])
def test_a_stack_whose_folder_would_be_ours_is_refused_though_it_has_settings(project: Path, name: str) -> None:
    (project / f"Pulumi.{name}.yaml").touch()
    with pytest.raises(Refusal, match="a stack cannot be called"):
        stack.check_name(name)


def test_everything_that_is_ours_has_a_name_that_no_stack_may_have() -> None:
    for place in (STATE, LOGS, STAMP):
        assert place.parent == OWN
        assert place.name in RESERVED or place.name.startswith(".")


def test_a_stack_may_have_dots_in_its_name(project: Path) -> None:
    (project / "Pulumi.v1.2.yaml").touch()
    assert stack.known_stacks() == ["local", "v1.2"]
    stack.check_name("v1.2")
    with pytest.raises(Refusal, match=r"no Pulumi\.v1\.yaml"):
        stack.check_name("v1")
