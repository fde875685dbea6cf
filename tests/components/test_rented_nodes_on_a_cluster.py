"""A job on rented nodes, on a real API server, controllers and scheduler: the operator that we install does its work with the
rights that we give it, and the launcher its own with its."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from burst.cluster import BucketVolume, NodeGroup, Workers
from components.kubernetes.fuse import fuse_sidecar
from components.kubernetes.mpi_job import MpiJob, MpiJobArgs, with_image
from components.kubernetes.mpi_operator import MpiOperator
from components.kubernetes.namespace import BurstNamespace, BurstNamespaceArgs
from components.kubernetes.run_volume import RunVolume, RunVolumeArgs
from sandbox.cluster import operators
from sandbox.cluster.api import Api, wait_for
from sandbox.cluster.light import LightCluster
from sandbox.cluster.places import binaries
from sandbox.cluster.simulated_nodes import NodeGroup as Nodes
from tests.components.recorder import registered_by
from trainer.contract import RunConfig
from trainer.pods import mending
from trainer.pods.hosts import Host

pytestmark = pytest.mark.cluster
NAMESPACE = "hepburst-gke"
IMAGE = "registry.example.org/group/trainer@sha256:" + "1f" * 32
RUN = RunConfig(data_path="/mnt/hepburst/data/sample/fixed.h5", data_sha256="ab" * 32, num_epochs=3, num_ranks=4)
WORKERS = Workers(
    groups=(NodeGroup(num_nodes=2, ranks_per_node=2),),
    cpus_per_rank=8,
    memory_gib_per_rank=32,
    accelerator="V100-16GB",
    gang_seconds=600,
)
VOLUME = BucketVolume(folder="gke")
JOB = f"train-{with_image(RUN, IMAGE).run_id()}"
MPI_JOB = f"/apis/kubeflow.org/v2beta1/namespaces/{NAMESPACE}/mpijobs/{JOB}"
PODS = f"/api/v1/namespaces/{NAMESPACE}/pods"
FIRST, SECOND = (f"{JOB}-worker-{index}" for index in (0, 1))
SHUTDOWN = {
    "phase": "Failed",
    "reason": "Terminated",
    "message": "Pod was terminated in response to imminent node shutdown.",
}
"""As the kubelet leaves a pod on a spot machine that is taken back."""
SECONDS = 60.0


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LightCluster]:
    """With GPU nodes alone: the launcher finds no node, so that the simulated kubelet does not let it succeed at once."""
    nodes = Nodes(name="gpus", num_nodes=3, gpus_per_node=2, is_tainted=True)
    with LightCluster(tmp_path_factory.mktemp("light") / "cluster", groups=[nodes], with_mpi_operator=True) as found:
        found.processes.stop(operators.MPI_OPERATOR, seconds=5)
        declare(found.api, lambda: MpiOperator("mpi-operator"))
        start_operator(found, tmp_path_factory.mktemp("operator") / "kubeconfig")
        declare(found.api, lambda: BurstNamespace("namespace", BurstNamespaceArgs(**place(), workers=WORKERS, **sidecar())))
        declare(found.api, lambda: RunVolume("volume", RunVolumeArgs(**place(), volume=VOLUME, bucket="my-bucket")))
        job = MpiJobArgs(**place(), run=RUN, image=IMAGE, workers=WORKERS, claim_name="runs", **sidecar())
        declare(found.api, lambda: MpiJob("train", replace(job, cloud_account="trainer@my-project.iam.gserviceaccount.com")))
        wait_for("the workers", lambda: phases(found.api) == {FIRST: "Running", SECOND: "Running"}, seconds=SECONDS)
        yield found


def place() -> dict[str, Any]:
    return {"stack": "gke", "namespace": NAMESPACE}


def sidecar() -> dict[str, Any]:
    return {"fuse_sidecar": fuse_sidecar(VOLUME)}


def declare(api: Api, program: Callable[[], object]) -> None:
    """Put what a component registers into the cluster, as the API writes it."""
    for resource in registered_by(program).values():
        if resource.typ.startswith("kubernetes:"):
            api.apply({key: value for key, value in resource.inputs.items() if key in KEPT})


KEPT = (
    "apiVersion",
    "kind",
    "metadata",
    "spec",
    "data",
    "immutable",
    "rules",
    "roleRef",
    "subjects",
    "automountServiceAccountToken",
)


def token(api: Api, namespace: str, account: str) -> str:
    request = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {"expirationSeconds": 3600}}
    answer = api.request("POST", f"/api/v1/namespaces/{namespace}/serviceaccounts/{account}/token", request)
    return str(answer["status"]["token"])


def start_operator(cluster: LightCluster, kubeconfig: Path) -> None:
    """The operator as our Deployment would run it: with the token of its own service account, and nobody else's rights."""
    config = yaml.safe_load(cluster.places.inner_kubeconfig.read_text())
    config["users"][0]["user"] = {"token": token(cluster.api, "mpi-operator", "mpi-operator")}
    kubeconfig.write_text(yaml.safe_dump(config))
    server = config["clusters"][0]["cluster"]["server"].removeprefix("https://")
    program = operators.mpi_operator(cluster.places, binaries(), reaches=server)
    command = tuple(word.replace(str(cluster.places.inner_kubeconfig), str(kubeconfig)) for word in program.command)
    cluster.processes.start(replace(program, name="our-operator", command=command))


