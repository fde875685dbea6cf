"""A training as Kubeflow's MPIJob. Owns the job, its configuration, its service account and the launcher's rights; not the
namespace nor the volume.

`up` ends when the MPI Operator has taken the job up. A change of what is trained, or of what it is trained on, makes another
job; one of the same run goes on from its last checkpoint, or, where the run is finished, ends at once.
"""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass

from pulumi import ComponentResource, Input, Output, ResourceOptions
from pulumi_kubernetes.apiextensions import CustomResource
from pulumi_kubernetes.core import v1 as core
from pulumi_kubernetes.meta.v1 import ObjectMetaArgs
from pulumi_kubernetes.rbac import v1 as rbac

from burst.cluster import Workers
from burst.image_reference import digest_of
from components.kubernetes.fuse import FuseSidecar
from components.kubernetes.launcher_rights import rules
from components.kubernetes.mpi_job_spec import ACCOUNT, JobManifest, job_name_of, labels_of, mpi_job_spec
from components.kubernetes.pods import labels
from trainer.contract import RUN_FILE, RunConfig

API_VERSION, KIND = "kubeflow.org/v2beta1", "MPIJob"
ACCEPTED_SECONDS = 120
"""For the operator to take up the job."""
QUEUE_LABEL = "kueue.x-k8s.io/queue-name"
CLOUD_ACCOUNT = "iam.gke.io/gcp-service-account"
"""Annotation by which GKE lets a service account of the cluster act as one of Google Cloud."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MpiJobArgs:
    """What to train, with which image, on which workers."""

    stack: str
    namespace: Input[str]
    run: RunConfig
    """`data_path` is the pods'; `image_digest` is taken from `image`."""
    image: Input[str]
    """A reference with a digest."""
    workers: Workers
    claim_name: Input[str]
    """Of the run volume."""
    queue: str = ""
    """A LocalQueue of Kueue."""
    pull_secret: str = ""
    """Of the namespace, for a registry that asks for a password."""
    data_secret: str = ""
    """Of the namespace, with AWS_ACCESS_KEY_ID and its like, for data at an s3:// address."""
    fuse_sidecar: FuseSidecar | None = None
    """Where the run volume is a bucket."""
    cloud_account: Input[str] = ""
    """E-mail address of the Google Cloud account that the pods act as (workload identity)."""


class MpiJob(ComponentResource):
    """One run on the workers of a cluster."""

    run: Output[RunConfig]
    """With the image's digest, so that its id is known."""

    def __init__(self, name: str, args: MpiJobArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__("hepburst:kubernetes:MpiJob", name, {}, opts)
        run = self.run = Output.from_input(args.image).apply(lambda image: with_image(args.run, image))
        run_id = run.apply(RunConfig.run_id)
        job_name = run_id.apply(job_name_of)
        # A name of our own and one job at a time: the old goes before the new takes its nodes.
        mine = ResourceOptions(parent=self, delete_before_replace=True)

        run_labels = run.apply(lambda run: labels_of(args.stack, run))
        acts_as = None if args.cloud_account == "" else {CLOUD_ACCOUNT: args.cloud_account}
        self.account = core.ServiceAccount(
            "trainer",
            metadata=ObjectMetaArgs(name=ACCOUNT, namespace=args.namespace, labels=labels(args.stack), annotations=acts_as),
            automount_service_account_token=False,
            opts=ResourceOptions(parent=self),
        )
        self.config = core.ConfigMap(
            "run",
            metadata=ObjectMetaArgs(name=job_name, namespace=args.namespace, labels=run_labels),
            immutable=True,
            data={RUN_FILE: run.apply(run_file)},
            opts=mine,
        )
        rights = self._rights(job_name, run_labels, args) if args.workers.gang_seconds else []
        self.job = CustomResource(
            name,
            api_version=API_VERSION,
            kind=KIND,
            metadata=ObjectMetaArgs(
                name=job_name,
                namespace=args.namespace,
                labels=run_labels.apply(lambda own: {**own, QUEUE_LABEL: args.queue} if args.queue else own),
                annotations={"pulumi.com/waitFor": "condition=Created", "pulumi.com/timeoutSeconds": str(ACCEPTED_SECONDS)},
            ),
            spec=Output.all(run=run, image=args.image, claim_name=args.claim_name).apply(
                lambda known: mpi_job_spec(
                    JobManifest(
                        stack=args.stack,
                        workers=args.workers,
                        pull_secret=args.pull_secret,
                        data_secret=args.data_secret,
                        fuse_sidecar=args.fuse_sidecar,
                        **known,
                    )
                )
            ),
            opts=ResourceOptions.merge(
                mine, ResourceOptions(depends_on=[self.config, self.account, *rights], replace_on_changes=["spec"])
            ),
        )
        self.register_outputs({"run_id": run_id})

    def _rights(
        self, job_name: Output[str], run_labels: Output[dict[str, str]], args: MpiJobArgs
    ) -> list[rbac.Role | rbac.RoleBinding]:
        """Of the launcher; those of one job, which go with it."""
        metadata = ObjectMetaArgs(name=job_name, namespace=args.namespace, labels=run_labels)
        mine = ResourceOptions(parent=self, delete_before_replace=True)
        role = rbac.Role("launcher", metadata=metadata, rules=job_name.apply(lambda name: rules(name, args.workers)), opts=mine)
        binding = rbac.RoleBinding(
            "launcher",
            metadata=metadata,
            role_ref=rbac.RoleRefArgs(api_group="rbac.authorization.k8s.io", kind="Role", name=job_name),
            subjects=[rbac.SubjectArgs(kind="ServiceAccount", name=ACCOUNT, namespace=args.namespace)],
            opts=mine,
        )
        return [role, binding]


def with_image(run: RunConfig, image: str) -> RunConfig:
    """The run as the image of this reference trains it: another image is another run.

    >>> with_image(RunConfig(data_path="x.h5", data_sha256="", num_epochs=1), "registry/trainer@sha256:0a").image_digest
    'sha256:0a'
    """
    return dataclasses.replace(run, image_digest=digest_of(image))


def run_file(run: RunConfig) -> str:
    """The content of `run.json`."""
    return json.dumps(run.to_dict(), indent=2) + "\n"
