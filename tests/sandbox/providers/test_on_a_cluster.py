"""The stand-in, driven by the real engine, on a real API server."""

from __future__ import annotations

import os
import re
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from sandbox.cluster.light import LightCluster
from tests.sandbox.providers.rehearsal import LATE_CLASS, MARK, TOY, TOYS, Stack, engine_environment, set_toy_running

pytestmark = pytest.mark.cluster
CORE = "/api/v1/namespaces/burst"


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LightCluster]:
    with LightCluster(tmp_path_factory.mktemp("light") / "cluster") as found:
        for manifest in (MARK, LATE_CLASS, TOYS):
            found.api.apply(manifest)
        yield found


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return engine_environment(tmp_path_factory.mktemp("engine"))


@pytest.fixture(scope="module")
def standing(tmp_path_factory: pytest.TempPathFactory, cluster: LightCluster, environment: dict[str, str]) -> Iterator[Stack]:
    made = Stack(tmp_path_factory.mktemp("standing") / "stack", environment, cluster.kubeconfig)
    yield made
    made.pulumi("destroy", "--yes", "--skip-preview")
    assert cluster.api.get(CORE) is None


@pytest.fixture
def stack(standing: Stack) -> Stack:
    """One that all tests of it find as they need it: its defaults deployed."""
    standing.want()
    standing.up()
    return standing


@pytest.fixture
def fresh(standing: Stack, tmp_path: Path, cluster: LightCluster, environment: dict[str, str]) -> Iterator[Stack]:
    """One that is not deployed yet, and no other is."""
    standing.pulumi("destroy", "--yes", "--skip-preview")
    made = Stack(tmp_path / "stack", environment, cluster.kubeconfig)
    yield made
    made.pulumi("destroy", "--yes", "--skip-preview")
    assert cluster.api.get(CORE) is None


def until(happens: Callable[[], object], seconds: float = 30) -> None:
    ends = time.monotonic() + seconds
    while not happens():
        assert time.monotonic() < ends
        time.sleep(0.1)


def test_a_stack_is_previewed_made_left_and_changed(standing: Stack, cluster: LightCluster) -> None:
    api = cluster.api
    assert "+ 9 to create" in standing.pulumi("preview")  # the stack, the provider, seven objects
    assert api.get(CORE) is None

    standing.up()
    quota = standing.output("quota")
    found = api.get(f"{CORE}/resourcequotas/{quota}")
    assert found
    assert found["spec"]["hard"] == {"pods": "3"}
    assert found["metadata"]["annotations"] == {"pulumi.com/autonamed": "true"}
    managers = [(one["manager"][:17], one["operation"]) for one in found["metadata"]["managedFields"]]
    assert ("pulumi-kubernetes", "Apply") in managers
    secret = api.get(f"{CORE}/secrets/key")
    assert secret
    assert secret["data"] == {"key": "aHVzaA=="}
    assert "aHVzaA" not in standing.state()
    assert "hush" not in standing.state()

    assert "9 unchanged" in standing.up()

    standing.want(pods=4, verbs=["get", "list"], team="blue")
    assert "~ 4 to update" in standing.pulumi("preview")
    standing.up()
    assert standing.output("quota") == quota
    found = api.get(f"{CORE}/resourcequotas/{quota}")
    assert found
    assert found["spec"]["hard"] == {"pods": "4"}


def test_an_immutable_configuration_is_replaced_under_its_own_name(stack: Stack, cluster: LightCluster) -> None:
    before = cluster.api.get(f"{CORE}/configmaps/run")
    stack.want(run='{"seed": 2}')
    assert "1 to replace" in stack.pulumi("preview")
    stack.up()
    after = cluster.api.get(f"{CORE}/configmaps/run")
    assert before
    assert after
    assert after["data"] == {"run.json": '{"seed": 2}'}
    assert after["metadata"]["uid"] != before["metadata"]["uid"]


def test_what_others_deleted_or_changed_is_seen_by_a_refresh_and_mended(stack: Stack, cluster: LightCluster) -> None:
    api = cluster.api
    quota = f"{CORE}/resourcequotas/{stack.output('quota')}"
    api.delete(f"{CORE}/configmaps/run")
    api.request("PATCH", quota, {"spec": {"hard": {"pods": "9"}}}, kind="application/merge-patch+json")
    assert "- 1 deleted" in stack.pulumi("refresh", "--yes", "--skip-preview")
    assert "pulumi.com/patchForce" in stack.up(fails=True)  # the field is another manager's now
    assert api.get(f"{CORE}/configmaps/run")
    api.request("PATCH", quota, {"spec": {"hard": {"pods": "3"}}}, kind="application/merge-patch+json")
    stack.up()


