"""The stand-in of the gcp plugin, driven by the real engine, its clusters real control planes."""

from __future__ import annotations

import datetime
import json
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from sandbox.cloud import meter
from sandbox.cloud.clusters import Clusters
from sandbox.cloud.ledger import By, Op
from sandbox.cluster.api import Api
from tests.sandbox.providers.gcp.rehearsed import POOLS, Rehearsed

pytestmark = pytest.mark.rehearsal
EVENING = datetime.datetime(2026, 11, 24, 19, 0, tzinfo=datetime.UTC)
CLUSTER_ID = "projects/sandbox-tests/locations/us-central1-a/clusters/b"


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Rehearsed]:
    made = Rehearsed(tmp_path / "stack")
    yield made
    made.python("down")


def pools(**changes: Any) -> dict[str, Any]:
    found = json.loads(json.dumps(POOLS))
    found["v100"].update(changes)
    return dict(found)


def until(happens: Callable[[], object], seconds: float = 60) -> None:
    ends = time.monotonic() + seconds
    while not happens():
        assert time.monotonic() < ends
        time.sleep(0.1)


def nodes_of(stack: Rehearsed) -> list[Any]:
    api = Clusters(stack.cloud).api("b")
    return api.items("/api/v1/nodes") if api else []


def through_the_kubeconfig(stack: Rehearsed, endpoint: str) -> str:
    """What the official client sees, who knows no more of the cluster than a burst's stack tells."""
    program = (
        "import sys, yaml; from kubernetes import client, config; from components.gcp.kubeconfig import kubeconfig\n"
        "config.load_kube_config_from_dict(yaml.safe_load(kubeconfig(sys.argv[1], 'b')))\n"
        "print(len(client.CoreV1Api().list_node().items))"
    )
    command = [".venv/bin/python", "-c", program, endpoint]
    return subprocess.run(command, env=stack.env, check=True, capture_output=True, text=True).stdout.strip()


def test_a_base_is_previewed_made_left_changed_replaced_and_removed(stack: Rehearsed) -> None:
    assert "+ 6 to create" in stack.pulumi("preview")
    assert stack.ledger.entries() == []
    assert "sandbox: Network net: made in" in stack.up()
    assert "6 unchanged" in stack.up()
    assert "sandbox-tests" in stack.pulumi("stack", "export")

    stack.want(label="others")
    assert "~ 1 to update" in stack.pulumi("preview")
    stack.up()
    bucket = stack.ledger.resources()["sandbox-results"]
    assert bucket.properties["effectiveLabels"] == {"burst": "test", "goog-pulumi-provisioned": "true", "of": "others"}

    stack.want(bucket="sandbox-others")
    assert "+-2 to replace" in stack.pulumi("preview")
    stack.up()
    assert "sandbox-results" not in stack.ledger.resources()

    stack.want(bucket="Sandbox")
    assert "regex" in stack.pulumi("preview", fails=True)
    stack.want(project="cern-openlab")
    assert "no rehearsal's" in stack.up(fails=True)
    stack.want(bucket="sandbox-others")
    stack.pulumi("destroy", "--yes", "--skip-preview")
    assert stack.ledger.resources() == {}


def test_a_cluster_answers_grows_shrinks_and_ends_at_its_deadline_with_nobody_there(stack: Rehearsed) -> None:
    stack.want(burst=True)
    stack.up()
    endpoint = stack.output("endpoint")
    assert through_the_kubeconfig(stack, endpoint) == "2"
    (first, _) = nodes_of(stack)
    assert first["status"]["allocatable"]["nvidia.com/gpu"] == "8"
    assert first["metadata"]["labels"]["cloud.google.com/gke-accelerator"] == "nvidia-tesla-v100"
    assert first["metadata"]["labels"]["cloud.google.com/gke-spot"] == "true"
    assert first["spec"]["taints"] == [{"key": "nvidia.com/gpu", "value": "present", "effect": "NoSchedule"}]
    assert "unchanged" in stack.up()

    assert "1 left" in stack.python("preempt", "v100", "--nodes", "1")
    assert len(nodes_of(stack)) == 1
    assert "1 -> 2 nodes" in stack.python("settle")
    stack.want(burst=True, pools=pools(node_count=3))
    stack.up()
    assert len(nodes_of(stack)) == 3
    stack.want(burst=True, pools={})
    stack.up()
    assert nodes_of(stack) == []
    stack.want(burst=True)
    stack.up()

    said = stack.python("until", EVENING.isoformat())
    assert "200" in said
    assert Clusters(stack.cloud).names() == []
    left = meter.billing_at(stack.ledger.entries(), EVENING)
    assert {item.partition(":")[0] for item in left} == {"data in the bucket"}
    assert "- 4 deleted" in stack.pulumi("refresh", "--yes", "--skip-preview")
    stack.pulumi("destroy", "--yes", "--skip-preview")


