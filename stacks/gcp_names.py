"""How things may be called on Google Cloud; a name is refused, never cut."""

from __future__ import annotations

import re

from trainer.refusal import Refusal

PROJECT = re.compile(r"[a-z][-a-z0-9]{4,28}[a-z0-9]")
"""cloud.google.com/resource-manager/docs/creating-managing-projects."""
SHORT_NAME = re.compile(r"[a-z]([-a-z0-9]{0,61}[a-z0-9])?")
"""cloud.google.com/compute/docs/naming-resources."""
BUCKET = re.compile(r"(?!goog)(?!.*google)[a-z0-9][-_a-z0-9]{1,61}[a-z0-9]")
"""cloud.google.com/storage/docs/buckets#naming; names with dots want a domain of one's own."""
REPOSITORY = re.compile(r"[a-z]+[-a-z0-9]*-docker\.pkg\.dev/[a-z][-a-z0-9]{4,28}[a-z0-9]/[a-z][-a-z0-9]{0,61}")
ACCOUNT = re.compile(r"[a-z0-9][-a-z0-9.]*@[-a-z0-9.]+\.gserviceaccount\.com")
BILLING_ACCOUNT = re.compile(r"[0-9A-F]{6}(-[0-9A-F]{6}){2}")


def check_project(key: str, text: str) -> None:
    """A project's id, which is neither its name nor its number, and which only its owner knows."""
    if not text:
        raise Refusal(f"{key} is missing", expected="the id of your project", remedy=f"pulumi config set {key} MY-PROJECT")
    _check(PROJECT, key, text, "a project's id: 6 to 30 lower-case letters, digits and hyphens, a letter first")


def check_short_name(key: str, text: str) -> None:
    """A name in Compute Engine."""
    _check(SHORT_NAME, key, text, "up to 63 lower-case letters, digits and hyphens, a letter first")


def check_bucket(key: str, text: str) -> None:
    """A bucket's name, without gs://."""
    _check(BUCKET, key, text, "a bucket's name: 3 to 63 lower-case letters, digits and hyphens, and no google in it")


def check_repository(key: str, text: str) -> None:
    """A repository of Artifact Registry, by its address."""
    _check(REPOSITORY, key, text, "one like us-central1-docker.pkg.dev/my-project/hepburst")


def check_account(key: str, text: str) -> None:
    """A service account's e-mail address."""
    _check(ACCOUNT, key, text, "a service account's address: NAME@PROJECT.iam.gserviceaccount.com")


def check_billing_account(key: str, text: str) -> None:
    """A billing account's id."""
    _check(BILLING_ACCOUNT, key, text, "one like 012345-6789AB-CDEF01, as gcloud billing accounts list shows it")


def _check(pattern: re.Pattern[str], key: str, text: str, expected: str) -> None:
    if not pattern.fullmatch(text):
        raise Refusal(f"{key} is {text!r}", expected=expected, remedy=f"correct {key}")
