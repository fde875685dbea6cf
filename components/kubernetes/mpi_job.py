"""A training as Kubeflow's MPIJob. Owns the job, its configuration and its service account; not the namespace nor the volume.

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

from burst.cluster import Workers
from burst.image_reference import digest_of
from components.kubernetes.mpi_job_spec import ACCOUNT, JobManifest, job_name_of, labels_of, mpi_job_spec
from components.kubernetes.pods import labels
from trainer.contract import RUN_FILE, RunConfig

API_VERSION, KIND = "kubeflow.org/v2beta1", "MPIJob"
ACCEPTED_SECONDS = 120
"""For the operator to take up the job."""
QUEUE_LABEL = "kueue.x-k8s.io/queue-name"


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
        self.account = core.ServiceAccount(
            "trainer",
            metadata=ObjectMetaArgs(name=ACCOUNT, namespace=args.namespace, labels=labels(args.stack)),
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
                        **known,
                    )
                )
            ),
            opts=ResourceOptions.merge(
                mine, ResourceOptions(depends_on=[self.config, self.account], replace_on_changes=["spec"])
            ),
        )
        self.register_outputs({"run_id": run_id})


def with_image(run: RunConfig, image: str) -> RunConfig:
    """The run as the image of this reference trains it: another image is another run.

    >>> with_image(RunConfig(data_path="x.h5", data_sha256="", num_epochs=1), "registry/trainer@sha256:0a").image_digest
    'sha256:0a'
    """
    return dataclasses.replace(run, image_digest=digest_of(image))


def run_file(run: RunConfig) -> str:
    """The content of `run.json`."""
    return json.dumps(run.to_dict(), indent=2) + "\n"
