from __future__ import annotations

from typing import Any

import pytest

from components.gcp.base_network import BaseNetwork, BaseNetworkArgs
from components.gcp.bucket import Bucket, BucketArgs
from components.gcp.budget import Budget, BudgetArgs
from components.gcp.identities import DEADLINE_PERMISSIONS, Identities, IdentitiesArgs
from components.gcp.registry import Registry, RegistryArgs
from components.gcp.services import Services, ServicesArgs
from tests.components.recorder import registered_by
from trainer.refusal import Refusal

PROJECT, REGION = "sandbox-p", "us-central1"
ACCOUNT_TYPE = "gcp:serviceaccount/account:Account"
ROLE_TYPE = "gcp:projects/iAMCustomRole:IAMCustomRole"
BUCKET_TYPE = "gcp:storage/bucket:Bucket"
IDENTITIES = IdentitiesArgs(
    name="hepburst", project=PROJECT, bucket="sandbox-p-hepburst", location=REGION, repository_id="hepburst"
)


def of_bucket(**more: Any) -> dict[str, Any]:
    args = BucketArgs(name="sandbox-p-hepburst", project=PROJECT, location=REGION, **more)
    return registered_by(lambda: Bucket("bucket", args), {BUCKET_TYPE: {"projectNumber": 1}})[f"{BUCKET_TYPE} bucket"].inputs


def of_identities() -> dict[str, dict[str, Any]]:
    outputs = {ACCOUNT_TYPE: {"email": "who@p"}, ROLE_TYPE: {"name": "projects/sandbox-p/roles/hepburst_deadline"}}
    registered = registered_by(lambda: Identities("identities", IDENTITIES), outputs)
    return {name: args.inputs for name, args in registered.items()}


def test_the_network_has_no_subnetwork_of_its_own() -> None:
    args = BaseNetworkArgs(name="hepburst", project=PROJECT)
    network = registered_by(lambda: BaseNetwork("network", args))["gcp:compute/network:Network network"].inputs
    assert network["autoCreateSubnetworks"] is False


def test_the_bucket_is_private_and_keeps_what_is_overwritten_for_a_while() -> None:
    found = of_bucket(noncurrent_days=14)
    assert found["name"] == "sandbox-p-hepburst"
    assert (found["publicAccessPrevention"], found["uniformBucketLevelAccess"]) == ("enforced", True)
    assert found["versioning"] == {"enabled": True}
    assert found["lifecycleRules"] == [
        {"action": {"type": "Delete"}, "condition": {"daysSinceNoncurrentTime": 14}},
        {"action": {"type": "AbortIncompleteMultipartUpload"}, "condition": {"age": 7}},
    ]
    assert found["softDeletePolicy"] == {"retentionDurationSeconds": 0}, "else each old version is billed once more"
    assert found["forceDestroy"] is False


def test_a_bucket_name_that_is_too_long_is_refused_and_not_cut() -> None:
    with pytest.raises(Refusal, match="63"):
        BucketArgs(name="b" * 64, project=PROJECT, location=REGION)


def test_a_budget_is_of_the_project_by_its_number() -> None:
    numbers: list[str] = []
    args = BucketArgs(name="b", project=PROJECT, location=REGION)
    outputs = {BUCKET_TYPE: {"projectNumber": 123456789012}}
    registered_by(lambda: Bucket("bucket", args).project_number.apply(numbers.append), outputs)
    (number,) = numbers
    money = BudgetArgs(name="hepburst", billing_account="0-1-2", project_number=number, usd_per_month=500)
    budget = registered_by(lambda: Budget("budget", money))["gcp:billing/budget:Budget budget"].inputs
    assert budget["budgetFilter"]["projects"] == ["projects/123456789012"]
    assert budget["amount"] == {"specifiedAmount": {"currencyCode": "USD", "units": "500"}}
    assert [rule["thresholdPercent"] for rule in budget["thresholdRules"]] == [0.5, 0.9, 1.0, 1.0]


