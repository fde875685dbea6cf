from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from burst.cluster import BucketVolume, ExistingClaim, NewVolume, NfsExport, NodeGroup, Toleration, Workers
from components.kubernetes.fuse import FUSE_CPUS, FUSE_MEMORY_GIB, FuseSidecar, fuse_sidecar, mount_options
from components.kubernetes.mpi_job import MpiJob, MpiJobArgs, with_image
from components.kubernetes.mpi_job_spec import JobManifest, affinity, environment, mpi_job_spec
from components.kubernetes.mpi_operator import MpiOperator
from components.kubernetes.namespace import BurstNamespace, BurstNamespaceArgs, quota
from components.kubernetes.run_volume import RunVolume, RunVolumeArgs
from tests.components.recorder import registered_by
from trainer.contract import RunConfig

IMAGE = "registry.example.org/group/trainer@sha256:" + "1f" * 32
RUN = RunConfig(data_path="/mnt/hepburst/data/sample/fixed.h5", data_sha256="ab" * 32, num_epochs=3)
WORKERS = Workers(groups=(NodeGroup(num_nodes=2, ranks_per_node=1),), cpus_per_rank=0.9, memory_gib_per_rank=3)
RENTED = replace(WORKERS, gang_seconds=1800)
BUCKET = BucketVolume(folder="gke", cache_gib=20)
GPUS = replace(WORKERS, accelerator="V100-16GB", cpus_per_rank=8, memory_gib_per_rank=32)
STACK = "pulumi:pulumi:Stack project-stack"


def groups(*layout: tuple[int, int]) -> tuple[NodeGroup, ...]:
    return tuple(NodeGroup(num_nodes=nodes, ranks_per_node=ranks) for nodes, ranks in layout)


def manifest(workers: Workers = WORKERS, **more: Any) -> dict[str, Any]:
    run = replace(RUN, num_ranks=workers.num_ranks)
    job = JobManifest(stack="onprem", run=with_image(run, IMAGE), image=IMAGE, workers=workers, claim_name="runs", **more)
    return mpi_job_spec(job)


def pod(spec: dict[str, Any], role: str) -> dict[str, Any]:
    found: dict[str, Any] = spec["mpiReplicaSpecs"][role]["template"]["spec"]
    return found


def test_a_job_owns_its_configuration_its_account_and_itself() -> None:
    args = MpiJobArgs(stack="onprem", namespace="burst", run=RUN, image=IMAGE, workers=WORKERS, claim_name="runs")
    registered = registered_by(lambda: MpiJob("train", args))
    assert set(registered) - {STACK} == {
        "hepburst:kubernetes:MpiJob train",
        "kubernetes:core/v1:ServiceAccount trainer",
        "kubernetes:core/v1:ConfigMap run",
        "kubernetes:kubeflow.org/v2beta1:MPIJob train",
    }
    run = with_image(RUN, IMAGE)
    config = registered["kubernetes:core/v1:ConfigMap run"].inputs
    job = registered["kubernetes:kubeflow.org/v2beta1:MPIJob train"].inputs
    assert config["immutable"] is True
    assert RunConfig.from_dict(json.loads(config["data"]["run.json"])) == run
    assert config["metadata"]["name"] == job["metadata"]["name"] == f"train-{run.run_id()}"
    assert job["metadata"]["labels"]["hepburst.io/run-id"] == run.run_id()
    assert job["spec"]["mpiReplicaSpecs"]["Worker"]["replicas"] == 2


def test_another_image_is_another_run() -> None:
    other = with_image(RUN, IMAGE.replace("1f", "2e"))
    assert other.run_id() != with_image(RUN, IMAGE).run_id()


@pytest.mark.parametrize(
    ("layout", "num_workers", "slots"),
    [
        (((16, 8),), 16, 8),
        (((32, 4),), 32, 4),
        (((64, 2),), 64, 2),
        (((128, 1),), 128, 1),
        (((8, 8), (16, 4)), 32, 4),
        (((15, 8), (1, 4), (2, 2)), 64, 2),
    ],
)
def test_128_gpus_become_equal_workers(layout: tuple[tuple[int, int], ...], num_workers: int, slots: int) -> None:
    spec = manifest(replace(GPUS, groups=groups(*layout)))
    worker = spec["mpiReplicaSpecs"]["Worker"]
    limits = pod(spec, "Worker")["containers"][0]["resources"]["limits"]
    assert (worker["replicas"], spec["slotsPerWorker"], limits["nvidia.com/gpu"]) == (num_workers, slots, str(slots))
    assert worker["replicas"] * spec["slotsPerWorker"] == 128


