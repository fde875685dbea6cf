"""That a run's pods act as the trainer's account. Owns one binding, which is the burst's: it cannot be made before the cluster.

A project's workload identity pool exists from its first cluster with workload identity on; a binding to a pool that is not
there is refused (cloud.google.com/kubernetes-engine/docs/how-to/workload-identity).
"""

from __future__ import annotations

from dataclasses import dataclass

from pulumi import ComponentResource, Input, Output, ResourceOptions
from pulumi_gcp import serviceaccount

from components.kubernetes.mpi_job_spec import ACCOUNT


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainerIdentityArgs:
    """Which Kubernetes account acts as which account of Google's."""

    project: str
    namespace: str
    trainer_account: Input[str]
    """E-mail address."""
    workload_pool: Input[str]
    """`Cluster.workload_pool`: known once the pool is there."""


class TrainerIdentity(ComponentResource):
    """The Kubernetes service account `trainer` of the burst's namespace, and no other, as the trainer's account."""

    def __init__(self, name: str, args: TrainerIdentityArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__("hepburst:gcp:TrainerIdentity", name, {}, opts)
        self.binding = serviceaccount.IAMMember(name, binding_inputs(args), opts=ResourceOptions(parent=self))
        self.register_outputs({})


def binding_inputs(args: TrainerIdentityArgs) -> serviceaccount.IAMMemberArgs:
    """Of the binding. Whoever makes it needs `iam.serviceAccounts.setIamPolicy` on that account."""
    return serviceaccount.IAMMemberArgs(
        service_account_id=Output.format(f"projects/{args.project}/serviceAccounts/{{0}}", args.trainer_account),
        role="roles/iam.workloadIdentityUser",
        member=Output.format(f"serviceAccount:{{0}}[{args.namespace}/{ACCOUNT}]", args.workload_pool),
    )