def test_a_budget_of_nothing_is_refused() -> None:
    with pytest.raises(Refusal, match="budget_usd"):
        BudgetArgs(name="hepburst", billing_account="0-1-2", project_number="1", usd_per_month=0)


def test_the_newest_images_stay_however_old_and_others_go() -> None:
    addresses: list[str] = []
    args = RegistryArgs(name="hepburst", project=PROJECT, location=REGION, num_kept_images=5, max_age_days=30)
    registered = registered_by(lambda: Registry("registry", args).address.apply(addresses.append))
    found = registered["gcp:artifactregistry/repository:Repository registry"].inputs
    assert addresses == ["us-central1-docker.pkg.dev/sandbox-p/hepburst"]
    assert found["cleanupPolicies"] == [
        {"id": "keep-newest", "action": "KEEP", "mostRecentVersions": {"keepCount": 5}},
        {"id": "delete-old", "action": "DELETE", "condition": {"tagState": "ANY", "olderThan": "2592000s"}},
    ]
    assert found["cleanupPolicyDryRun"] is False


def test_each_identity_may_do_what_it_is_for_and_nothing_else() -> None:
    found = of_identities()
    granted = {name: inputs for name, inputs in found.items() if "role" in inputs}
    assert {name: inputs["role"] for name, inputs in granted.items()} == {
        "gcp:projects/iAMMember:IAMMember nodes": "roles/container.defaultNodeServiceAccount",
        "gcp:artifactregistry/repositoryIamMember:RepositoryIamMember nodes": "roles/artifactregistry.reader",
        "gcp:storage/bucketIAMMember:BucketIAMMember trainer": "roles/storage.objectUser",
        "gcp:projects/iAMMember:IAMMember deadline": "projects/sandbox-p/roles/hepburst_deadline",
    }
    assert {inputs["member"] for inputs in granted.values()} == {"serviceAccount:who@p"}
    assert granted["gcp:storage/bucketIAMMember:BucketIAMMember trainer"]["bucket"] == "sandbox-p-hepburst"


def test_the_deadlines_account_can_end_bursts_and_cannot_begin_one() -> None:
    (role,) = [inputs for name, inputs in of_identities().items() if name.startswith(ROLE_TYPE)]
    assert role["permissions"] == list(DEADLINE_PERMISSIONS)
    assert {"container.clusters.delete", "compute.routers.delete"} <= set(DEADLINE_PERMISSIONS)
    assert not [each for each in DEADLINE_PERMISSIONS if each.endswith((".create", ".update", ".setIamPolicy"))]


def test_service_accounts_are_named_after_the_base_and_too_long_a_name_is_refused() -> None:
    accounts = {inputs["accountId"] for name, inputs in of_identities().items() if name.startswith(ACCOUNT_TYPE)}
    assert accounts == {"hepburst-nodes", "hepburst-trainer", "hepburst-deadline"}
    with pytest.raises(Refusal, match="30"):
        IdentitiesArgs(name="b" * 22, project=PROJECT, bucket="b", location=REGION, repository_id="r")


def test_apis_stay_enabled_when_the_base_goes() -> None:
    registered = registered_by(lambda: Services("services", ServicesArgs(project=PROJECT)))
    apis = [args.inputs for args in registered.values() if args.typ == "gcp:projects/service:Service"]
    assert all(api["disableOnDestroy"] is False for api in apis)
    names = {api["service"] for api in apis}
    assert {"container.googleapis.com", "cloudscheduler.googleapis.com", "containerfilesystem.googleapis.com"} <= names
    assert "billingbudgets.googleapis.com" not in names


def test_the_budgets_api_is_enabled_with_a_budget_alone() -> None:
    registered = registered_by(lambda: Services("services", ServicesArgs(project=PROJECT, has_budget=True)))
    assert "gcp:projects/service:Service billingbudgets" in registered