def test_every_pod_is_what_the_restricted_standard_admits() -> None:
    for role in ("Launcher", "Worker"):
        found = pod(manifest(), role)
        (container,) = found["containers"]
        assert found["securityContext"]["runAsNonRoot"] is True
        assert found["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
        assert container["securityContext"]["allowPrivilegeEscalation"] is False
        assert found["automountServiceAccountToken"] is False


def test_ranks_have_time_for_a_checkpoint_before_the_launcher_is_killed() -> None:
    launcher = pod(manifest(), "Launcher")
    command = launcher["containers"][0]["command"]
    assert int(command[command.index("--grace-seconds") + 1]) + 10 <= launcher["terminationGracePeriodSeconds"]


def test_data_in_an_object_store_are_fetched_once_for_all_pods() -> None:
    assert "HEPBURST_DATA_CACHE" not in environment(RUN)
    stored = replace(RUN, data_path="s3://bucket/data.h5")
    assert environment(stored)["HEPBURST_DATA_CACHE"].startswith("/mnt/hepburst/")
    name = "store"
    (launcher,) = pod(manifest(data_secret=name), "Launcher")["containers"]
    assert launcher["envFrom"] == [{"secretRef": {"name": name}}]


def test_the_image_is_named_by_its_digest() -> None:
    assert {pod(manifest(), role)["containers"][0]["image"] for role in ("Launcher", "Worker")} == {IMAGE}


def test_a_static_job_starts_when_all_workers_are_ready_and_an_elastic_one_at_once() -> None:
    static, elastic = manifest(), manifest(replace(WORKERS, min_ranks=1))
    assert static["launcherCreationPolicy"] == "WaitForWorkersReady"
    assert elastic["launcherCreationPolicy"] == "AtStartup"
    assert pod(elastic, "Launcher")["containers"][0]["command"][-3:] == ["--elastic", "--min-ranks", "1"]
    assert "--elastic" not in pod(static, "Launcher")["containers"][0]["command"]


def test_cpus_are_asked_for_and_not_limited_and_memory_is_both() -> None:
    resources = pod(manifest(), "Worker")["containers"][0]["resources"]
    assert resources == {"requests": {"cpu": "900m"}, "limits": {"memory": "3Gi"}}


def test_gpu_workers_put_up_with_the_taint_of_gpu_nodes() -> None:
    tolerations = pod(manifest(replace(GPUS, tolerations=(Toleration(key="dedicated", value="ml"),))), "Worker")["tolerations"]
    assert {"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"} in tolerations
    assert {"key": "dedicated", "operator": "Equal", "value": "ml"} in tolerations
    assert "tolerations" not in pod(manifest(), "Worker")


def test_workers_go_to_nodes_of_any_of_their_groups() -> None:
    named = tuple(
        replace(group, node_labels=(("pool", name),)) for name, group in zip("ab", groups((8, 8), (16, 4)), strict=True)
    )
    found = affinity(replace(GPUS, groups=named))
    assert found is not None
    terms = found["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]["nodeSelectorTerms"]
    assert [term["matchExpressions"][0]["values"] for term in terms] == [["a"], ["b"]]
    assert affinity(replace(GPUS, groups=(named[0], groups((1, 4))[0]))) is None, "a group of any nodes takes any"


def test_a_pull_secret_reaches_the_pods() -> None:
    name = "registry"
    assert pod(manifest(pull_secret=name), "Launcher")["imagePullSecrets"] == [{"name": name}]
    assert "imagePullSecrets" not in pod(manifest(), "Launcher")


def test_a_queue_is_a_label_of_the_job() -> None:
    args = MpiJobArgs(stack="s", namespace="n", run=RUN, image=IMAGE, workers=WORKERS, claim_name="runs", queue="gpus")
    job = registered_by(lambda: MpiJob("train", args))["kubernetes:kubeflow.org/v2beta1:MPIJob train"]
    assert job.inputs["metadata"]["labels"]["kueue.x-k8s.io/queue-name"] == "gpus"


def test_a_namespace_admits_restricted_pods_and_what_the_burst_declares() -> None:
    args = BurstNamespaceArgs(stack="onprem", namespace="hepburst-onprem", workers=WORKERS)
    registered = registered_by(lambda: BurstNamespace("namespace", args))
    assert set(registered) - {STACK} == {
        "hepburst:kubernetes:BurstNamespace namespace",
        "kubernetes:core/v1:Namespace namespace",
        "kubernetes:core/v1:ResourceQuota quota",
    }
    labels = registered["kubernetes:core/v1:Namespace namespace"].inputs["metadata"]["labels"]
    assert labels["pod-security.kubernetes.io/enforce"] == "restricted"
    hard = registered["kubernetes:core/v1:ResourceQuota quota"].inputs["spec"]["hard"]
    assert hard == quota(WORKERS) == {"pods": "5", "requests.cpu": "3", "limits.memory": "9Gi"}


@pytest.mark.parametrize(
    ("volume", "made"),
    [
        (NewVolume(size_gib=2, storage_class="fast"), {"kubernetes:core/v1:PersistentVolumeClaim volume"}),
        (ExistingClaim(name="data"), set()),
        (
            NfsExport(server="nfs.example.org", path="/hep"),
            {"kubernetes:core/v1:PersistentVolume volume", "kubernetes:core/v1:PersistentVolumeClaim volume"},
        ),
    ],
    ids=["new", "there", "NFS"],
)
def test_a_volume_owns_what_it_makes_alone(volume: NewVolume | ExistingClaim | NfsExport, made: set[str]) -> None:
    args = RunVolumeArgs(stack="onprem", namespace="burst", volume=volume)
    registered = registered_by(lambda: RunVolume("volume", args))
    assert set(registered) - {STACK, "hepburst:kubernetes:RunVolume volume"} == made
    for name in made:
        assert registered[name].inputs["spec"]["accessModes"] == ["ReadWriteMany"]


def test_a_bucket_is_a_volume_of_this_claim_alone_and_stays() -> None:
    args = RunVolumeArgs(stack="gke", namespace="burst", volume=BUCKET, bucket="my-bucket")
    registered = registered_by(lambda: RunVolume("volume", args))
    volume = registered["kubernetes:core/v1:PersistentVolume volume"].inputs
    assert volume["metadata"]["name"] == "hepburst-gke-runs"
    spec = volume["spec"]
    assert spec["csi"] == {"driver": "gcsfuse.csi.storage.gke.io", "volumeHandle": "my-bucket"}
    assert "file-cache:max-size-mb:20480" in spec["mountOptions"]
    assert not any("file-cache" in option for option in mount_options(BucketVolume(folder="gke", cache_gib=0)))
    assert "storageClassName" not in spec, "the API forgets an empty one, which would then differ at each up"
    assert {"implicit-dirs", "only-dir=gke", "uid=1000", "gid=1000"} <= set(spec["mountOptions"])
    assert spec["claimRef"] == {"namespace": "burst", "name": "runs"}
    assert spec["persistentVolumeReclaimPolicy"] == "Retain"
    claim = registered["kubernetes:core/v1:PersistentVolumeClaim volume"].inputs
    assert (claim["metadata"]["name"], claim["spec"]["volumeName"]) == ("runs", "hepburst-gke-runs")


def test_every_pod_of_a_job_with_a_bucket_asks_for_the_container_that_mounts_it() -> None:
    spec = manifest(fuse_sidecar=fuse_sidecar(BUCKET))
    for role in ("Launcher", "Worker"):
        annotations = spec["mpiReplicaSpecs"][role]["template"]["metadata"]["annotations"]
        assert annotations["gke-gcsfuse/volumes"] == "true"
        assert annotations["gke-gcsfuse/ephemeral-storage-limit"] == "25Gi", "the cache and a buffer"
    assert "annotations" not in manifest()["mpiReplicaSpecs"]["Worker"]["template"]["metadata"]
    assert fuse_sidecar(ExistingClaim(name="data")) is None


def test_the_quota_has_room_for_what_mounts_the_bucket_in_every_pod() -> None:
    num_pods = int(quota(WORKERS)["pods"])
    with_bucket = quota(WORKERS, FuseSidecar())
    assert with_bucket["requests.cpu"] == f"{3000 + round(1000 * num_pods * FUSE_CPUS)}m"
    assert with_bucket["limits.memory"] == f"{round((9 + num_pods * FUSE_MEMORY_GIB) * 1024)}Mi"
    args = BurstNamespaceArgs(stack="gke", namespace="burst", workers=WORKERS, fuse_sidecar=FuseSidecar())
    found = registered_by(lambda: BurstNamespace("namespace", args))["kubernetes:core/v1:ResourceQuota quota"]
    assert found.inputs["spec"]["hard"] == with_bucket


def test_on_rented_nodes_the_launcher_is_there_from_the_start_and_has_a_clock_and_a_token_of_its_own() -> None:
    spec = manifest(RENTED)
    assert spec["launcherCreationPolicy"] == "AtStartup"
    launcher, worker = pod(spec, "Launcher"), pod(spec, "Worker")
    command = launcher["containers"][0]["command"]
    assert command[command.index("--gang-seconds") + 1] == "1800"
    assert command[command.index("--job") + 1] == "$(JOB_UID)"
    (variable,) = (each for each in launcher["containers"][0]["env"] if each["name"] == "JOB_UID")
    assert "controller-uid" in variable["valueFrom"]["fieldRef"]["fieldPath"]
    assert "api-token" in {volume["name"] for volume in launcher["volumes"]}
    assert "api-token" not in {volume["name"] for volume in worker["volumes"]}
    assert worker["automountServiceAccountToken"] is False


def test_a_job_in_a_cluster_of_ones_own_is_as_before() -> None:
    spec = manifest()
    assert "--gang-seconds" not in pod(spec, "Launcher")["containers"][0]["command"]
    assert "api-token" not in {volume["name"] for volume in pod(spec, "Launcher")["volumes"]}


def test_the_launcher_on_rented_nodes_may_see_and_delete_its_own_workers_and_end_its_own_tries() -> None:
    args = MpiJobArgs(stack="gke", namespace="burst", run=RUN, image=IMAGE, workers=RENTED, claim_name="runs")
    registered = registered_by(lambda: MpiJob("train", args))
    name = f"train-{with_image(RUN, IMAGE).run_id()}"
    assert registered["kubernetes:rbac.authorization.k8s.io/v1:Role launcher"].inputs["rules"] == [
        {
            "apiGroups": [""],
            "resources": ["pods"],
            "resourceNames": [f"{name}-worker-0", f"{name}-worker-1"],
            "verbs": ["get", "delete"],
        },
        {"apiGroups": ["batch"], "resources": ["jobs"], "resourceNames": [f"{name}-launcher"], "verbs": ["patch"]},
    ]
    binding = registered["kubernetes:rbac.authorization.k8s.io/v1:RoleBinding launcher"].inputs
    assert binding["subjects"] == [{"kind": "ServiceAccount", "name": "trainer", "namespace": "burst"}]


def test_pods_act_as_a_cloud_account_where_there_is_one() -> None:
    args = MpiJobArgs(stack="gke", namespace="burst", run=RUN, image=IMAGE, workers=WORKERS, claim_name="runs")
    account = "kubernetes:core/v1:ServiceAccount trainer"
    acting = replace(args, cloud_account="trainer@project.iam.gserviceaccount.com")
    metadata = registered_by(lambda: MpiJob("train", acting))[account].inputs["metadata"]
    assert metadata["annotations"] == {"iam.gke.io/gcp-service-account": "trainer@project.iam.gserviceaccount.com"}
    assert "annotations" not in registered_by(lambda: MpiJob("train", args))[account].inputs["metadata"]


def test_the_operator_is_declared_whole_and_takes_over_what_is_there() -> None:
    registered = registered_by(lambda: MpiOperator("mpi-operator"))
    ours = {name: found for name, found in registered.items() if name.startswith("kubernetes:")}
    assert {name.split(":")[2] for name in ours} == {
        "CustomResourceDefinition mpi-operator-kind",
        "Namespace mpi-operator",
        "ServiceAccount mpi-operator",
        "ClusterRole mpi-operator",
        "ClusterRoleBinding mpi-operator",
        "Role mpi-operator-lease",
        "RoleBinding mpi-operator-lease",
        "Deployment mpi-operator",
    }
    for found in ours.values():
        assert found.inputs["metadata"]["annotations"]["pulumi.com/patchForce"] == "true"
    kind = ours["kubernetes:apiextensions.k8s.io/v1:CustomResourceDefinition mpi-operator-kind"].inputs
    assert kind["metadata"]["name"] == "mpijobs.kubeflow.org"
    assert kind["spec"]["versions"][0]["subresources"] == {"status": {}}
    role = ours["kubernetes:rbac.authorization.k8s.io/v1:ClusterRole mpi-operator"].inputs
    assert not any("*" in (*rule["verbs"], *rule["resources"]) for rule in role["rules"])
