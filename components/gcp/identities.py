"""Who acts in a burst: nodes, training and deadline. Owns three service accounts and what each may do; no key of theirs exists.

The nodes' account pulls images and writes logs. The pods of a run act as the trainer's, by workload identity, which may read
and write the one bucket. Cloud Scheduler acts as the deadline's, which may delete clusters and routers of the project, and
nothing else: it can end a burst and cannot begin one.
"""

from __future__ import annotations

from dataclasses import dataclass

from pulumi import ComponentResource, Input, Output, ResourceOptions
from pulumi_gcp import artifactregistry, projects, serviceaccount, storage

from trainer.refusal import Refusal

MAX_ID_LENGTH = 30
"""Of a service account (cloud.google.com/iam/docs/service-accounts-create)."""
NODES_ROLE = "roles/container.defaultNodeServiceAccount"
"""Logs and metrics (cloud.google.com/kubernetes-engine/docs/how-to/service-accounts)."""
DEADLINE_PERMISSIONS = (
    "compute.networks.updatePolicy",  # a router belongs to a network's policy: the Compute API asks for it beside the next
    "compute.regionOperations.get",
    "compute.routers.delete",
    "compute.routers.get",
    "container.clusters.delete",
    "container.clusters.get",
    "container.operations.get",
    "container.operations.list",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class IdentitiesArgs:
    """For which bucket and repository."""

    name: str
    """What the accounts' names begin with."""
    project: str
    bucket: Input[str]
    location: str
    """Of the repository."""
    repository_id: Input[str]

    def __post_init__(self) -> None:
        longest = max((account_id(self.name, who) for who in ("nodes", "trainer", "deadline")), key=len)
        if len(longest) > MAX_ID_LENGTH:
            raise Refusal(
                f"the service account {longest} of {len(longest)} characters",
                expected=f"{MAX_ID_LENGTH} or fewer",
                remedy="name the base shorter",
            )


class Identities(ComponentResource):
    """Three service accounts, each with the least that it needs."""

    node_account: Output[str]
    trainer_account: Output[str]
    deadline_account: Output[str]
    """All are e-mail addresses."""

    def __init__(self, name: str, args: IdentitiesArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__("hepburst:gcp:Identities", name, {}, opts)
        mine = ResourceOptions(parent=self)
        nodes = serviceaccount.Account("nodes", account_inputs(args, "nodes"), opts=mine)
        trainer = serviceaccount.Account("trainer", account_inputs(args, "trainer"), opts=mine)
        deadline = serviceaccount.Account("deadline", account_inputs(args, "deadline"), opts=mine)
        role = projects.IAMCustomRole("deadline", role_inputs(args), opts=mine)
        granted = [
            projects.IAMMember("nodes", _in_project(args, NODES_ROLE, nodes.email), opts=mine),
            artifactregistry.RepositoryIamMember("nodes", image_reader_inputs(args, nodes.email), opts=mine),
            storage.BucketIAMMember("trainer", bucket_user_inputs(args, trainer.email), opts=mine),
            projects.IAMMember("deadline", _in_project(args, role.name, deadline.email), opts=mine),
        ]
        # Known when they may do what they are for: a burst that is given an account can use it.
        emails = Output.all(nodes.email, trainer.email, deadline.email, *(each.id for each in granted))
        self.node_account = emails.apply(lambda found: str(found[0]))
        self.trainer_account = emails.apply(lambda found: str(found[1]))
        self.deadline_account = emails.apply(lambda found: str(found[2]))
        self.register_outputs({})


def account_id(base: str, who: str) -> str:
    """The name of an account.

    >>> account_id("hepburst", "deadline")
    'hepburst-deadline'
    """
    return f"{base}-{who}"


def role_id(base: str) -> str:
    """Of the deadline's role; the API takes no hyphen.

    >>> role_id("hep-burst")
    'hep_burst_deadline'
    """
    return f"{base}_deadline".replace("-", "_")


def account_inputs(args: IdentitiesArgs, who: str) -> serviceaccount.AccountArgs:
    """Of one account."""
    does = {"nodes": "pull images, write logs", "trainer": "read data, write results", "deadline": "delete bursts in time"}
    return serviceaccount.AccountArgs(
        account_id=account_id(args.name, who),
        project=args.project,
        display_name=f"hepburst: {who}",
        description=f"hepburst: {does[who]}",
    )


def role_inputs(args: IdentitiesArgs) -> projects.IAMCustomRoleArgs:
    """Of the deadline's role: to delete, and to see that it was done."""
    return projects.IAMCustomRoleArgs(
        role_id=role_id(args.name),
        project=args.project,
        title="hepburst: end a burst",
        description="Deletes a burst's cluster and its router with the NAT gateway",
        permissions=list(DEADLINE_PERMISSIONS),
    )


def image_reader_inputs(args: IdentitiesArgs, email: Input[str]) -> artifactregistry.RepositoryIamMemberArgs:
    """That nodes pull from the one repository."""
    return artifactregistry.RepositoryIamMemberArgs(
        project=args.project,
        location=args.location,
        repository=args.repository_id,
        role="roles/artifactregistry.reader",
        member=member(email),
    )


def bucket_user_inputs(args: IdentitiesArgs, email: Input[str]) -> storage.BucketIAMMemberArgs:
    """That pods read and write objects of the one bucket."""
    return storage.BucketIAMMemberArgs(bucket=args.bucket, role="roles/storage.objectUser", member=member(email))


def member(email: Input[str]) -> Output[str]:
    """An account, as a policy names it."""
    return Output.format("serviceAccount:{0}", email)


def _in_project(args: IdentitiesArgs, role: Input[str], email: Input[str]) -> projects.IAMMemberArgs:
    return projects.IAMMemberArgs(project=args.project, role=role, member=member(email))
