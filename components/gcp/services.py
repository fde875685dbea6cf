"""The APIs that base and bursts call. Owns their being enabled; they stay enabled, since others may use them too."""

from __future__ import annotations

from dataclasses import dataclass

from pulumi import ComponentResource, ResourceOptions
from pulumi_gcp import projects

NEEDED = (
    "artifactregistry",
    "cloudresourcemanager",  # the project's roles
    "cloudscheduler",
    "compute",
    "container",
    "containerfilesystem",  # image streaming
    "file",  # Filestore, for bursts that want a shared volume in place of the bucket
    "iam",
    "iamcredentials",  # pods and scheduler act as accounts of ours
    "logging",
    "monitoring",
    "storage",
)
"""Without `.googleapis.com`."""
FOR_BUDGETS = ("billingbudgets",)


@dataclass(frozen=True, slots=True, kw_only=True)
class ServicesArgs:
    """In which project, and whether a budget is wanted."""

    project: str
    has_budget: bool = False


class Services(ComponentResource):
    """APIs of a project. An API that is enabled costs nothing."""

    def __init__(self, name: str, args: ServicesArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__("hepburst:gcp:Services", name, {}, opts)
        self.services = [
            projects.Service(api, service_inputs(args.project, api), opts=ResourceOptions(parent=self))
            for api in apis(args.has_budget)
        ]
        self.register_outputs({})


def apis(has_budget: bool) -> tuple[str, ...]:
    """Which are needed, without `.googleapis.com`."""
    return NEEDED + (FOR_BUDGETS if has_budget else ())


def service_inputs(project: str, api: str) -> projects.ServiceArgs:
    """Of one API."""
    return projects.ServiceArgs(project=project, service=f"{api}.googleapis.com", disable_on_destroy=False)
