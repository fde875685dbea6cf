"""The program of the tests: what a stack declares, varied by a file `wanted.json` beside it."""

import json
from pathlib import Path

import pulumi
import pulumi_kubernetes as kubernetes
from pulumi_kubernetes.apiextensions import CustomResource
from pulumi_kubernetes.core import v1 as core
from pulumi_kubernetes.meta.v1 import ObjectMetaArgs


def declare() -> None:
    wanted = json.loads(Path(__file__).with_name("wanted.json").read_text(encoding="utf-8"))
    provider = kubernetes.Provider("cluster", kubeconfig=wanted["kubeconfig"], upsert_existing_objects=wanted["adopts"])
    mine = pulumi.ResourceOptions(provider=provider)

    namespace = core.Namespace("home", metadata={"name": "burst", "labels": {"team": wanted["team"]}}, opts=mine)
    where = namespace.metadata.name
    core.ConfigMap(
        "run",
        metadata={"name": "run", "namespace": where, "labels": {"team": wanted["team"]}},
        immutable=True,
        data={"run.json": wanted["run"]},
        opts=mine,
    )
    quota = core.ResourceQuota(
        "quota", metadata={"namespace": where}, spec=core.ResourceQuotaSpecArgs(hard={"pods": str(wanted["pods"])}), opts=mine
    )
    core.ServiceAccount("trainer", metadata=ObjectMetaArgs(name="trainer", namespace=where), opts=mine)
    core.Secret(
        "key", metadata={"name": "key", "namespace": where}, string_data={"key": pulumi.Output.secret("hush")}, opts=mine
    )
    kubernetes.rbac.v1.Role(
        "reader",
        metadata=ObjectMetaArgs(name="reader", namespace=where),
        rules=[kubernetes.rbac.v1.PolicyRuleArgs(api_groups=[""], resources=["pods"], verbs=wanted["verbs"])],
        opts=mine,
    )
    core.PersistentVolumeClaim(
        "runs",
        metadata=ObjectMetaArgs(name="runs", namespace=where),
        spec=core.PersistentVolumeClaimSpecArgs(
            access_modes=["ReadWriteMany"],
            resources=core.VolumeResourceRequirementsArgs(requests={"storage": "1Gi"}),
            storage_class_name="late",
        ),
        opts=mine,
    )
    if wanted["job"]:
        CustomResource(
            "job",
            api_version="test.hepburst.io/v1",
            kind="Toy",
            metadata=ObjectMetaArgs(
                name="job",
                namespace=where,
                annotations={
                    "pulumi.com/waitFor": json.dumps(["condition=Created", "jsonpath={.status.phase}=Running"]),
                    "pulumi.com/timeoutSeconds": str(wanted["patience"]),
                },
            ),
            spec=wanted["job"],
            opts=mine,
        )
    pulumi.export("quota", quota.metadata.name)
    pulumi.export("uid", namespace.metadata.uid)


if __name__ == "__main__":
    declare()