def phases(api: Api) -> dict[str, str]:
    """Of the workers."""
    found = api.items(PODS)
    return {pod["metadata"]["name"]: pod["status"]["phase"] for pod in found if "-worker-" in pod["metadata"]["name"]}


def set_status(api: Api, pod: str, status: dict[str, Any]) -> None:
    api.request("PATCH", f"{PODS}/{pod}/status", {"status": status}, kind="application/merge-patch+json")


@pytest.fixture
def launcher(cluster: LightCluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[mending.Cluster]:
    """The API as the launcher may use it, from the files and variables that its pod has."""
    config = yaml.safe_load(cluster.kubeconfig.read_text())
    (tmp_path / "token").write_text(token(cluster.api, NAMESPACE, "trainer"))
    authority = config["clusters"][0]["cluster"]["certificate-authority-data"]
    (tmp_path / "ca.crt").write_bytes(base64.b64decode(authority))
    host, _, port = config["clusters"][0]["cluster"]["server"].removeprefix("https://").partition(":")
    monkeypatch.setenv(mending.HOST_VARIABLE, host)
    monkeypatch.setenv(mending.PORT_VARIABLE, port)
    with mending.Cluster(tmp_path) as found:
        yield found


def names(*pods: str) -> list[mending.Names]:
    return [found for pod in pods if (found := mending.Names.of(Host(name=f"{pod}.{JOB}.{NAMESPACE}.svc")))]


def test_the_operator_that_we_install_makes_a_job_with_the_rights_that_we_give_it(cluster: LightCluster) -> None:
    api = cluster.api
    assert api.get(f"/apis/batch/v1/namespaces/{NAMESPACE}/jobs/{JOB}-launcher"), "from the start"
    claim = api.get(f"/api/v1/namespaces/{NAMESPACE}/persistentvolumeclaims/runs")
    assert claim
    assert claim["status"]["phase"] == "Bound"
    said = "\n".join(file.read_text(errors="replace") for file in cluster.places.logs.glob("our-operator*"))
    assert "Leading started" in said
    assert "forbidden" not in said


def test_a_worker_that_ended_with_its_node_is_made_anew_by_the_launcher(
    cluster: LightCluster, launcher: mending.Cluster
) -> None:
    api = cluster.api
    before = api.get(f"{PODS}/{SECOND}")
    assert before
    set_status(api, SECOND, SHUTDOWN)
    (said,) = mending.mend(launcher, names(FIRST, SECOND))
    assert said == f"worker {SECOND} has ended ({SHUTDOWN['message']}); it is made anew"

    def is_new() -> bool:
        pod = api.get(f"{PODS}/{SECOND}")
        return bool(pod and pod["metadata"]["uid"] != before["metadata"]["uid"] and pod["status"]["phase"] == "Running")

    wait_for("another worker of that name", is_new, seconds=SECONDS)
    assert mending.mend(launcher, names(FIRST, SECOND)) == []


def test_the_launcher_may_touch_its_own_workers_alone(cluster: LightCluster, launcher: mending.Cluster) -> None:
    (pod,) = (each["metadata"]["name"] for each in cluster.api.items(PODS) if "-launcher-" in each["metadata"]["name"])
    for method, path in (
        ("GET", PODS),
        ("DELETE", f"{PODS}/{pod}"),
        ("GET", f"/api/v1/namespaces/{NAMESPACE}/secrets"),
        ("GET", MPI_JOB),
        ("GET", "/api/v1/nodes"),
    ):
        assert launcher.ask(method, path)[0] == 403, path


def test_a_gang_that_never_came_gives_its_nodes_back_at_once(
    cluster: LightCluster, launcher: mending.Cluster, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    api = cluster.api
    mending.give_back(tmp_path, [Host(name=f"{FIRST}.{JOB}.{NAMESPACE}.svc")])
    assert capsys.readouterr().err == ""
    (pod,) = (each["metadata"]["name"] for each in api.items(PODS) if "-launcher-" in each["metadata"]["name"])
    set_status(api, pod, {"phase": "Failed"})

    def conditions() -> list[str]:
        found = api.get(MPI_JOB) or {}
        return [each["type"] for each in found["status"]["conditions"] if each["status"] == "True"]

    wait_for("the job's failure", lambda: "Failed" in conditions(), seconds=SECONDS)
    wait_for("the workers' end", lambda: phases(api) == {}, seconds=SECONDS)
