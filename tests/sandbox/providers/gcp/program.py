"""The program of the tests: a small base and burst, varied by a file `wanted.json` beside it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pulumi
import pulumi_gcp as gcp


def declare() -> None:
    wanted = json.loads(Path(__file__).with_name("wanted.json").read_text(encoding="utf-8"))
    provider = gcp.Provider(
        "cloud", project=wanted["project"], region="us-central1", zone="us-central1-a", default_labels={"burst": "test"}
    )
    mine = pulumi.ResourceOptions(provider=provider)
    network = gcp.compute.Network("net", name="net", auto_create_subnetworks=False, opts=mine)
    bucket = gcp.storage.Bucket(
        "results",
        name=wanted["bucket"],
        location="us-central1",
        uniform_bucket_level_access=True,
        labels={"of": wanted["label"]},
        opts=mine,
    )
    account = gcp.serviceaccount.Account("nodes", account_id="hepburst-nodes", opts=mine)
    gcp.storage.BucketIAMMember("reads", bucket=bucket.name, role="roles/storage.objectUser", member=account.member, opts=mine)
    pulumi.export("labels", bucket.effective_labels)
    pulumi.export("email", account.email)
    if wanted["burst"]:
        declare_burst(wanted, network, account, mine)


def declare_burst(
    wanted: dict[str, Any], network: gcp.compute.Network, account: gcp.serviceaccount.Account, mine: pulumi.ResourceOptions
) -> None:
    subnetwork = gcp.compute.Subnetwork(
        "nodes",
        name="b-nodes",
        region="us-central1",
        network=network.id,
        ip_cidr_range="10.64.0.0/20",
        secondary_ip_ranges=[{"range_name": "pods", "ip_cidr_range": "10.64.128.0/17"}],
        opts=mine,
    )
    router = gcp.compute.Router("router", name="b-router", region="us-central1", network=network.id, opts=mine)
    gcp.compute.RouterNat(
        "nat",
        name="b-nat",
        router=router.name,
        region="us-central1",
        nat_ip_allocate_option="AUTO_ONLY",
        source_subnetwork_ip_ranges_to_nat="ALL_SUBNETWORKS_ALL_IP_RANGES",
        opts=mine,
    )
    jobs = declare_deadline(wanted, account, mine)
    cluster = gcp.container.Cluster(
        "cluster",
        name="b",
        location="us-central1-a",
        network=network.id,
        subnetwork=subnetwork.id,
        initial_node_count=1,
        remove_default_node_pool=True,
        deletion_protection=False,
        ip_allocation_policy={"cluster_secondary_range_name": "pods"},
        control_plane_endpoints_config={"dns_endpoint_config": {"allow_external_traffic": True}},
        release_channel={"channel": "REGULAR"},
        opts=pulumi.ResourceOptions.merge(mine, pulumi.ResourceOptions(depends_on=jobs)),
    )
    for name, config in wanted["pools"].items():
        gcp.container.NodePool(name, name=name, location="us-central1-a", cluster=cluster.name, **config, opts=mine)
    pulumi.export("endpoint", cluster.control_plane_endpoints_config.dns_endpoint_config.endpoint)


def declare_deadline(
    wanted: dict[str, Any], account: gcp.serviceaccount.Account, mine: pulumi.ResourceOptions
) -> list[gcp.cloudscheduler.Job]:
    role = gcp.projects.IAMCustomRole(
        "deadline",
        role_id="hepburstDeadline",
        title="deadline",
        permissions=["container.clusters.delete", "compute.routers.delete"],
        opts=mine,
    )
    granted = gcp.projects.IAMMember("may-end", project=wanted["project"], role=role.name, member=account.member, opts=mine)
    return [
        gcp.cloudscheduler.Job(
            name,
            name=f"b-{name}",
            region="us-central1",
            schedule=wanted["schedule"],
            time_zone="Etc/UTC",
            attempt_deadline="60s",
            retry_config={
                "retry_count": 5,
                "min_backoff_duration": "300s",
                "max_backoff_duration": "3600s",
                "max_doublings": 2,
            },
            http_target={
                "uri": uri,
                "http_method": "DELETE",
                "oauth_token": {"service_account_email": account.email},
            },
            opts=pulumi.ResourceOptions.merge(mine, pulumi.ResourceOptions(depends_on=[granted])),
        )
        for name, uri in {
            "end-cluster": f"https://container.googleapis.com/v1/projects/{wanted['project']}/locations/us-central1-a/clusters/b",
            "end-router": "https://compute.googleapis.com/compute/v1/"
            f"projects/{wanted['project']}/regions/us-central1/routers/b-router",
        }.items()
    ]


if __name__ == "__main__":
    declare()
