"""Which changes of an object the API server refuses in place, so that another object must replace it.

The official plugin's rules, from its public source: a list of kinds and fields. What is on no list is tried in place, and the
API server's refusal is the user's to see. Pure.
"""

from __future__ import annotations

from sandbox.providers.kubernetes.objects import Object, Path

_SELECTOR = ("spec.selector",)
_FIELDS: dict[tuple[str, str], tuple[str, ...]] = {
    ("apps", "DaemonSet"): _SELECTOR,
    ("apps", "Deployment"): _SELECTOR,
    ("apps", "StatefulSet"): (*_SELECTOR, "spec.serviceName", "spec.podManagementPolicy", "spec.volumeClaimTemplates"),
    ("batch", "Job"): (*_SELECTOR, "spec.completions", "spec.parallelism", "spec.template"),
    ("rbac.authorization.k8s.io", "ClusterRoleBinding"): ("roleRef",),
    ("rbac.authorization.k8s.io", "RoleBinding"): ("roleRef",),
    ("storage.k8s.io", "StorageClass"): ("parameters", "provisioner"),
    ("", "PersistentVolumeClaim"): (*_SELECTOR, "spec.accessModes", "spec.storageClassName", "spec.volumeName"),
    ("", "ResourceQuota"): ("spec.scopes",),
    ("", "ConfigMap"): ("data", "binaryData"),
    ("", "Secret"): ("type", "data", "stringData"),
    ("", "Service"): ("spec.clusterIP",),
    ("", "PersistentVolume"): ("spec",),
    ("", "Pod"): ("spec",),
}
_MAY_CHANGE: dict[tuple[str, str], tuple[str, ...]] = {
    ("", "Pod"): ("spec.activeDeadlineSeconds", "spec.tolerations"),
    ("", "PersistentVolume"): (
        "spec.accessModes",
        "spec.capacity",
        "spec.mountOptions",
        "spec.persistentVolumeReclaimPolicy",
        "spec.storageClassName",
    ),
}
_IDENTITY = ("apiVersion", "kind", "metadata.name", "metadata.namespace")


def group_of(inputs: Object) -> str:
    """The API group, empty for the core one."""
    version = str(inputs.get("apiVersion", ""))
    return version.split("/")[0] if "/" in version else ""


def replaces(inputs: Object, path: Path) -> bool:
    """Whether a change at `path` of an object with these new inputs needs another object.

    >>> replaces({"apiVersion": "v1", "kind": "ConfigMap"}, ("data", "run.json"))
    True
    >>> replaces({"apiVersion": "v1", "kind": "ConfigMap"}, ("metadata", "labels", "x"))
    False
    """
    key = group_of(inputs), str(inputs.get("kind"))
    return _is_within(path, (*_IDENTITY, *_FIELDS.get(key, ()))) and not _is_within(path, _MAY_CHANGE.get(key, ()))


def _is_within(path: Path, prefixes: tuple[str, ...]) -> bool:
    """Whether a path is, is below, or is above (as where a whole map is new) one of some others."""
    parts = [str(part) for part in path]
    for prefix in prefixes:
        wanted = prefix.split(".")
        shared = min(len(wanted), len(parts))
        if wanted[:shared] == parts[:shared]:
            return True
    return False
