"""`gke-gcloud-auth-plugin` of a rehearsal: the token of the cluster that Kubernetes' client names, as an ExecCredential."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping

from sandbox.cloud import nodes
from sandbox.cloud.clusters import Clusters
from sandbox.cloud.ledger import folder
from trainer.refusal import Refusal

API_VERSION = "client.authentication.k8s.io/v1beta1"


def credential(environ: Mapping[str, str] = os.environ) -> dict[str, object]:
    """What to print. Raises Refusal for a server that is none of the rehearsal's."""
    info = json.loads(environ.get("KUBERNETES_EXEC_INFO") or "{}")
    server = (info.get("spec", {}).get("cluster") or {}).get("server", "")
    clusters = Clusters(folder(environ))
    kubeconfigs = [clusters.kubeconfig(name) for name in clusters.names() or [""]]
    for kubeconfig in kubeconfigs:
        if kubeconfig.exists() and nodes.server(kubeconfig) == server.rstrip("/"):
            return {"apiVersion": API_VERSION, "kind": "ExecCredential", "status": {"token": nodes.token(kubeconfig)}}
    raise Refusal(
        f"no rehearsed cluster answers at {server or 'a server that is not told'}",
        expected="the endpoint of one that is up, and provideClusterInfo in the kubeconfig",
        remedy="check the kubeconfig; a cluster past its deadline is gone",
    )


if __name__ == "__main__":
    try:
        print(json.dumps(credential()))
    except Refusal as refusal:
        sys.exit(f"sandbox: {refusal}")
