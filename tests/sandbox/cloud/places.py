"""A rehearsed cloud with a base and a cluster that is only in the ledger: no control plane is started."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Any

from sandbox.cloud.ledger import Entry, Ledger, Op
from sandbox.cloud.operations import Cloud
from sandbox.cloud.rules import CLUSTER, JOB

WHERE = {"project": "sandbox-t", "region": "us-central1", "zone": "us-central1-a"}
BEGAN = datetime.datetime(2026, 11, 24, 12, 0, tzinfo=datetime.UTC)
CLUSTER_ID = "projects/sandbox-t/locations/us-central1-a/clusters/b"
EMAIL = "deadline@sandbox-t.iam.gserviceaccount.com"
NETWORK = "gcp:compute/network:Network"


def after(minutes: float) -> datetime.datetime:
    return BEGAN + datetime.timedelta(minutes=minutes)


def cloud(folder: Path) -> Cloud:
    ledger = Ledger(folder)
    ledger.set_clock(BEGAN)
    return Cloud(ledger=ledger)


def cluster(ledger: Ledger, *, ready_minutes: float = 6) -> None:
    properties = {"name": "b", "location": "us-central1-a", "project": "sandbox-t", "releaseChannel": {"channel": "REGULAR"}}
    line = Entry(start=BEGAN, end=after(ready_minutes), op=Op.CREATE, type=CLUSTER, id=CLUSTER_ID, properties=properties)
    ledger.append(line)


def pool(**config: Any) -> dict[str, Any]:
    return {
        "name": "v100",
        "cluster": "b",
        "location": "us-central1-a",
        "nodeCount": 2,
        "nodeConfig": {
            "machineType": "n1-standard-96",
            "diskSizeGb": 100,
            "diskType": "pd-balanced",
            "guestAccelerators": [{"type": "nvidia-tesla-v100", "count": 8}],
            **config,
        },
    }


def deadline(
    made: Cloud, schedule: str, *, permissions: tuple[str, ...] = ("container.clusters.delete",), **retry: Any
) -> None:
    """A job that deletes the cluster, with an account that may."""
    made.create("gcp:serviceaccount/account:Account", {"accountId": "deadline"}, {**WHERE})
    role = made.create(
        "gcp:projects/iAMCustomRole:IAMCustomRole", {"roleId": "ends", "title": "ends", "permissions": list(permissions)}, WHERE
    )
    granted = {"project": "sandbox-t", "role": role.id, "member": f"serviceAccount:{EMAIL}"}
    made.create("gcp:projects/iAMMember:IAMMember", granted, WHERE)
    target = {
        "uri": f"https://container.googleapis.com/v1/{CLUSTER_ID}",
        "httpMethod": "DELETE",
        "oauthToken": {"serviceAccountEmail": EMAIL},
    }
    job = {"name": "end", "region": "us-central1", "schedule": schedule, "timeZone": "Etc/UTC", "httpTarget": target}
    made.create(JOB, {**job, "retryConfig": retry}, WHERE)
