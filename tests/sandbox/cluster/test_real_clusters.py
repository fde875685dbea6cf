"""Clusters that really run: the light one, and the full one where this machine can hold it."""

from __future__ import annotations

import os
import platform
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from engine.places import PROJECT
from sandbox.cluster import machine_settings, namespace, node, teardown, up_down
from sandbox.cluster.api import Api, condition, wait_for
from sandbox.cluster.control_plane import API_SERVER, SCHEDULER
from sandbox.cluster.full import FullCluster
from sandbox.cluster.light import LightCluster
from sandbox.cluster.simulated_nodes import GROUP_LABEL, NodeGroup

pytestmark = pytest.mark.cluster

SYSTEM_NAMESPACES = {"default", "kube-system", "kube-public", "kube-node-lease", "mpi-operator", "kueue-system"}


def mounts() -> set[str]:
    """Mount points, but those of other containers and network namespaces, which come and go."""
    points = {line.split()[1] for line in Path("/proc/self/mounts").read_text().splitlines()}
    ours = (str(namespace.FILE), f"{namespace.FILE.parent}/cni-")
    return {
        point
        for point in points
        if "/containers/" not in point and (not point.startswith(str(namespace.FILE.parent)) or point.startswith(ours))
    }


def test_light_clusters_run_side_by_side_and_leave_nothing(tmp_path: Path) -> None:
    before = mounts()
    first = LightCluster(tmp_path / "one", groups=[NodeGroup.read("3x8")], with_mpi_operator=True, with_kueue=True)
    with first, LightCluster(tmp_path / "two", groups=[NodeGroup.read("2x4")], with_mpi_operator=True) as second:
        nodes = [item["metadata"]["labels"][GROUP_LABEL] for item in first.api.items("/api/v1/nodes")]
        assert nodes == ["3x8"] * 3
        assert len(second.api.items("/api/v1/nodes")) == 2
        began = time.monotonic()
        first.up()
        assert time.monotonic() - began < 3
    assert list(tmp_path.iterdir()) == []
    assert list(first.processes.marked()) == []
    assert list(second.processes.marked()) == []
    assert mounts() == before


def test_groups_of_simulated_nodes_take_what_they_have_and_no_more(tmp_path: Path) -> None:
    groups = [NodeGroup.read("2x8", is_tainted=True), NodeGroup.read("1x4")]
    with LightCluster(tmp_path / "cluster", groups=groups) as cluster:
        for index, (gpus, tolerates) in enumerate([("4", False), ("8", True), ("8", True), ("8", True)]):
            make_pod(cluster.api, f"pod-{index}", gpus=gpus, tolerates=tolerates)
        wait_for("three pods", lambda: len(scheduled(cluster.api)) == 3, seconds=30)
        time.sleep(1)
        where = scheduled(cluster.api)
        assert where["pod-0"] == "1x4-0"
        assert {where[name] for name in where if name != "pod-0"} == {"2x8-0", "2x8-1"}


