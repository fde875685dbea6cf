"""What the rehearsed APIs refuse: each mistake is one that Google's would."""

from __future__ import annotations

from typing import Any

import pytest

from sandbox.cloud import machines, rules
from sandbox.cloud.ledger import Resource
from sandbox.providers.gcp import schema
from trainer.refusal import Refusal

CLUSTER, POOL, JOB = rules.CLUSTER, rules.POOL, rules.JOB
SUBNETWORK = rules.SUBNETWORK
ROUTED = {"location": "us-central1-a", "network": "n", "subnetwork": "s", "ipAllocationPolicy": {}}


def pool(**config: Any) -> dict[str, Any]:
    return {"name": "p", "cluster": "b", "location": "us-central1-a", "nodeConfig": {"machineType": "n1-standard-8", **config}}


@pytest.mark.parametrize(
    ("type_", "inputs", "said"),
    [
        (CLUSTER, {**ROUTED, "name": "B"}, "regex"),
        (CLUSTER, {**ROUTED, "name": "b" * 41}, "regex"),
        (CLUSTER, {"name": "b", "location": "us-central1-a"}, "ipAllocationPolicy is required"),
        (CLUSTER, {**ROUTED, "name": "b", "location": "us-centrall-a"}, "did you mean us-central"),
        (CLUSTER, {**ROUTED, "name": "b", "resourceLabels": {"until": "18:00"}}, "Invalid label"),
        (CLUSTER, {**ROUTED, "name": "b", "releaseChannel": {"channel": "regular"}}, "one of UNSPECIFIED"),
        (POOL, {**pool(), "nodeCount": 1, "initialNodeCount": 1}, "conflicts"),
        (POOL, {**pool(), "nodeCount": 1001}, "0 to 1000"),
        (POOL, pool(spot=True, flexStart=True), "conflicts"),
        (POOL, pool(maxRunDuration="1h"), "regex"),
        (POOL, pool(diskType="pd-balance"), "did you mean pd-balanced"),
        (POOL, pool(guestAccelerators=[{"gpuDriverInstallationConfig": {"gpuDriverVersion": "R580"}}]), "one of GPU_DRIVER"),
        (POOL, {"name": "p", "cluster": "b", "nodeConfig": {}}, "machineType is required"),
        (JOB, {"name": "j", "schedule": "0 18 24 11 *"}, "httpTarget is required"),
        (JOB, {"name": "j", "schedule": "tomorrow", "httpTarget": {"uri": "https://a"}}, "regex"),
        (
            JOB,
            {"name": "j", "schedule": "* * * * *", "httpTarget": {"uri": "https://a"}, "retryConfig": {"retryCount": 9}},
            "0 to 5",
        ),
        ("gcp:serviceaccount/account:Account", {"accountId": "me"}, "regex"),
        ("gcp:storage/bucket:Bucket", {"name": "B", "location": "us-central1"}, "regex"),
        ("gcp:projects/iAMMember:IAMMember", {"member": "me@example.org", "role": "roles/viewer"}, "regex"),
        ("gcp:projects/iAMMember:IAMMember", {"member": "user:me@example.org", "role": "viewer"}, "regex"),
    ],
)
def test_a_value_that_no_api_takes_is_refused(type_: str, inputs: dict[str, Any], said: str) -> None:
    with pytest.raises(Refusal, match=said):
        rules.check(type_, inputs)


@pytest.mark.parametrize(
    ("inputs", "said"),
    [
        ({}, "lacks the property cluster"),
        ({"cluster": "b", "nodeCont": 1}, "did you mean nodeCount"),
        ({"cluster": "b", "nodeConfig": {"oauthScope": []}}, "nodeConfig.oauthScope"),
        ({"cluster": "b", "nodeConfig": {"guestAccelerators": [{"type": "nvidia-l4"}]}}, r"guestAccelerators\[0\].count"),
        ({"cluster": "b", "nodeConfig": {"guestAccelerators": {"type": "nvidia-l4", "count": 1}}}, "not a list"),
        ({"cluster": "b", "nodeConfig": {"labels": {"a": 1}}}, "not a string"),
        ({"cluster": "b", "nodeCount": "2"}, "not a whole number"),
        ({"cluster": "b", "nodeCount": 1.5}, "not a whole number"),
        ({"cluster": "b", "nodeConfig": {"spot": "yes"}}, "not a boolean"),
        ({"cluster": "b", "nodeCount": True}, "not a whole number"),
    ],
)
def test_what_the_sdk_does_not_know_is_refused(inputs: dict[str, Any], said: str) -> None:
    with pytest.raises(Refusal, match=said):
        schema.check(POOL, inputs)


