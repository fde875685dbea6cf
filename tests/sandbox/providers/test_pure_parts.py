"""What of the stand-in needs no cluster: names, checks, differences, replacements, conditions, settings, installation."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from pulumi.provider.experimental import provider as api
from pulumi.provider.experimental.property_value import Computed, PropertyValue

from provider.values import UNKNOWN, plain, wrapped_map
from sandbox.providers import install
from sandbox.providers.kubernetes import checking, settings
from sandbox.providers.kubernetes.objects import checkpoint, differences, manifest, pruned, written
from sandbox.providers.kubernetes.readiness import readiness, wishes
from sandbox.providers.kubernetes.replacements import replaces
from trainer.refusal import Refusal

URN = "urn:pulumi:onprem::hepburst::hepburst:kubernetes:BurstNamespace$kubernetes:core/v1:{}::{}"
Values = dict[str, PropertyValue]


def checked(kind: str, new: Mapping[str, Any], old: Values | None = None, namespace: str = "") -> Values:
    request = api.CheckRequest(URN.format(kind, "quota"), old or {}, wrapped_map(new), b"seed")
    return checking.checked(request, namespace)


def test_an_unnamed_object_is_named_once_by_its_resource_and_the_seed() -> None:
    first = checked("ResourceQuota", {"spec": {"hard": {"pods": "3"}}}, namespace="burst")
    metadata = plain(first["metadata"])
    assert metadata["name"].startswith("quota-")
    assert len(metadata["name"]) == len("quota-") + 8
    assert metadata["namespace"] == "burst"
    assert metadata["annotations"] == {"pulumi.com/autonamed": "true"}
    again = api.CheckRequest(URN.format("ResourceQuota", "quota"), first, {}, b"another seed")
    assert plain(checking.checked(again, "burst")["metadata"]) == metadata


def test_a_name_of_the_programs_own_is_kept_and_a_name_not_known_yet_too() -> None:
    assert plain(checked("ConfigMap", {"metadata": {"name": "run"}})["metadata"]) == {"name": "run"}
    unknown = {"metadata": PropertyValue({"name": PropertyValue(Computed())})}
    found = checking.checked(api.CheckRequest(URN.format("ConfigMap", "run"), {}, unknown, b""), "")
    assert plain(found["metadata"]) == {"name": UNKNOWN}


@pytest.mark.parametrize(
    ("kind", "inputs", "words"),
    [
        ("ConfigMap", {"date": {}}, "no property date (did you mean data?)"),
        ("Pod", {"spec": {"containers": [{"name": "a", "img": "b"}]}}, "no property spec.containers[0].img"),
        ("ConfigMap", {"metadata": {"generateName": "run-"}}, "generateName"),
        ("ConfigMap", {"metadata": {"annotations": {"pulumi.com/waitFor": "readiness"}}}, "pulumi.com/waitFor is readiness"),
        ("ConfigMapPatch", {}, "more than the stand-in"),
    ],
)
def test_what_cannot_work_is_refused_before_anything_is_made(kind: str, inputs: dict[str, Any], words: str) -> None:
    with pytest.raises(Refusal) as refusal:
        checked(kind, inputs)
    assert words in str(refusal.value)


def test_a_secret_is_encoded_and_stays_one() -> None:
    inputs = checked("Secret", {"stringData": {"key": "hush"}})
    assert "stringData" not in inputs
    assert inputs["data"].is_secret
    assert plain(inputs["data"]) == {"key": "aHVzaA=="}
    live = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "key"}, "data": {"key": "aHVzaA=="}}
    state = checkpoint(live, inputs, "pulumi-kubernetes-1")
    assert state["data"].is_secret
    assert state["__inputs"].is_secret
    assert not state["metadata"].is_secret


def test_whole_numbers_reach_the_server_as_integers() -> None:
    assert manifest(wrapped_map({"spec": {"replicas": 2, "share": 0.5}, "__inputs": {}})) == {
        "spec": {"replicas": 2, "share": 0.5}
    }


def test_what_the_cluster_adds_is_no_difference() -> None:
    inputs = {"spec": {"hard": {"pods": "3"}}, "list": [{"name": "a"}]}
    live = {"spec": {"hard": {"pods": "3"}, "scopes": []}, "list": [{"name": "a", "protocol": "TCP"}], "status": {}}
    assert list(differences(pruned(live, inputs), inputs)) == []


def test_a_difference_is_named_by_its_path() -> None:
    found = list(differences({"spec": {"args": ["a", "b"]}}, {"spec": {"args": ["a"], "x/y": 1}}))
    assert [(written(path), how) for path, how in found] == [("spec.args[1]", "delete"), ('spec["x/y"]', "add")]


@pytest.mark.parametrize(
    ("api_version", "kind", "path", "is_replacement"),
    [
        ("v1", "ConfigMap", ("data", "run.json"), True),
        ("v1", "ConfigMap", ("metadata", "labels"), False),
        ("v1", "Secret", ("data",), True),
        ("v1", "Namespace", ("metadata", "name"), True),
        ("v1", "ResourceQuota", ("spec", "hard", "pods"), False),
        ("v1", "PersistentVolumeClaim", ("spec", "resources", "requests", "storage"), False),
        ("v1", "PersistentVolumeClaim", ("spec", "storageClassName"), True),
        ("batch/v1", "Job", ("spec", "template", "spec", "containers", 0, "image"), True),
        ("apps/v1", "Deployment", ("spec", "template", "spec", "containers", 0, "image"), False),
        ("rbac.authorization.k8s.io/v1", "RoleBinding", ("roleRef", "name"), True),
        ("kubeflow.org/v2beta1", "MPIJob", ("spec", "slotsPerWorker"), False),
    ],
)
def test_replacements_are_the_official_plugins(
    api_version: str, kind: str, path: tuple[str | int, ...], is_replacement: bool
) -> None:
    assert replaces({"apiVersion": api_version, "kind": kind}, path) == is_replacement


def awaiting(text: str) -> dict[str, Any]:
    return {"metadata": {"annotations": {"pulumi.com/waitFor": text}}}


@pytest.mark.parametrize(
    ("text", "status", "is_ready"),
    [
        ("condition=Created", {}, False),
        ("condition=created", {"conditions": [{"type": "Created", "status": "True"}]}, True),
        ("condition=Failed=False", {"conditions": [{"type": "Failed", "status": "False"}]}, True),
        ("jsonpath={.status.phase}=Running", {"phase": "Pending"}, False),
        ("jsonpath={.status.phase}=Running", {"phase": "Running"}, True),
        ("jsonpath={.status.list[1]}", {"list": ["a"]}, False),
        ('["condition=A", "jsonpath={.status.b}"]', {"conditions": [{"type": "A", "status": "True"}]}, False),
        ('["condition=A", "jsonpath={.status.b}"]', {"conditions": [{"type": "A", "status": "True"}], "b": 1}, True),
    ],
)
def test_a_wish_is_granted_by_the_objects_status(text: str, status: dict[str, Any], is_ready: bool) -> None:
    assert readiness({"kind": "Toy", "status": status}, awaiting(text)).is_ready == is_ready
    assert wishes(awaiting(text))


@pytest.mark.parametrize(
    ("kind", "status", "is_ready", "is_failed"),
    [
        ("v1 Namespace", {"phase": "Active"}, True, False),
        ("v1 PersistentVolumeClaim", {"phase": "Pending"}, False, False),
        ("v1 Pod", {"phase": "Failed"}, False, True),
        ("batch/v1 Job", {"conditions": [{"type": "Failed", "status": "True", "message": "backoff"}]}, False, True),
        ("batch/v1 Job", {"conditions": [{"type": "Complete", "status": "True"}]}, True, False),
        ("apps/v1 Deployment", {"observedGeneration": 2, "updatedReplicas": 1, "readyReplicas": 1}, True, False),
        ("apps/v1 Deployment", {"observedGeneration": 1, "updatedReplicas": 1, "readyReplicas": 1}, False, False),
        ("v1 ConfigMap", {}, True, False),
    ],
)
def test_each_kind_is_ready_in_its_own_way(kind: str, status: dict[str, Any], is_ready: bool, is_failed: bool) -> None:
    version, name = kind.split()
    live = {"apiVersion": version, "kind": name, "metadata": {"generation": 2}, "spec": {}, "status": status}
    found = readiness(live, {})
    assert (found.is_ready, found.is_failed) == (is_ready, is_failed)
    assert readiness(live, {"metadata": {"annotations": {"pulumi.com/skipAwait": "true"}}}).is_ready


def test_a_claim_that_waits_for_its_first_pod_is_not_awaited() -> None:
    claim = {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {}, "status": {"phase": "Pending"}}
    assert readiness(claim, {}, binds_at_once=False).is_ready


def test_settings_come_of_the_program_before_the_environment() -> None:
    found = settings.read({"deleteUnreachable": "false", "context": "rehearsal"}, {"PULUMI_K8S_DELETE_UNREACHABLE": "true"})
    assert not found.deletes_unreachable
    assert found.access.context == "rehearsal"
    assert settings.read({}, {"PULUMI_K8S_DELETE_UNREACHABLE": "true"}).deletes_unreachable


def test_a_setting_that_the_stand_in_cannot_honour_is_refused() -> None:
    with pytest.raises(Refusal, match="renderYamlToDirectory"):
        settings.read({"renderYamlToDirectory": "out"}, {})


def test_an_official_plugin_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    environment = {"PULUMI_HOME": str(tmp_path)}
    monkeypatch.setattr(install, "_engine_environment", lambda _: environment)
    folder = install._plugin_folder(environment, "4.34.2")
    folder.mkdir(parents=True)
    assert install.install({}).endswith("is installed.")
    install.uninstall({})
    assert folder.exists()
    (folder / install.MARKER).touch()
    install.uninstall({})
    assert not folder.exists()


def test_a_users_own_home_is_never_touched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(install, "_engine_environment", lambda _: {"PULUMI_HOME": str(tmp_path)})
    monkeypatch.setattr(install, "_succeeds", lambda *_: False)
    assert "for our own engine only" in install.install({})
    assert list(tmp_path.iterdir()) == []