def make_pod(api: Api, name: str, *, gpus: str, tolerates: bool) -> None:
    wait_for(
        "the default service account",
        lambda: api.get("/api/v1/namespaces/default/serviceaccounts/default") is not None,
        seconds=30,
    )
    container = {"name": "main", "image": "none", "resources": {"limits": {"nvidia.com/gpu": gpus}}}
    tolerations = [{"key": "nvidia.com/gpu", "operator": "Exists"}] if tolerates else []
    spec = {"containers": [container], "tolerations": tolerations}
    api.apply({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": "default"}, "spec": spec})


def scheduled(api: Api) -> dict[str, str]:
    pods = api.items("/api/v1/namespaces/default/pods")
    return {pod["metadata"]["name"]: pod["spec"]["nodeName"] for pod in pods if pod["spec"].get("nodeName")}


def test_a_light_cluster_is_taken_away_after_its_maker_was_killed(tmp_path: Path) -> None:
    folder = tmp_path / "cluster"
    command = [sys.executable, "-m", "sandbox.cluster", "up", "--light", "--folder", str(folder)]
    cluster = LightCluster(folder)
    with subprocess.Popen(command, cwd=PROJECT) as maker:
        wait_for("its first process", lambda: len(list(cluster.processes.marked())) > 1, seconds=60)
        maker.send_signal(signal.SIGKILL)
    cluster.down()
    assert list(cluster.processes.marked()) == []
    assert list(tmp_path.iterdir()) == []


@pytest.fixture(scope="module")
def full() -> Iterator[FullCluster]:
    """The full cluster, up; left as it was found."""
    if platform.system() != "Linux" or os.geteuid():
        pytest.skip("the full cluster needs Linux and root")
    cluster = FullCluster()
    was_up = bool(cluster.processes.names())
    up_down.up()
    yield cluster
    if not was_up:
        up_down.down()


def skip_if_used(cluster: FullCluster) -> None:
    found = {item["metadata"]["name"] for item in cluster.api.items("/api/v1/namespaces")} - SYSTEM_NAMESPACES
    if found:
        pytest.skip(f"somebody uses the cluster: {', '.join(sorted(found))}")


def test_a_second_up_starts_nothing_and_is_quick(full: FullCluster, capsys: pytest.CaptureFixture[str]) -> None:
    began = time.monotonic()
    up_down.up()
    assert time.monotonic() - began < 3
    assert "everything ran already" in capsys.readouterr().out
    assert up_down.status() == 0


@pytest.mark.parametrize("name", [SCHEDULER, API_SERVER, node.CONTAINERD, namespace.HOLDER])
def test_up_repairs_what_was_killed(full: FullCluster, name: str) -> None:
    skip_if_used(full)
    identity = full.processes.identity(name)
    assert identity is not None
    os.kill(identity.pid, signal.SIGKILL)
    wait_for("its end", lambda: not identity.is_alive, seconds=10)
    assert up_down.status() == 1
    up_down.up()
    assert up_down.status() == 0
    pod = run_pod(full, "after-the-repair")
    full.api.delete(pod)
    wait_for("the pod's end", lambda: full.api.get(pod) is None, seconds=60)


def test_pods_live_through_an_outage_of_the_api_server(full: FullCluster) -> None:
    skip_if_used(full)
    pod = run_pod(full, "outlives")
    up_down.outage(3)
    again = full.api.get(pod)
    assert again is not None
    assert again["status"]["containerStatuses"][0]["restartCount"] == 0
    full.api.delete(pod + "?gracePeriodSeconds=0")
    wait_for("the pod's end", lambda: full.api.get(pod) is None, seconds=60)


def run_pod(cluster: FullCluster, name: str) -> str:
    """A pod that sleeps in the trainer's image, ready."""
    image = cluster.places.image.read_text().strip()
    container = {"name": "main", "image": image, "command": ["sleep", "600"]}
    manifest = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": "default"}}
    cluster.api.apply({**manifest, "spec": {"containers": [container], "terminationGracePeriodSeconds": 0}})
    path = f"/api/v1/namespaces/default/pods/{name}"
    wait_for(f"pod {name}", lambda: condition(cluster.api.get(path), "Ready") == "True", seconds=60)
    return path


def settings() -> dict[str, str]:
    return {name: machine_settings._path(name).read_text() for name in machine_settings.KUBELET_CHANGES}


def kill_nothing(cluster: FullCluster) -> None:
    pass


def kill_everything(cluster: FullCluster) -> None:
    for name in cluster.processes.names():
        identity = cluster.processes.identity(name)
        if identity:
            os.kill(identity.pid, signal.SIGKILL)


def kill_node(cluster: FullCluster) -> None:
    for name in (namespace.HOLDER, node.CONTAINERD, node.KUBELET):
        identity = cluster.processes.identity(name)
        assert identity is not None
        os.kill(identity.pid, signal.SIGKILL)


@pytest.mark.parametrize("kill", [kill_nothing, kill_node, kill_everything])
def test_down_leaves_nothing_whatever_was_killed_before(full: FullCluster, kill: Callable[[FullCluster], None]) -> None:
    skip_if_used(full)
    up_down.down()
    before, settings_before = mounts(), settings()
    up_down.up()
    run_pod(full, "left-behind")
    kill(full)
    up_down.down()
    assert not teardown.is_there(full)
    assert list(full.processes.marked()) == []
    assert mounts() == before
    assert settings() == settings_before
    assert not any(Path(name).exists() for name in ("/run/containerd", "/var/lib/kubelet", str(namespace.FILE)))
    assert "left-behind" not in subprocess.run(["ip", "-brief", "link"], capture_output=True, text=True, check=True).stdout
    up_down.up()
