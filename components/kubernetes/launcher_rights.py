"""What a launcher on rented nodes may do in its cluster, and the token by which it may. Pure.

A worker whose node is taken back ends as `Failed` (the kubelet's graceful shutdown), and the MPI Operator makes anew only what
is gone (v0.6.0, `getOrCreateWorker`): the launcher deletes it. And where the nodes do not come in time, the launcher sees to it
that its Job does not try again. Both are of these very names; no other pod has the token.
"""

from __future__ import annotations

from typing import Any

from burst.cluster import Workers

TOKEN_PATH = "/var/run/secrets/hepburst"  # noqa: S105 - a folder
TOKEN_VOLUME = "api-token"  # noqa: S105 - a name
TOKEN_SECONDS = 3600
"""The kubelet puts a new one there before it expires."""


def rules(job_name: str, workers: Workers) -> list[Any]:
    """Of the launcher's Role, as the API writes them; the names of pods and Job are the operator's."""
    names = [f"{job_name}-worker-{index}" for index in range(workers.num_workers)]
    return [
        {"apiGroups": [""], "resources": ["pods"], "resourceNames": names, "verbs": ["get", "delete"]},
        {"apiGroups": ["batch"], "resources": ["jobs"], "resourceNames": [f"{job_name}-launcher"], "verbs": ["patch"]},
    ]


def token_volume() -> dict[str, Any]:
    """Of the launcher's pod: `token`, and the authority `ca.crt` that the API server's certificate is by."""
    token = {"serviceAccountToken": {"path": "token", "expirationSeconds": TOKEN_SECONDS}}
    authority = {"configMap": {"name": "kube-root-ca.crt", "items": [{"key": "ca.crt", "path": "ca.crt"}]}}
    return {"name": TOKEN_VOLUME, "projected": {"sources": [token, authority]}}


def token_mount() -> dict[str, Any]:
    """Of the launcher's container."""
    return {"name": TOKEN_VOLUME, "mountPath": TOKEN_PATH, "readOnly": True}
