"""Which changes of an object the API server refuses in place, so that another object must replace it.

The official plugin's rules, from its public source: a list of kinds and fields. What is on no list is tried in place, and the
API server's refusal is the user's to see. Pure.
"""

from __future__ import annotations

from sandbox.providers.kubernetes.objects import Object, Path

_SELECTOR = ("spec.selector",)
_STATEFUL_SET = (
    *_SELECTOR,
    "spec.podManagementPolicy",
    "spec.revisionHistoryLimit",
    "spec.serviceName",
    "spec.volumeClaimTemplates",
)
# Fields that pods may change in place; all others of `spec` replace.
_POD_MAY_CHANGE = ("spec.activeDeadlineSeconds", "spec.tolerations", "spec.schedulingGates", "spec.ephemeralContainers")
_VOLUME_MAY_CHANGE = (
    "spec.accessModes",
    "spec.capacity",
    "spec.claimRef",
    "spec.mountOptions",
    "spec.nodeAffinity",
    "spec.persistentVolumeReclaimPolicy",
    "spec.storageClassName",
    "spec.volumeAttributesClassName",
    "spec.volumeMode",
)
_FIELDS: dict[tuple[str, str], tuple[str, ...]] = {
    ("apps", "DaemonSet"): _SELECTOR,
    ("apps", "Deployment"): _SELECTOR,
    ("apps", "StatefulSet"): _STATEFUL_SET,
    ("batch", "Job"): (*_SELECTOR, "spec.completions", "spec.parallelism", "spec.template"),
    ("rbac.authorization.k8s.io", "ClusterRoleBinding"): ("roleRef",),
    ("rbac.authorization.k8s.io", "RoleBinding"): ("roleRef",),
    ("storage.k8s.io", "StorageClass"): ("parameters", "provisioner"),
    ("", "PersistentVolumeClaim"): (*_SELECTOR, "spec.accessModes", "spec.storageClassName", "spec.volumeName"),
    ("", "ResourceQuota"): ("spec.scopes",),
    ("", "Secret"): ("type",),
    ("", "Service"): ("spec.clusterIP",),
}
_IDENTITY = ("apiVersion", "kind", "metadata.name", "metadata.namespace")
_CONTENT = {"ConfigMap": ("data", "binaryData"), "Secret": ("type", "data", "stringData")}


def group_of(inputs: Object) -> str:
    """The API group, empty for the core one."""
    version = str(inputs.get("apiVersion", ""))
    return version.split("/")[0] if "/" in version else ""


def replaces(inputs: Object, path: Path, *, mutable_kinds: frozenset[str] = frozenset()) -> bool:
    """Whether a change at `path` of an object with these new inputs needs another object.

    `mutable_kinds` are those of ConfigMap and Secret whose content may change in place unless they are immutable.

    >>> replaces({"apiVersion": "v1", "kind": "ConfigMap"}, ("data", "run.json"))
    True
    >>> replaces({"apiVersion": "v1", "kind": "ConfigMap"}, ("metadata", "labels", "x"))
    False
    """
    key = group_of(inputs), str(inputs.get("kind"))
    prefixes = (*_IDENTITY, *_FIELDS.get(key, ()))
    if not key[0] and key[1] in _CONTENT and (key[1] not in mutable_kinds or inputs.get("immutable") is True):
        prefixes += _CONTENT[key[1]]
    if key == ("", "Pod"):
        return _is_within(path, (*prefixes, "spec")) and not _is_within(path, _POD_MAY_CHANGE)
    if key == ("", "PersistentVolume"):
        return _is_within(path, (*prefixes, "spec")) and not _is_within(path, _VOLUME_MAY_CHANGE)
    return _is_within(path, prefixes)


def _is_within(path: Path, prefixes: tuple[str, ...]) -> bool:
    """Whether a path is, is below, or is above (as where a whole map is new) one of some others."""
    parts = [str(part) for part in path]
    for prefix in prefixes:
        wanted = prefix.split(".")
        shared = min(len(wanted), len(parts))
        if wanted[:shared] == parts[:shared]:
            return True
    return False
