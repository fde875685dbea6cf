"""Kubeflow's MPI Operator, where a cluster has none. Owns its namespace, custom resource, rights and deployment.

Declared here instead of read from the project's manifest, so that a preview needs no network and shows what will be there.
"""

from __future__ import annotations

from typing import Any

from pulumi import ComponentResource, ResourceOptions
from pulumi_kubernetes.apiextensions import v1 as extensions
from pulumi_kubernetes.apps import v1 as apps
from pulumi_kubernetes.core import v1 as core
from pulumi_kubernetes.meta.v1 import ObjectMetaArgs
from pulumi_kubernetes.rbac import v1 as rbac

from components.kubernetes.pods import UID, container_security, cpus, gibibytes

VERSION = "0.6.0"
IMAGE = f"mpioperator/mpi-operator:{VERSION}"
NAME = "mpi-operator"
"""Of all that it has, and of its namespace."""
GROUP, API_VERSION, KIND, PLURAL = "kubeflow.org", "v2beta1", "MPIJob", "mpijobs"
LABELS = {"app": NAME, "app.kubernetes.io/name": NAME}
OPERATOR_CPUS, OPERATOR_MEMORY_GIB = 0.1, 0.5
TAKE_OVER = {"pulumi.com/patchForce": "true"}
"""Of objects that may be there already, by another hand: they become as they are declared here."""


class MpiOperator(ComponentResource):
    """The operator in its namespace; one a cluster is enough, and needs a cluster administrator's rights."""

    def __init__(self, name: str, opts: ResourceOptions | None = None) -> None:
        super().__init__("hepburst:kubernetes:MpiOperator", name, {}, opts)
        mine = ResourceOptions(parent=self)
        self.kind = extensions.CustomResourceDefinition(
            f"{name}-kind", metadata=_metadata(f"{PLURAL}.{GROUP}", namespace=None), spec=kind_spec(), opts=mine
        )
        self.namespace = core.Namespace(name, metadata=_metadata(NAME, namespace=None), opts=mine)
        inside = ResourceOptions(parent=self, depends_on=[self.namespace])
        self.account = core.ServiceAccount(name, metadata=_metadata(NAME), opts=inside)
        self.role = rbac.ClusterRole(name, metadata=_metadata(NAME, namespace=None), rules=rules(), opts=mine)
        self.binding = rbac.ClusterRoleBinding(
            name, metadata=_metadata(NAME, namespace=None), role_ref=_role("ClusterRole"), subjects=_subjects(), opts=mine
        )
        self.own_role = rbac.Role(f"{name}-lease", metadata=_metadata(NAME), rules=lease_rules(), opts=inside)
        self.own_binding = rbac.RoleBinding(
            f"{name}-lease", metadata=_metadata(NAME), role_ref=_role("Role"), subjects=_subjects(), opts=inside
        )
        rights = [self.kind, self.account, self.role, self.binding, self.own_role, self.own_binding]
        self.deployment = apps.Deployment(
            name,
            metadata=_metadata(NAME),
            spec=deployment_spec(),
            opts=ResourceOptions(parent=self, depends_on=rights),
        )
        self.register_outputs({})


def kind_spec() -> Any:
    """`spec` of the MPIJob's definition. What is in a job the operator checks, and says so in an event; not the API server."""
    free = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    schema = {
        "type": "object",
        "properties": {
            "apiVersion": {"type": "string"},
            "kind": {"type": "string"},
            "metadata": {"type": "object"},
            "spec": free,
            "status": free,
        },
    }
    return {
        "group": GROUP,
        "scope": "Namespaced",
        "names": {"kind": KIND, "listKind": f"{KIND}List", "plural": PLURAL, "singular": KIND.lower()},
        "versions": [
            {
                "name": API_VERSION,
                "served": True,
                "storage": True,
                "schema": {"openAPIV3Schema": schema},
                "subresources": {"status": {}},
            }
        ],
    }


def rules() -> list[Any]:
    """Of the ClusterRole: what v0.6.0 does without gang scheduling (cmd/mpi-operator/app/server.go, pkg/controller).

    It owns what it makes for a job, with `blockOwnerDeletion`, for which some clusters ask for the right to set finalizers.
    """
    made = ["create", "get", "list", "watch", "update"]
    return [
        {"apiGroups": [GROUP], "resources": [PLURAL], "verbs": ["get", "list", "watch"]},
        {"apiGroups": [GROUP], "resources": [f"{PLURAL}/status", f"{PLURAL}/finalizers"], "verbs": ["update"]},
        {"apiGroups": [""], "resources": ["configmaps", "secrets", "services"], "verbs": made},
        {"apiGroups": [""], "resources": ["pods"], "verbs": ["create", "get", "list", "watch", "delete"]},
        {"apiGroups": ["batch"], "resources": ["jobs"], "verbs": made},
        {"apiGroups": ["scheduling.k8s.io"], "resources": ["priorityclasses"], "verbs": ["get", "list", "watch"]},
        {"apiGroups": [""], "resources": ["events"], "verbs": ["create", "patch"]},
    ]


def lease_rules() -> list[Any]:
    """Of the Role in its own namespace: the lease by which one of several operators is the one that works."""
    return [{"apiGroups": ["coordination.k8s.io"], "resources": ["leases"], "verbs": ["create", "get", "update"]}]


def deployment_spec() -> Any:
    """`spec` of the Deployment."""
    container = {
        "name": NAME,
        "image": IMAGE,
        "args": ["-alsologtostderr", f"--lock-namespace={NAME}"],
        "resources": {
            "requests": {"cpu": cpus(OPERATOR_CPUS)},
            "limits": {"memory": gibibytes(OPERATOR_MEMORY_GIB)},
        },
        "securityContext": container_security(),
    }
    security = {"runAsNonRoot": True, "runAsUser": UID, "runAsGroup": UID, "seccompProfile": {"type": "RuntimeDefault"}}
    pod = {"serviceAccountName": NAME, "securityContext": security, "containers": [container]}
    return {
        "replicas": 1,
        "selector": {"matchLabels": LABELS},
        "template": {"metadata": {"labels": LABELS}, "spec": pod},
    }


def _metadata(name: str, *, namespace: str | None = NAME) -> ObjectMetaArgs:
    return ObjectMetaArgs(name=name, namespace=namespace, labels=LABELS, annotations=TAKE_OVER)


def _role(kind: str) -> rbac.RoleRefArgs:
    return rbac.RoleRefArgs(api_group="rbac.authorization.k8s.io", kind=kind, name=NAME)


def _subjects() -> list[rbac.SubjectArgs]:
    return [rbac.SubjectArgs(kind="ServiceAccount", name=NAME, namespace=NAME)]
