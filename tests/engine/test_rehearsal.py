from __future__ import annotations

from pathlib import Path

import pytest

from engine import rehearsal, stack
from engine.places import SANDBOX, STATE
from trainer.refusal import Refusal

USERS = {
    "PATH": "/usr/bin",
    "HOME": "/home/me",
    "PULUMI_HOME": "/home/me/.pulumi",
    "PULUMI_BACKEND_URL": "gs://the-real-state",
    "PULUMI_CONFIG_PASSPHRASE_FILE": "/home/me/passphrase",
}


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with a burst on GKE and its base."""
    monkeypatch.setattr(stack, "PROJECT", tmp_path)
    monkeypatch.setattr(rehearsal, "PROJECT", tmp_path)
    (tmp_path / "Pulumi.local.yaml").write_text("config:\n  hepburst:target: local\n")
    (tmp_path / "Pulumi.gcp-base.yaml").write_text("config:\n  hepburst:target: gcp-base\n")
    (tmp_path / "Pulumi.mine.yaml").write_text("config:\n  hepburst:target: gke\n  hepburst:base: gcp-base  # ours\n")
    return tmp_path


def test_a_rehearsal_has_nothing_of_what_is_real() -> None:
    env = rehearsal.environment(USERS)
    assert Path(env["PULUMI_HOME"]).is_relative_to(SANDBOX)
    assert env["PULUMI_BACKEND_URL"] == (SANDBOX / STATE.name).as_uri()
    assert env["PULUMI_CONFIG_PASSPHRASE"] == ""
    assert "PULUMI_CONFIG_PASSPHRASE_FILE" not in env
    assert not [name for name, value in env.items() if "the-real-state" in value or value.startswith("/home/me/.pulumi")]


def test_the_real_thing_has_nothing_of_a_rehearsal() -> None:
    from engine.choice import choose
    from engine.shell import variables

    real = {**USERS, **variables(choose(USERS), USERS)}
    assert not [name for name, value in real.items() if str(SANDBOX) in value]
    assert rehearsal.FOLDER not in real


@pytest.mark.parametrize(("value", "asked"), [(None, False), ("", False), ("0", False), ("1", True)])
def test_a_rehearsal_is_asked_for_by_one(value: str | None, asked: bool) -> None:
    assert rehearsal.is_asked({} if value is None else {"SANDBOX": value}) == asked


@pytest.mark.parametrize("value", ["yes", "true", "2"])
def test_what_could_mean_either_is_refused(value: str) -> None:
    with pytest.raises(Refusal, match="expected 1 for a rehearsal"):
        rehearsal.is_asked({"SANDBOX": value})


def test_what_rents_nothing_is_not_rehearsed(project: Path) -> None:
    rehearsal.check("mine")
    rehearsal.check("gcp-base")
    with pytest.raises(Refusal, match="a rehearsal of local, whose target is local"):
        rehearsal.check("local")


def test_the_base_of_a_burst_comes_first(project: Path) -> None:
    assert rehearsal.bases_of("mine") == ["gcp-base"]
    assert rehearsal.bases_of("gcp-base") == []


def test_a_base_that_is_no_stack_of_this_project_is_left_alone(project: Path) -> None:
    (project / "Pulumi.mine.yaml").write_text("config:\n  hepburst:target: gke\n  hepburst:base: theirs\n")
    assert rehearsal.bases_of("mine") == []
