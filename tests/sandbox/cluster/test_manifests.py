"""What goes to the API server and into configuration files."""

from __future__ import annotations

import stat
from pathlib import Path
from typing import Any

import pytest
import yaml

from sandbox.cluster import control_plane, full, kubeconfig, operators, storage
from sandbox.cluster.api import Api, Manifest
from sandbox.cluster.control_plane import Addresses
from sandbox.cluster.node import Mounts
from sandbox.cluster.places import Places, modules_digest
from sandbox.cluster.queues import queue_manifests
from sandbox.cluster.simulated_nodes import GROUP_LABEL, NodeGroup
from trainer.refusal import Refusal

CLAIM: Manifest = {
    "metadata": {"name": "data", "namespace": "team", "uid": "1-2"},
    "spec": {
        "storageClassName": "rehearsal",
        "accessModes": ["ReadWriteMany"],
        "resources": {"requests": {"storage": "1Gi"}},
    },
}


class FakeApi(Api):
    """Claims and volumes in memory."""

    def __init__(self, claims: list[Manifest], volumes: list[Manifest]) -> None:
        self.claims, self.volumes, self.deleted = claims, volumes, list[str]()

    def items(self, path: str) -> list[Manifest]:
        return self.volumes if path.endswith("persistentvolumes") else self.claims

    def request(self, method: str, path: str, body: Manifest | None = None, *, kind: str = "") -> Manifest:
        assert method == "POST"
        assert body is not None
        self.volumes.append(body)
        return body

    def delete(self, path: str) -> None:
        self.deleted.append(path)


@pytest.fixture
def as_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.chown", lambda *_: None)


def test_a_claim_gets_a_folder_once_and_loses_it_when_it_is_gone(tmp_path: Path, as_root: None) -> None:
    api = FakeApi([CLAIM], [])
    storage.look(api, tmp_path)
    storage.look(api, tmp_path)
    (volume,) = api.volumes
    folder = tmp_path / "pvc-1-2"
    assert volume["spec"]["hostPath"]["path"] == str(folder)
    assert volume["spec"]["claimRef"]["namespace"] == "team"
    assert volume["spec"]["accessModes"] == ["ReadWriteMany"]
    (folder / "data.h5").write_text("showers")
    api.claims = []
    volume["status"] = {"phase": "Released"}
    storage.look(api, tmp_path)
    assert not folder.exists()
    assert api.deleted == ["/api/v1/persistentvolumes/pvc-1-2"]


@pytest.mark.parametrize("change", [{"storageClassName": "fast"}, {"volumeName": "mine"}])
def test_claims_of_other_classes_or_with_a_volume_are_left_alone(tmp_path: Path, change: dict[str, str]) -> None:
    api = FakeApi([{**CLAIM, "spec": {**CLAIM["spec"], **change}}], [])
    storage.look(api, tmp_path)
    assert api.volumes == []


