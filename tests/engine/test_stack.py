from __future__ import annotations

from pathlib import Path

import pytest

from engine import stack
from engine.places import LOGS, OWN, RESERVED, STATE
from engine.setup import STAMP
from stacks import settings
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
    assert RESERVED == settings.RESERVED_STACK_NAMES
    for place in (STATE, LOGS, STAMP):
        assert place.parent == OWN
        assert place.name in RESERVED or place.name.startswith(".")


def test_a_stack_may_have_dots_in_its_name(project: Path) -> None:
    (project / "Pulumi.v1.2.yaml").touch()
    assert stack.known_stacks() == ["local", "v1.2"]
    stack.check_name("v1.2")
    with pytest.raises(Refusal, match=r"no Pulumi\.v1\.yaml"):
        stack.check_name("v1")


FILE_BACKEND = {"PULUMI_BACKEND_URL": "file:///state"}


@pytest.mark.parametrize("written", ["", "secretsprovider: passphrase\n", "config:\n  hepburst:secretsprovider: none\n"])
def test_a_stack_of_ones_own_is_not_given_a_passphrase_that_nobody_chose(project: Path, written: str) -> None:
    (project / "Pulumi.mine.yaml").write_text(written)
    with pytest.raises(Refusal, match=r"stack mine has no passphrase.*export PULUMI_CONFIG_PASSPHRASE="):
        stack.check_passphrase("mine", FILE_BACKEND)


@pytest.mark.parametrize(
    ("name", "written", "env"),
    [
        ("local", "", FILE_BACKEND),
        ("mine", "", {**FILE_BACKEND, "PULUMI_CONFIG_PASSPHRASE": ""}),
        ("mine", "", {**FILE_BACKEND, "PULUMI_CONFIG_PASSPHRASE_FILE": "/mine"}),
        ("mine", "secretsprovider: awskms://key\n", FILE_BACKEND),
        ("mine", "", {"PULUMI_BACKEND_URL": "https://api.pulumi.com"}),
        ("mine", "", {}),
    ],
    ids=[
        "local",
        "an empty one by choice",
        "a file",
        "a key service",
        "a backend that encrypts",
        "one that pulumi login chose",
    ],
)
def test_a_stack_whose_secrets_are_safe_or_none_is_not_refused(
    project: Path, name: str, written: str, env: dict[str, str]
) -> None:
    (project / f"Pulumi.{name}.yaml").write_text(written)
    stack.check_passphrase(name, env)
