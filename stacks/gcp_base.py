"""What outlives bursts on Google Cloud: network, bucket, registry and identities, all protected."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

import pulumi
import pulumi_gcp

from burst.forecast.base import base_forecast
from burst.gcp_base import GcpBase
from burst.gke import BaseIds
from components.gcp.base_network import BaseNetwork, BaseNetworkArgs
from components.gcp.bucket import Bucket, BucketArgs
from components.gcp.budget import Budget, BudgetArgs
from components.gcp.identities import Identities, IdentitiesArgs
from components.gcp.labels import base_labels
from components.gcp.registry import Registry, RegistryArgs
from components.gcp.services import Services, ServicesArgs


def deploy(base: GcpBase) -> None:
    """Declare the base, and export what bursts need of it and what it costs while nothing runs."""
    expected = base_forecast(base.region, num_images=base.num_kept_images)
    for name, value in declare(base).items():
        pulumi.export(name, value)
    pulumi.export("project", base.project)
    pulumi.export("region", base.region)
    pulumi.export("cost", {"forecast": expected.to_output()})


def declare(base: GcpBase) -> dict[str, pulumi.Output[str]]:
    """Every resource; gives `BaseIds` by their names."""
    google = pulumi_gcp.Provider("google", project=base.project, region=base.region, default_labels=base_labels())
    mine = pulumi.ResourceOptions(provider=google, protect=True)
    services = Services("services", ServicesArgs(project=base.project, has_budget=base.usd_per_month is not None), opts=mine)
    after = pulumi.ResourceOptions.merge(mine, pulumi.ResourceOptions(depends_on=[services]))
    network = BaseNetwork("network", BaseNetworkArgs(name=base.name, project=base.project), opts=after)
    bucket = Bucket(
        "bucket",
        BucketArgs(name=base.bucket_name, project=base.project, location=base.region, noncurrent_days=base.noncurrent_days),
        opts=after,
    )
    registry = Registry(
        "registry",
        RegistryArgs(name=base.name, location=base.region, project=base.project, num_kept_images=base.num_kept_images),
        opts=after,
    )
    identities = Identities(
        "identities",
        IdentitiesArgs(
            name=base.name,
            project=base.project,
            location=base.region,
            bucket=bucket.bucket_name,
            repository_id=registry.repository_id,
        ),
        opts=after,
    )
    if base.usd_per_month is not None:
        Budget(
            "budget",
            BudgetArgs(
                name=base.name,
                billing_account=base.billing_account,
                project_number=bucket.project_number,
                usd_per_month=base.usd_per_month,
            ),
            opts=_billed_to(base, after),
        )
    return {
        "network": network.network_name,
        "bucket": bucket.bucket_name,
        "repository": registry.address,
        "node_account": identities.node_account,
        "trainer_account": identities.trainer_account,
        "deadline_account": identities.deadline_account,
    }


def _billed_to(base: GcpBase, after: pulumi.ResourceOptions) -> pulumi.ResourceOptions:
    """For the Budget API, which asks whose quota a user's own credentials draw on."""
    provider = pulumi_gcp.Provider(
        "billing", project=base.project, region=base.region, billing_project=base.project, user_project_override=True
    )
    return pulumi.ResourceOptions.merge(after, pulumi.ResourceOptions(provider=provider))


def base_ids(base: str | BaseIds, region: str) -> Mapping[str, pulumi.Input[str]]:
    """What a burst needs of its base, by the names of `BaseIds`: as it is given, or as the base stack tells it.

    Warns where the base lies in another region than the burst.
    """
    if isinstance(base, BaseIds):
        _warn_of_distance(base.repository.partition("-docker.")[0], region)
        return dataclasses.asdict(base)
    told = pulumi.StackReference(f"{pulumi.get_organization()}/{pulumi.get_project()}/{base}")
    told.get_output("region").apply(lambda found: _warn_of_distance(str(found), region))
    return {field.name: told.require_output(field.name) for field in dataclasses.fields(BaseIds)}


def _warn_of_distance(there: str, region: str) -> None:
    if there != region:
        pulumi.log.warn(
            f"the base's bucket and registry are in {there}, the nodes in {region}: what passes between is billed, and images "
            "are not streamed"
        )
