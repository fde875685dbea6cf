"""What is lost in a cluster, and how each run ends all the same: as docs/stacks/onprem.md says. One stack a test."""

from __future__ import annotations

import json
import signal
import subprocess
from collections.abc import Callable
from typing import Any

import pytest
from kubernetes import client

from tests.cluster.onprem import OUTAGE, Onprem
from tests.e2e.project import PROJECT

pytestmark = pytest.mark.cluster

STEPS_PER_EPOCH = 37
LONG = {"workload__num_epochs": 4}
NewStack = Callable[[str], Onprem]


def training(new_stack: NewStack, stack: str, **changes: Any) -> Onprem:
    """A stack whose run has a checkpoint behind its first epoch, and more to go."""
    onprem = new_stack(stack)
    onprem.configure(**{**LONG, **changes})
    onprem.up()
    onprem.wait_for(lambda: max(onprem.steps(), default=0) > STEPS_PER_EPOCH, "second epoch")
    return onprem


def resumed(onprem: Onprem) -> list[int]:
    """The steps from which training went on, by the events that came home."""
    (folder,) = onprem.run_folders()
    events = [json.loads(line) for line in (folder / "events.jsonl").read_text().splitlines()]
    assert events[-1]["event"] == "finished"
    assert events[-1]["status"] == "succeeded"
    return [event["resumed_at_step"] for event in events if event.get("resumed_at_step")]


def test_a_static_run_goes_on_from_its_checkpoint_when_a_worker_is_killed(new_stack: NewStack) -> None:
    onprem = training(new_stack, "worker-killed")
    onprem.delete(onprem.pods("worker")[1])
    onprem.attached()
    (step,) = resumed(onprem)
    assert step >= STEPS_PER_EPOCH
    assert step % STEPS_PER_EPOCH == 0


def test_an_elastic_run_goes_on_with_fewer_ranks_when_a_worker_is_killed(new_stack: NewStack) -> None:
    onprem = training(new_stack, "elastic", pool__min_ranks=1, workload__num_epochs=6)
    (launcher,) = onprem.pods("launcher")
    onprem.delete(onprem.pods("worker")[1])
    onprem.attached()
    assert [pod.metadata.name for pod in onprem.pods("launcher")] == [launcher.metadata.name], "the launcher is the same"
    assert resumed(onprem)


def test_a_run_goes_on_from_its_checkpoint_when_the_launcher_is_killed(new_stack: NewStack) -> None:
    onprem = training(new_stack, "launcher-killed")
    onprem.delete(onprem.pods("launcher")[0])
    onprem.attached()
    assert resumed(onprem)


def test_a_run_goes_on_when_its_node_was_drained(new_stack: NewStack) -> None:
    onprem = training(new_stack, "drained")
    (node,) = onprem.core.list_node().items
    onprem.core.patch_node(node.metadata.name, {"spec": {"unschedulable": True}})
    try:
        for pod in onprem.pods("worker") + onprem.pods("launcher"):
            eviction = client.V1Eviction(metadata=client.V1ObjectMeta(name=pod.metadata.name, namespace=onprem.namespace))
            onprem.core.create_namespaced_pod_eviction(pod.metadata.name, onprem.namespace, eviction)
        onprem.wait_for(lambda: all(pod.status.phase == "Pending" for pod in onprem.pods("worker")), "drained workers")
    finally:
        onprem.core.patch_node(node.metadata.name, {"spec": {"unschedulable": False}})
    onprem.attached()
    assert resumed(onprem)


def test_a_digest_that_the_registry_does_not_have_is_told_with_the_remedy(new_stack: NewStack) -> None:
    onprem = new_stack("no-image")
    onprem.configure(image=f"127.0.0.1:15000/hepburst/trainer-on-host-environment@sha256:{'0' * 64}")
    onprem.up()
    with onprem.attach("--timeout", "0.7") as process:
        assert process.wait(180) == 124
    said = onprem.attach_said()
    assert "fails: not found; to mend it: push it" in said
    assert "Traceback" not in said


def test_a_quota_that_is_too_small_is_told_in_the_servers_words(new_stack: NewStack) -> None:
    onprem = new_stack("no-quota")
    metadata = client.V1ObjectMeta(name=onprem.namespace)
    onprem.core.create_namespace(client.V1Namespace(metadata=metadata))
    quota = client.V1ResourceQuota(
        metadata=client.V1ObjectMeta(name="small"), spec=client.V1ResourceQuotaSpec(hard={"pods": "1"})
    )
    onprem.core.create_namespaced_resource_quota(onprem.namespace, quota)
    onprem.configure(cluster__own_namespace=False)
    assert "exceeded quota: small" in onprem.pulumi("up", "--yes", "--skip-preview", fails=True)
    with onprem.attach("--timeout", "0.5") as process:
        assert process.wait(180) == 124
    assert "exceeded quota: small" in onprem.attach_said()


def test_an_api_server_that_is_gone_for_30_seconds_costs_no_event(new_stack: NewStack) -> None:
    onprem = training(new_stack, "outage", workload__num_epochs=6)
    with onprem.attach("--json") as process:
        onprem.wait_for(lambda: '"step"' in onprem.attach_said(), "event")
        subprocess.run([*OUTAGE, "30"], cwd=PROJECT, check=True)
        assert process.wait(240) == 0, onprem.attach_said()
    told = [json.loads(line) for line in onprem.attach_said().splitlines() if line.startswith("{")]
    epochs = [event["epoch"] for event in told if event["event"] == "epoch"]
    assert epochs == list(range(epochs[0], 7))


def test_an_up_that_was_killed_halfway_is_finished_by_the_next(new_stack: NewStack) -> None:
    onprem = new_stack("up-killed")
    process = onprem.start("up", "--yes", "--skip-preview")

    def is_made() -> bool:
        return any(each.metadata.name == onprem.namespace for each in onprem.core.list_namespace().items)

    onprem.wait_for(is_made, "namespace")
    process.send_signal(signal.SIGKILL)
    process.wait()
    onprem.pulumi("cancel", "--yes")
    onprem.pulumi("refresh", "--yes", "--skip-preview", "--clear-pending-creates")
    onprem.up()
    onprem.attached()
    onprem.pulumi("destroy", "--yes", "--skip-preview")


def test_of_two_ups_at_once_the_second_is_refused(new_stack: NewStack) -> None:
    onprem = new_stack("two-ups")
    first = onprem.start("up", "--yes", "--skip-preview")
    locks = onprem.own / "state" / ".pulumi" / "locks"
    onprem.wait_until(lambda: any(locks.rglob("*.json")), first)
    second = onprem.pulumi("up", "--yes", "--skip-preview", fails=True)
    assert "the stack is currently locked" in second
    assert first.wait(120) == 0
    onprem.attached()
