"""Kubeflow's MPI Operator, where a cluster has none. Owns all that its release's manifest makes: CRD, roles, deployment."""

from __future__ import annotations

import pulumi_kubernetes as kubernetes
from pulumi import ComponentResource, ResourceOptions

VERSION = "v0.6.0"
MANIFEST = f"https://raw.githubusercontent.com/kubeflow/mpi-operator/{VERSION}/deploy/v2beta1/mpi-operator.yaml"
"""The project's own manifest, read when the stack is deployed: its content is this tag's."""


class MpiOperator(ComponentResource):
    """The operator in its namespace `mpi-operator`; one a cluster is enough, and needs a cluster administrator's rights."""

    def __init__(self, name: str, opts: ResourceOptions | None = None) -> None:
        super().__init__("hepburst:kubernetes:MpiOperator", name, {}, opts)
        self.manifest = kubernetes.yaml.v2.ConfigFile(name, file=MANIFEST, opts=ResourceOptions(parent=self))
        self.register_outputs({})
