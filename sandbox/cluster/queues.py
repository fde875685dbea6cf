"""Makes a Kueue queue: what a test or a rehearsal needs before a job can name one."""

from __future__ import annotations

from collections.abc import Mapping

from sandbox.cluster.api import Api, Manifest, condition, wait_for

API_VERSION = "kueue.x-k8s.io/v1beta1"
ACTIVE_SECONDS = 30.0


def queue_manifests(name: str, namespace: str, quotas: Mapping[str, str]) -> list[Manifest]:
    """A ResourceFlavor, a ClusterQueue and a LocalQueue, all called `name`; `quotas` such as {"cpu": "4", "memory": "8Gi"}.

    A resource that no quota names is not counted.
    """
    resources = [{"name": resource, "nominalQuota": quota} for resource, quota in quotas.items()]
    group = {"coveredResources": list(quotas), "flavors": [{"name": name, "resources": resources}]}
    return [
        _object("ResourceFlavor", name),
        {**_object("ClusterQueue", name), "spec": {"namespaceSelector": {}, "resourceGroups": [group]}},
        {**_object("LocalQueue", name, namespace=namespace), "spec": {"clusterQueue": name}},
    ]


def make_queue(api: Api, name: str, namespace: str, quotas: Mapping[str, str]) -> None:
    """Make the queue in a namespace that exists, and wait until it admits jobs."""
    manifests = queue_manifests(name, namespace, quotas)
    for manifest in manifests:
        api.apply(manifest)
    local = api.path(manifests[-1])
    wait_for(f"queue {name}", lambda: condition(api.get(local), "Active") == "True", seconds=ACTIVE_SECONDS)


def remove_queue(api: Api, name: str, namespace: str) -> None:
    """Remove what `make_queue` made; Kueue lets go of it when no workload uses it."""
    for manifest in reversed(queue_manifests(name, namespace, {})):
        api.delete(api.path(manifest))


def _object(kind: str, name: str, *, namespace: str = "") -> Manifest:
    scope = {"namespace": namespace} if namespace else {}
    return {"apiVersion": API_VERSION, "kind": kind, "metadata": {"name": name, **scope}}