@pytest.mark.parametrize(
    ("machine", "accelerators", "zone", "said"),
    [
        ("n1-standard-96", ("nvidia-tesla-v100", 8), "us-central1-d", "does not exist in zone"),
        ("n1-standard-96", ("nvidia-tesla-v100", 4), "us-central1-a", "48 vCPUs"),
        ("n1-standard-8", ("nvidia-tesla-v100", 3), "us-central1-a", "accelerator count"),
        ("n1-standard-8", ("nvidia-v100", 1), "us-central1-a", "not found in zone"),
        ("e2-standard-4", ("nvidia-tesla-v100", 1), "us-central1-a", "N1 machine types alone"),
        ("n1-standard-9", ("nvidia-tesla-v100", 1), "us-central1-a", "did you mean n1-standard-96|did you mean n1-standard"),
        ("a2-highgpu-8g", ("nvidia-tesla-a100", 4), "us-central1-a", "has 8 A100-40GB"),
    ],
)
def test_a_machine_that_the_zone_does_not_have_is_refused(
    machine: str, accelerators: tuple[str, int], zone: str, said: str
) -> None:
    name, count = accelerators
    config = pool(machineType=machine, guestAccelerators=[{"type": name, "count": count}])
    with pytest.raises(Refusal, match=said):
        machines.of_pool(config, zone)


def test_a_reference_to_nothing_and_overlapping_ranges_are_refused() -> None:
    network = Resource(type="gcp:compute/network:Network", id="projects/sandbox-t/global/networks/n", properties={"name": "n"})
    first = {"name": "a", "network": network.id, "region": "us-central1", "ipCidrRange": "10.64.0.0/20"}
    with pytest.raises(Refusal, match="'projects/sandbox-t/global/networks/n' was not found"):
        rules.check_against(SUBNETWORK, "a", first, {})
    there = {network.id: network, "a": Resource(type=SUBNETWORK, id="a", properties=first)}
    with pytest.raises(Refusal, match="conflicts with existing subnetwork 'a'"):
        rules.check_against(SUBNETWORK, "b", {**first, "name": "b", "ipCidrRange": "10.64.8.0/21"}, there)
    assert rules.check_against(SUBNETWORK, "b", {**first, "name": "b", "ipCidrRange": "10.64.16.0/20"}, there) == [network]


def test_workload_identity_needs_a_cluster_first() -> None:
    member = {"member": "serviceAccount:sandbox-t.svc.id.goog[burst/trainer]", "role": "roles/iam.workloadIdentityUser"}
    type_ = "gcp:projects/iAMMember:IAMMember"
    with pytest.raises(Refusal, match="Identity Pool does not exist"):
        rules.check_against(type_, "m", member, {})
    properties = {"workloadIdentityConfig": {"workloadPool": "sandbox-t.svc.id.goog"}}
    cluster = Resource(type=CLUSTER, id="c", properties=properties)
    assert rules.check_against(type_, "m", member, {"c": cluster}) == [cluster]


def test_every_rule_is_of_a_known_type_and_has_a_source() -> None:
    for row in rules._table("rules.csv"):
        assert row["type"] == "*" or row["type"] in rules.kinds(), row
        assert row["source"], row
        assert row["as_of"], row
        path = row["property"]
        if row["type"] != "*" and path:
            known, _ = schema._properties(schema.arguments(row["type"]))
            assert path.split(".")[0] in known, row