def test_faults_end_as_google_would_have_them_and_the_next_up_goes_on(stack: Rehearsed) -> None:
    stack.want(burst=True)
    stack.fault("*NodePool,create,stockout,1,,", "*NodePool,create,partial,1,1,")
    assert "GCE_STOCKOUT" in stack.up(fails=True)
    assert "only 1 nodes came" in stack.up(fails=True)
    assert len(nodes_of(stack)) == 1
    stack.up()
    assert len(nodes_of(stack)) == 2
    stack.pulumi("destroy", "--yes", "--skip-preview")


def test_a_cluster_half_made_when_the_laptop_went_off_is_deleted_by_its_deadline(stack: Rehearsed) -> None:
    stack.want(burst=True, schedule="3 12 24 11 *")
    engine = subprocess.Popen(
        ["pulumi", "up", "--yes", "--skip-preview", "--non-interactive"],
        cwd=stack.folder,
        env=stack.env,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    with engine:
        until(lambda: CLUSTER_ID in stack.ledger.resources())
        engine.kill()
    said = stack.python("until", EVENING.isoformat())
    assert "400 FAILED_PRECONDITION" in said
    assert f"200: {CLUSTER_ID} is deleted" in said
    assert Clusters(stack.cloud).names() == []
    gone = [entry for entry in stack.ledger.entries() if entry.op is Op.DELETE]
    assert {entry.by for entry in gone} == {By.SCHEDULER}
    left = meter.billing_at(stack.ledger.entries(), EVENING)
    assert {item.partition(":")[0] for item in left} == {"data in the bucket"}


def api_of(stack: Rehearsed) -> Api:
    found = Clusters(stack.cloud).api("b")
    assert found
    return found


def test_a_pool_that_scales_gets_nodes_for_waiting_pods_and_gives_them_back(stack: Rehearsed) -> None:
    scaling = {"autoscaling": {"total_min_node_count": 0, "total_max_node_count": 3}}
    stack.want(burst=True, pools={"v100": {**scaling, "node_config": POOLS["v100"]["node_config"]}})
    stack.up()
    assert nodes_of(stack) == []
    api = api_of(stack)
    until(lambda: api.get("/api/v1/namespaces/default/serviceaccounts/default"))
    taint = {"key": "nvidia.com/gpu", "operator": "Exists"}
    for number in range(2):
        container = {"name": "c", "image": "none", "resources": {"limits": {"nvidia.com/gpu": "8"}, "requests": {"cpu": "40"}}}
        spec = {"containers": [container], "tolerations": [taint]}
        pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": f"w{number}"}, "spec": spec}
        api.request("POST", "/api/v1/namespaces/default/pods", pod)
    assert "0 -> 2 nodes" in stack.python("settle")
    until(lambda: all(one["spec"].get("nodeName") for one in api.items("/api/v1/namespaces/default/pods")))
    assert stack.python("settle") == ""
    for number in range(2):
        api.delete(f"/api/v1/namespaces/default/pods/w{number}?gracePeriodSeconds=0")
    until(lambda: not api.items("/api/v1/namespaces/default/pods"))
    assert "2 -> 0 nodes" in stack.python("settle")
    # An `up` that changes nothing leaves the number to the autoscaler.
    assert "unchanged" in stack.up()
    stack.pulumi("destroy", "--yes", "--skip-preview")