def test_two_managers_share_an_object(stack: Stack, cluster: LightCluster) -> None:
    role = "/apis/rbac.authorization.k8s.io/v1/namespaces/burst/roles/reader"
    found = cluster.api.get(role)
    assert found
    labelled = {"apiVersion": found["apiVersion"], "kind": "Role", "metadata": {"name": "reader", "namespace": "burst"}}
    cluster.api.apply({**labelled, "metadata": {**labelled["metadata"], "labels": {"audited": "yes"}}})
    stack.want(verbs=["list"])
    stack.up()
    found = cluster.api.get(role)
    assert found
    assert found["metadata"]["labels"] == {"audited": "yes"}
    assert found["rules"][0]["verbs"] == ["list"]


def test_a_custom_resource_is_awaited_and_one_never_taken_up_is_remembered(stack: Stack, cluster: LightCluster) -> None:
    api = cluster.api
    stack.want(job={"ranks": 2}, patience=2)
    said = stack.up(fails=True)
    assert "waits for condition=Created, jsonpath={.status.phase}=Running after 2 s" in said
    stack.want(job={"ranks": 2}, patience=60)
    with stack.start("up", "--yes", "--skip-preview") as engine:
        until(lambda: "waits for condition" in stack.said())
        assert engine.poll() is None
        set_toy_running(api)
        assert engine.wait(60) == 0, stack.said()
    found = api.get(TOY)
    assert found
    assert found["spec"] == {"ranks": 2}


def test_a_field_that_no_such_object_has_is_refused_by_a_preview(stack: Stack, cluster: LightCluster) -> None:
    stack.want(job={"ranks": 2, "colour": "red"})
    assert "colour" in stack.pulumi("preview", fails=True)
    assert cluster.api.get(TOY) is None


def test_a_cluster_without_the_mark_is_refused(stack: Stack, cluster: LightCluster) -> None:
    cluster.api.delete("/api/v1/namespaces/kube-public/configmaps/hepburst-rehearsal")
    stack.want(pods=7)
    try:
        assert "is not a rehearsal cluster" in stack.pulumi("preview", fails=True)
        assert "official plugin" in stack.up(fails=True)
    finally:
        cluster.api.apply(MARK)
    quota = cluster.api.get(f"{CORE}/resourcequotas/{stack.output('quota')}")
    assert quota
    assert quota["spec"]["hard"] == {"pods": "3"}


def test_an_object_that_is_there_already_is_taken_over_only_if_asked(fresh: Stack, cluster: LightCluster) -> None:
    cluster.api.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "burst"}})
    assert "upsertExistingObjects" in fresh.up(fails=True)
    fresh.want(adopts=True)
    fresh.up()


def test_an_up_that_was_killed_is_ended_by_the_next(fresh: Stack, cluster: LightCluster) -> None:
    fresh.want(job={"ranks": 2}, adopts=True)
    with fresh.start("up", "--yes", "--skip-preview") as engine:
        until(lambda: cluster.api.get(TOY))
        os.kill(engine.pid, signal.SIGKILL)
    fresh.pulumi("cancel", "--yes")
    set_toy_running(cluster.api)
    fresh.pulumi("refresh", "--yes", "--skip-preview", "--clear-pending-creates")
    fresh.up()
    assert "10 unchanged" in fresh.up()


def test_without_an_api_server_nothing_is_forgotten_unless_asked(fresh: Stack, cluster: LightCluster) -> None:
    fresh.up()
    text = fresh.kubeconfig.read_text(encoding="utf-8")
    fresh.kubeconfig.write_text(re.sub(r"https://[\d.:]+", "https://127.0.0.1:9", text), encoding="utf-8")
    assert "does not answer" in fresh.pulumi("destroy", "--yes", "--skip-preview", fails=True)
    fresh.env["PULUMI_K8S_DELETE_UNREACHABLE"] = "true"
    fresh.pulumi("destroy", "--yes", "--skip-preview")
    assert cluster.api.get(CORE)
    cluster.api.delete(CORE)
    until(lambda: cluster.api.get(CORE) is None)
