"""A burst's deadline, which Google's own clock keeps. Owns two jobs of Cloud Scheduler, made before anything is billed.

At the deadline the one calls `projects.locations.clusters.delete` of the GKE API (`DELETE .../clusters/NAME`), which ends
the cluster with all its nodes and their disks; the other `routers.delete` of the Compute API, which ends the NAT gateway and
its address. Both names are known before the things exist, so a cluster that is only half made ends too: while GKE still
works at it, it answers 400, and the job tries again, for more than an hour. Scheduler signs in as the base's deadline
account; nobody's laptop nor login is needed.

What still bills if nobody ever comes back: the base's bucket and registry, by what lies in them; a Filestore volume, if the
burst had one in place of the bucket (its name is known to nobody before it is made, and the driver that would remove it goes
with the cluster); and these two jobs, where a billing account has more than three. A schedule has no year: a year later the
jobs would find nothing and change nothing. `pulumi destroy` removes the jobs.
"""

from __future__ import annotations

import datetime
from dataclasses import dataclass

from pulumi import ComponentResource, Input, ResourceOptions
from pulumi_gcp import cloudscheduler

from burst.gke import GkeCluster

SCOPE = "https://www.googleapis.com/auth/cloud-platform"
NUM_RETRIES = 5
"""The API allows no more (cloud.google.com/scheduler/docs/reference/rest/v1/projects.locations.jobs#RetryConfig)."""
FIRST_RETRY_SECONDS, LAST_RETRY_SECONDS = 120, 1920
"""After two minutes, then each time twice as long: 2, 4, 8, 16 and 32 minutes, 62 together. GKE may work at a cluster or a pool
for as long as `cluster.TIMEOUT`, and then takes the order to delete."""
ATTEMPT_SECONDS = 60
"""The APIs answer when the deletion has begun, not when it is done."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadlineArgs:
    """Which cluster, and in whose name it is deleted."""

    gke: GkeCluster
    account: Input[str]
    """The base's deadline account, by e-mail address."""


class Deadline(ComponentResource):
    """The end of a burst. Whatever is billed by the hour depends on it."""

    def __init__(self, name: str, args: DeadlineArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__("hepburst:gcp:Deadline", name, {}, opts)
        mine = ResourceOptions(parent=self)
        cluster, router = (job_inputs(args, what, uri) for what, uri in uris(args.gke).items())
        self.cluster_job = cloudscheduler.Job(f"{name}-cluster", cluster, opts=mine)
        self.router_job = cloudscheduler.Job(f"{name}-router", router, opts=mine)
        self.register_outputs({"jobs": [self.cluster_job.name, self.router_job.name]})


def uris(gke: GkeCluster) -> dict[str, str]:
    """What is deleted, and where."""
    return {"cluster": cluster_delete_uri(gke), "router": router_delete_uri(gke)}


def cluster_delete_uri(gke: GkeCluster) -> str:
    """The cluster in the GKE API.

    >>> when = datetime.datetime(2026, 12, 1, 18, tzinfo=datetime.UTC)
    >>> cluster_delete_uri(GkeCluster(name="b", project="p", zone="us-central1-a", groups=(), deadline=when))
    'https://container.googleapis.com/v1/projects/p/locations/us-central1-a/clusters/b'
    """
    return f"https://container.googleapis.com/v1/projects/{gke.project}/locations/{gke.zone}/clusters/{gke.name}"


def router_delete_uri(gke: GkeCluster) -> str:
    """The router in the Compute API.

    >>> when = datetime.datetime(2026, 12, 1, 18, tzinfo=datetime.UTC)
    >>> router_delete_uri(GkeCluster(name="b", project="p", zone="us-central1-a", groups=(), deadline=when))
    'https://compute.googleapis.com/compute/v1/projects/p/regions/us-central1/routers/b'
    """
    return f"https://compute.googleapis.com/compute/v1/projects/{gke.project}/regions/{gke.region}/routers/{gke.name}"


def schedule(deadline: datetime.datetime) -> str:
    """The deadline as cron writes it; seconds are rounded down.

    >>> schedule(datetime.datetime(2026, 12, 1, 18, 5, tzinfo=datetime.UTC))
    '5 18 1 12 *'
    """
    assert deadline.utcoffset() == datetime.timedelta(0), deadline
    return f"{deadline.minute} {deadline.hour} {deadline.day} {deadline.month} *"


def job_inputs(args: DeadlineArgs, what: str, uri: str) -> cloudscheduler.JobArgs:
    """Of the job that deletes one thing."""
    gke = args.gke
    return cloudscheduler.JobArgs(
        # The place is in the name: where a burst moves, the old cluster keeps its deadline until it is gone.
        name=f"{gke.name}-{gke.zone}-delete-{what}",
        project=gke.project,
        region=gke.region,
        description=f"hepburst: deletes the {what} {gke.name} on {gke.deadline:%Y-%m-%d %H:%M} UTC",
        schedule=schedule(gke.deadline),
        time_zone="Etc/UTC",
        attempt_deadline=f"{ATTEMPT_SECONDS}s",
        retry_config=cloudscheduler.JobRetryConfigArgs(
            retry_count=NUM_RETRIES,
            min_backoff_duration=f"{FIRST_RETRY_SECONDS}s",
            max_backoff_duration=f"{LAST_RETRY_SECONDS}s",
            max_doublings=NUM_RETRIES,
        ),
        http_target=cloudscheduler.JobHttpTargetArgs(
            uri=uri,
            http_method="DELETE",
            oauth_token=cloudscheduler.JobHttpTargetOauthTokenArgs(service_account_email=args.account, scope=SCOPE),
        ),
    )
