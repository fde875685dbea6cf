from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from burst.gcp_base import GcpBase
from stacks import settings
from stacks.sections import Deployed
from tests.stacks.gke_config import as_the_engine_gives_them
from trainer.refusal import Refusal

PROJECT = Path(__file__).parents[2]
WORKING: dict[str, Any] = {"target": "gcp-base", "project": "my-project", "region": "us-central1"}


def base_of(changes: dict[str, Any]) -> GcpBase:
    config = {key: value for key, value in {**WORKING, **changes}.items() if value is not None}
    return settings.to_base(as_the_engine_gives_them(config))


def test_settings_become_a_base() -> None:
    assert base_of({}) == GcpBase(project="my-project", region="us-central1", bucket_name="my-project-hepburst")


def test_numbers_come_from_the_engine_as_text() -> None:
    budget = {"budget_usd": 100, "billing_account": "012345-6789AB-CDEF01"}
    base = base_of({"name": "our-base", "bucket": "our-bucket", "result_days": 7, "keep_images": 3, **budget})
    assert (base.name, base.bucket_name, base.noncurrent_days, base.num_kept_images) == ("our-base", "our-bucket", 7, 3)
    assert (base.usd_per_month, base.billing_account) == (100, "012345-6789AB-CDEF01")


MISTAKES: dict[str, tuple[dict[str, Any], list[str]]] = {
    "no project": ({"project": None}, ["hepburst:project is missing", "pulumi config set hepburst:project MY-PROJECT"]),
    "a project's number": ({"project": "123456789012"}, ["hepburst:project is '123456789012'"]),
    "no region": ({"region": None}, ["hepburst:region is missing"]),
    "an unknown region": ({"region": "us-centrall1"}, ["gcp/us-centrall1 (did you mean gcp/us-central1?)"]),
    "a zone": ({"region": "us-central1-a"}, ["gcp/us-central1-a (did you mean gcp/us-central1?)"]),
    "a name that is too long for its accounts": ({"name": "a" * 21}, ["expected 3 to 20 lower-case letters"]),
    "a bucket by its address": ({"bucket": "gs://b"}, ["hepburst:bucket is 'gs://b'"]),
    "a bucket of Google's": ({"bucket": "my-google-bucket"}, ["and no google in it"]),
    "no days": ({"result_days": 0}, ["hepburst:result_days is 0; expected 1 or more"]),
    "no images": ({"keep_images": 0}, ["hepburst:keep_images is 0; expected 1 or more"]),
    "half a day": ({"result_days": 0.5}, ["hepburst:result_days is 0.5; expected a whole number"]),
    "a budget of nobody's": ({"budget_usd": 100}, ["hepburst:budget_usd without hepburst:billing_account"]),
    "a budget of nothing": (
        {"budget_usd": 0, "billing_account": "012345-6789AB-CDEF01"},
        ["hepburst:budget_usd is 0; expected 1 or more"],
    ),
    "an account without a budget": (
        {"billing_account": "012345-6789AB-CDEF01"},
        ["hepburst:billing_account without hepburst:budget_usd"],
    ),
    "an account that is none": (
        {"budget_usd": 9, "billing_account": "my-account"},
        ["hepburst:billing_account is 'my-account'; expected one like 012345-6789AB-CDEF01"],
    ),
    "a setting of a burst": ({"zone": "us-central1-a"}, ["hepburst:zone is no setting"]),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_refused_once_and_by_its_full_name(mistake: str) -> None:
    changes, expected = MISTAKES[mistake]
    with pytest.raises(ExceptionGroup) as refused:
        base_of(changes)
    (told,) = (str(each) for each in refused.value.exceptions)
    for words in expected:
        assert words in told


def test_the_shipped_base_asks_for_the_project_alone() -> None:
    config = yaml.safe_load((PROJECT / "Pulumi.gcp-base.yaml").read_text(encoding="utf-8"))["config"]
    given = {key.removeprefix("hepburst:"): value for key, value in config.items()}
    with pytest.raises(ExceptionGroup) as refused:
        settings.to_base(as_the_engine_gives_them(given))
    assert ["hepburst:project is missing" in str(each) for each in refused.value.exceptions] == [True]
    assert settings.to_base(as_the_engine_gives_them({**given, "project": "my-project"})).name == "hepburst"


def test_a_base_is_no_burst() -> None:
    with pytest.raises(Refusal, match="hepburst:target is gcp-base; expected a burst"):
        settings.to_burst(as_the_engine_gives_them(WORKING), stack="gcp-base")


def test_the_program_learns_what_its_stack_is_for_from_the_settings_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings, "_of_the_program", lambda: {"target": "gcp-base"})
    assert settings.target() is Deployed.GCP_BASE
    monkeypatch.setattr(settings, "_of_the_program", lambda: {"target": "gcp-bse"})
    with pytest.raises(ExceptionGroup) as refused:
        settings.target()
    assert "did you mean gcp-base?" in str(refused.value.exceptions[0])
