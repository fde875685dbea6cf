"""The stand-in, driven by the real engine, on a real API server."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from sandbox.cluster.api import Api
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


@pytest.fixture
def stack(tmp_path: Path, cluster: LightCluster, environment: dict[str, str]) -> Iterator[Stack]:
    made = Stack(tmp_path / "stack", environment, cluster.kubeconfig)
    yield made
    made.want(kubeconfig=str(cluster.kubeconfig))
    made.pulumi("cancel", "--yes") if list((made.folder / "state").rglob("locks/**/*.json")) else None
    made.pulumi("destroy", "--yes", "--skip-preview")
    assert cluster.api.get(CORE) is None


def until(happens: Callable[[], object], seconds: float = 30) -> None:
    ends = time.monotonic() + seconds
    while not happens():
        assert time.monotonic() < ends
        time.sleep(0.1)


def test_a_stack_is_previewed_made_left_changed_and_destroyed(stack: Stack, cluster: LightCluster) -> None:
    api = cluster.api
    said = stack.pulumi("preview")
    assert "+ 9 to create" in said  # the stack, the provider, seven objects
    assert api.get(CORE) is None

    stack.up()
    quota = stack.output("quota")
    assert quota.startswith("quota-")
    found = api.get(f"{CORE}/resourcequotas/{quota}")
    assert found
    assert found["spec"]["hard"] == {"pods": "3"}
    assert found["metadata"]["annotations"] == {"pulumi.com/autonamed": "true"}
    managers = [(one["manager"][:17], one["operation"]) for one in found["metadata"]["managedFields"]]
    assert ("pulumi-kubernetes", "Apply") in managers
    assert json.loads(json.dumps(api.get(f"{CORE}/secrets/key")))["data"] == {"key": "aHVzaA=="}
    assert "aHVzaA" not in stack.state()
    assert "hush" not in stack.state()

    assert "8 unchanged" in stack.up() or "9 unchanged" in stack.said()

    stack.want(pods=4, verbs=["get", "list"], team="blue")
    assert "~ 4 to update" in stack.pulumi("preview")
    stack.up()
    assert stack.output("quota") == quota
    found = api.get(f"{CORE}/resourcequotas/{quota}")
    assert found
    assert found["spec"]["hard"] == {"pods": "4"}


def test_an_immutable_configuration_is_replaced_under_its_own_name(stack: Stack, cluster: LightCluster) -> None:
    stack.up()
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
    stack.up()
    quota = f"{CORE}/resourcequotas/{stack.output('quota')}"
    api.delete(f"{CORE}/configmaps/run")
    api.request("PATCH", quota, {"spec": {"hard": {"pods": "9"}}}, kind="application/merge-patch+json")
    said = stack.pulumi("refresh", "--yes")
    assert "- 1 deleted" in said
    said = stack.up(fails=True)
    assert "pulumi.com/patchForce" in said  # the field is another manager's now
    assert api.get(f"{CORE}/configmaps/run")
    api.request("PATCH", quota, {"spec": {"hard": {"pods": "3"}}}, kind="application/merge-patch+json")
    stack.up()


def test_two_managers_share_an_object(stack: Stack, cluster: LightCluster) -> None:
    stack.up()
    account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "trainer", "namespace": "burst"}}
    cluster.api.apply({**account, "automountServiceAccountToken": False})
    stack.want(team="blue")
    stack.up()
    found = cluster.api.get(f"{CORE}/serviceaccounts/trainer")
    assert found
    assert found["automountServiceAccountToken"] is False


def test_a_custom_resource_is_awaited(stack: Stack, cluster: LightCluster) -> None:
    api = cluster.api
    stack.want(job={"ranks": 2})
    with stack.start("up", "--yes", "--skip-preview") as engine:
        until(lambda: api.get(TOY))
        time.sleep(1)
        assert engine.poll() is None
        set_toy_running(api)
        assert engine.wait(60) == 0, stack.said()
    found = api.get(TOY)
    assert found
    assert found["spec"] == {"ranks": 2}


def test_a_custom_resource_that_is_never_taken_up_is_remembered_and_taken_up_later(stack: Stack, cluster: LightCluster) -> None:
    stack.want(job={"ranks": 2}, patience=2)
    said = stack.up(fails=True)
    assert "waits for condition=Created" in said
    assert "after 2 s" in said
    helper = threading.Timer(1, set_toy_running, [cluster.api])
    helper.start()
    stack.want(patience=30)
    stack.up()
    helper.join()


def test_a_field_that_no_such_object_has_is_refused_by_a_preview(stack: Stack, cluster: LightCluster) -> None:
    stack.up()
    stack.want(job={"ranks": 2, "colour": "red"})
    assert "colour" in stack.pulumi("preview", fails=True)
    assert cluster.api.get(TOY) is None


def test_an_object_that_is_there_already_is_taken_over_only_if_asked(stack: Stack, cluster: LightCluster) -> None:
    cluster.api.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "burst"}})
    assert "upsertExistingObjects" in stack.up(fails=True)
    stack.want(adopts=True)
    stack.up()


def test_an_up_that_was_killed_is_ended_by_the_next(stack: Stack, cluster: LightCluster) -> None:
    api: Api = cluster.api
    stack.want(job={"ranks": 2}, adopts=True)
    with stack.start("up", "--yes", "--skip-preview") as engine:
        until(lambda: api.get(TOY))
        os.kill(engine.pid, signal.SIGKILL)
    stack.pulumi("cancel", "--yes")
    set_toy_running(api)
    stack.pulumi("refresh", "--yes", "--clear-pending-creates")
    stack.up()
    found = api.get(TOY)
    assert found


def test_a_cluster_without_the_mark_is_refused(stack: Stack, cluster: LightCluster) -> None:
    mark = "/api/v1/namespaces/kube-public/configmaps/hepburst-rehearsal"
    cluster.api.delete(mark)
    try:
        assert "is not a rehearsal cluster" in stack.pulumi("preview", fails=True)
        assert "official plugin" in stack.up(fails=True)
        assert cluster.api.get(CORE) is None
    finally:
        cluster.api.apply(MARK)


def test_without_an_api_server_nothing_is_forgotten_unless_asked(stack: Stack, tmp_path: Path) -> None:
    stack.up()
    text = Path(stack.wanted["kubeconfig"]).read_text(encoding="utf-8")
    server = next(line.split(": ")[1].strip("\"' ,") for line in text.splitlines() if "server" in line)
    dead = tmp_path / "dead"
    dead.write_text(text.replace(server, "https://127.0.0.1:9"), encoding="utf-8")
    stack.want(kubeconfig=str(dead))
    assert "does not answer" in stack.pulumi("destroy", "--yes", "--skip-preview", "--run-program", fails=True)
