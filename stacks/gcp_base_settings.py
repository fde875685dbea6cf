"""The settings of a base on Google Cloud as a `GcpBase`, each mistake with the key that it is about."""

from __future__ import annotations

import re

from burst import facts
from burst.gcp_base import GcpBase
from stacks.gcp_names import check_billing_account, check_bucket, check_project
from stacks.gke_sections import GcpBaseSettings
from stacks.mistakes import attempt, full_name
from trainer.refusal import Refusal

NAME = re.compile(r"[a-z][-a-z0-9]{1,18}[a-z0-9]")
"""So that the longest account, NAME-deadline, has 30 characters at most (cloud.google.com/iam/docs/service-accounts-create)."""
LEAST = {"result_days": 1, "keep_images": 1, "budget_usd": 1}


def base_of(settings: GcpBaseSettings, mistakes: list[Refusal]) -> GcpBase:
    """The base that the settings describe; what cannot work is added to `mistakes`."""
    bucket = settings.bucket or f"{settings.project}-hepburst"
    attempt(lambda: check_project(full_name("project"), settings.project), mistakes)
    attempt(lambda: _check_region(settings.region), mistakes)
    attempt(lambda: _check_name(settings.name), mistakes)
    if settings.bucket:
        attempt(lambda: check_bucket(full_name("bucket"), bucket), mistakes)
    for name, least in LEAST.items():
        value = getattr(settings, name)
        if value is not None and value < least:
            key = full_name(name)
            mistakes.append(Refusal(f"{key} is {value}", expected=f"{least} or more", remedy=f"set {key}"))
    attempt(lambda: _check_budget(settings), mistakes)
    return GcpBase(
        project=settings.project,
        region=settings.region,
        name=settings.name,
        bucket_name=bucket,
        noncurrent_days=settings.result_days,
        num_kept_images=settings.keep_images,
        usd_per_month=settings.budget_usd,
        billing_account=settings.billing_account,
    )


def _check_region(region: str) -> None:
    facts.grid_carbon(f"gcp/{region}")


def _check_name(name: str) -> None:
    if not NAME.fullmatch(name):
        key = full_name("name")
        raise Refusal(
            f"{key} is {name!r}",
            expected="3 to 20 lower-case letters, digits and hyphens, a letter first",
            remedy=f"correct {key}",
        )


def _check_budget(settings: GcpBaseSettings) -> None:
    key = full_name("billing_account")
    if settings.billing_account:
        check_billing_account(key, settings.billing_account)
    if (settings.budget_usd is None) != (not settings.billing_account):
        missing, there = (key, "hepburst:budget_usd") if settings.billing_account == "" else ("hepburst:budget_usd", key)
        raise Refusal(f"{there} without {missing}", expected="both, or neither", remedy=f"set {missing}, or remove {there}")
