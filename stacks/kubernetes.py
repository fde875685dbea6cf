"""A burst in a Kubernetes cluster of one's own: `up` ends when the cluster has taken the job; `burst attach` follows it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pulumi
import pulumi_kubernetes

from burst import collected, image_reference
from burst.cluster import RUNS_FOLDER, BucketVolume, Cluster, ImageBuild
from burst.forecast import actual, forecast
from burst.outputs import followed_output, measured_output, place_output
from burst.spec import Burst
from components.kubernetes.fuse import fuse_sidecar
from components.kubernetes.mpi_job import MpiJob, MpiJobArgs
from components.kubernetes.mpi_operator import MpiOperator
from components.kubernetes.namespace import BurstNamespace, BurstNamespaceArgs
from components.kubernetes.run_volume import RunVolume, RunVolumeArgs
from components.trainer_image import TrainerImage, TrainerImageArgs
from stacks import kubeconfig
from trainer.contract import RunConfig


def deploy(burst: Burst) -> None:
    """Declare namespace, volume and job, and export `cost`, `run` and `report`."""
    assert burst.cluster is not None
    expected = forecast(burst)  # first: what it refuses must be refused before anything is declared
    kubeconfig.check(burst.cluster.access)
    outputs = declare(burst, image_of(burst.cluster), provider=provider_of(burst.cluster))
    pulumi.export("cost", {"forecast": expected.to_output(), "actual": outputs["cost"]})
    pulumi.export("run", outputs["run"])
    pulumi.export("report", outputs["report"])


@dataclass(frozen=True, slots=True, kw_only=True)
class Cloud:
    """What a cloud's cluster has for a run beside nodes."""

    bucket: pulumi.Input[str]
    """That a `BucketVolume` shows."""
    trainer_account: pulumi.Input[str]
    """E-mail address of the cloud's own account that the run's service account acts as."""
    needs: Sequence[pulumi.Resource] = ()
    """What must be there before the run."""


def declare(
    burst: Burst, image: pulumi.Input[str], *, provider: pulumi_kubernetes.Provider, cloud: Cloud | None = None
) -> pulumi.Output[dict[str, Any]]:
    """Every resource in the cluster; gives what is known of the run afterwards. `image`: a reference with a digest."""
    cluster = burst.cluster
    assert cluster is not None
    mine = pulumi.ResourceOptions(provider=provider, depends_on=list(cloud.needs) if cloud else [])
    sidecar = fuse_sidecar(cluster.volume)
    operator = [MpiOperator("mpi-operator", opts=mine)] if cluster.installs_operator else []
    namespace: pulumi.Input[str] = cluster.access.namespace
    if cluster.has_own_namespace:
        args = BurstNamespaceArgs(
            stack=burst.name, namespace=cluster.access.namespace, workers=cluster.workers, fuse_sidecar=sidecar
        )
        namespace = BurstNamespace("namespace", args, opts=mine).namespace_name
    volume = RunVolume("volume", _volume_args(burst.name, namespace, cluster, cloud), opts=mine)
    job = MpiJob(
        "train",
        MpiJobArgs(
            stack=burst.name,
            namespace=namespace,
            run=burst.workload.run,
            image=image,
            workers=cluster.workers,
            claim_name=volume.claim_name,
            queue=cluster.queue,
            pull_secret=cluster.pull_secret,
            data_secret=cluster.data_secret,
            fuse_sidecar=sidecar,
            cloud_account=cloud.trainer_account if cloud else "",
        ),
        opts=pulumi.ResourceOptions.merge(mine, pulumi.ResourceOptions(depends_on=operator)),
    )
    bucket = cloud.bucket if cloud else ""
    known = pulumi.Output.all(run=job.run, claim_name=volume.claim_name, image=image, bucket=bucket)
    return known.apply(lambda values: _outputs(burst, **values))


def _volume_args(stack: str, namespace: pulumi.Input[str], cluster: Cluster, cloud: Cloud | None) -> RunVolumeArgs:
    return RunVolumeArgs(stack=stack, namespace=namespace, volume=cluster.volume, bucket=cloud.bucket if cloud else "")


def provider_of(cluster: Cluster) -> pulumi_kubernetes.Provider:
    """Of this cluster alone. An unreachable one is an error, also for `destroy`: what is in it may still be running.

    Objects that are there already are taken over: an `up` that was killed has left them. The namespace's name keeps them ours.
    """
    return pulumi_kubernetes.Provider(
        "cluster",
        kubeconfig=cluster.access.kubeconfig or None,
        context=cluster.access.context or None,
        delete_unreachable=False,
        upsert_existing_objects=True,
    )


def image_of(cluster: Cluster) -> pulumi.Input[str]:
    """The reference as it is given, or in the file that is given, or of the image that is built."""
    image = cluster.image
    if isinstance(image, ImageBuild):
        return TrainerImage("image", TrainerImageArgs(build=image)).reference
    return TrainerImage("image", TrainerImageArgs(reference=image_reference.given(image))).reference


def _outputs(burst: Burst, *, run: RunConfig, claim_name: str, image: str, bucket: str) -> dict[str, Any]:
    """What is known of the run here: that it was accepted, or what `burst attach` has brought home."""
    assert burst.cluster is not None
    folder = collected.run_folder(burst.name, run)
    volume = burst.cluster.volume
    place = f"{burst.cluster.access.namespace}/{claim_name}"
    if isinstance(volume, BucketVolume):
        place = f"gs://{bucket}/{volume.folder}"
    results_url = f"{place}/{RUNS_FOLDER}/{run.lineage_id()}"
    known = {**place_output(run.run_id(), results_url, follow=f"burst attach {burst.name}"), "image": image}
    result = collected.result_of(folder, run)
    if result is None:
        return {"cost": None, "run": {**known, **followed_output()}, "report": None}
    report = Path(collected.report_path(burst.name))
    return {
        "cost": actual(burst, result).to_output(),
        "run": {**known, **measured_output(result, str(folder))},
        "report": str(report) if report.is_file() else None,
    }