def test_a_volume_that_points_elsewhere_is_never_removed_from_the_disk(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    volume = storage.volume(CLAIM, tmp_path / "volumes")
    volume["spec"]["hostPath"]["path"] = str(elsewhere)
    volume["status"] = {"phase": "Released"}
    storage.look(FakeApi([], [volume]), tmp_path / "volumes")
    assert elsewhere.exists()


def webhook(path: str) -> dict[str, Any]:
    return {"name": path, "clientConfig": {"service": {"name": "webhook-service", "path": path}}, "failurePolicy": "Fail"}


def test_of_kueues_webhooks_those_for_what_it_manages_are_kept_and_call_a_url() -> None:
    paths = [
        "/mutate-batch-v1-job",
        "/mutate-kubeflow-org-v2beta1-mpijob",
        "/mutate--v1-pod",
        "/validate-kueue-x-k8s-io-v1beta1-q",
    ]
    manifest = {"kind": "W", "metadata": {"name": "w", "labels": {}}, "webhooks": [webhook(path) for path in paths]}
    made = operators.rewritten(manifest, url="https://10.0.0.1:1", authority="CA")
    assert [one["name"] for one in made["webhooks"]] == [paths[0], paths[1], paths[3]]
    assert made["webhooks"][0]["clientConfig"] == {"url": f"https://10.0.0.1:1{paths[0]}", "caBundle": "CA"}
    assert made["metadata"] == {"name": "kueue-w"}


def test_node_groups_are_read_and_their_nodes_carry_group_and_accelerators() -> None:
    nodes = NodeGroup.read("2x8", is_tainted=True).manifests()
    assert [node["metadata"]["name"] for node in nodes] == ["2x8-0", "2x8-1"]
    assert nodes[0]["metadata"]["labels"][GROUP_LABEL] == "2x8"
    assert nodes[0]["status"]["allocatable"]["nvidia.com/gpu"] == "8"
    assert nodes[0]["spec"]["taints"][0]["effect"] == "NoSchedule"
    (plain,) = NodeGroup.read("1x0", is_tainted=True).manifests()
    assert plain["spec"]["taints"] == []
    assert "nvidia.com/gpu" not in plain["status"]["capacity"]


@pytest.mark.parametrize("text", ["16", "0x8", "x8", "16x", "16x8x2", "-1x8"])
def test_a_node_group_that_cannot_be_read_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(Refusal, match="16x8"):
        NodeGroup.read(text)


def test_a_queue_is_a_flavor_a_cluster_queue_and_a_local_one() -> None:
    flavor, shared, local = queue_manifests("q", "team", {"cpu": "4"})
    assert [one["kind"] for one in (flavor, shared, local)] == ["ResourceFlavor", "ClusterQueue", "LocalQueue"]
    assert shared["spec"]["resourceGroups"][0]["flavors"][0]["resources"] == [{"name": "cpu", "nominalQuota": "4"}]
    assert local["metadata"]["namespace"] == "team"


def test_a_kubeconfig_is_its_owners_alone(tmp_path: Path) -> None:
    (tmp_path / "ca.crt").write_text("certificate")
    kubeconfig.write(tmp_path / "kubeconfig", server="https://127.0.0.1:1", authority=tmp_path / "ca.crt", token="t")  # noqa: S106
    assert stat.S_IMODE((tmp_path / "kubeconfig").stat().st_mode) == 0o600
    config = yaml.safe_load((tmp_path / "kubeconfig").read_text())
    assert config["current-context"] == "rehearsal"
    assert [context["name"] for context in config["contexts"]] == ["rehearsal"]


def test_nothing_of_the_control_plane_listens_beyond_loopback_or_the_namespace(tmp_path: Path) -> None:
    light = Addresses(
        api_host="127.0.0.1",
        api_port=1,
        etcd_port=2,
        etcd_peer_port=3,
        users_server="https://127.0.0.1:1",
        has_service_address=False,
    )
    programs = control_plane.programs(Places(folder=tmp_path), light, binaries=tmp_path)
    assert [program.name for program in programs] == ["etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler"]
    words = [word for program in programs for word in program.command]
    assert "--bind-address=127.0.0.1" in words
    assert not any("=0.0.0" in word for word in words)
    assert all(program.memory_mb for program in programs)


def test_containers_see_the_environment_with_horovod_over_its_own(tmp_path: Path) -> None:
    mounts = full.host_environment(tmp_path).as_oci()
    paths = [str(mount["destination"]) for mount in mounts]
    assert paths[1] == f"{paths[0]}/horovod"  # after the folder that it lies in
    assert paths[2].endswith("/trainer")
    assert all("ro" in mount["options"] for mount in mounts)  # type: ignore[operator]
    assert Mounts(sources={}).as_oci() == []


def test_the_binaries_folder_changes_with_any_locked_module(tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    (tmp_path / "one" / "go.mod").write_text("a")
    before = modules_digest(tmp_path)
    (tmp_path / "one" / "notes.txt").write_text("no matter")
    assert modules_digest(tmp_path) == before
    (tmp_path / "one" / "go.sum").write_text("b")
    assert modules_digest(tmp_path) != before
