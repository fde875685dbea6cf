"""The stacks on GKE from preview to destroy, as a user drives them, on the stand-in of Google Cloud."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Any

import pytest

from sandbox.cloud import meter
from tests.rehearsal.rehearsed import BASE, Rehearsed

pytestmark = pytest.mark.rehearsal

STACKS = ("gke-v100", "gke-a100", "gke-h100", "gke-l4")
OTHER_IMAGE = "us-central1-docker.pkg.dev/sandbox-rehearsal/hepburst/trainer@sha256:" + "7b" * 32
BASE_STORAGE = {"data in the bucket", "image in the registry"}
HOUR = datetime.timedelta(hours=1)


@pytest.fixture(params=STACKS)
def stack(request: pytest.FixtureRequest, rehearsed: Rehearsed) -> Rehearsed:
    """A stack that is yet to be deployed."""
    made = rehearsed.made(request.param)
    made.configure(workload__batch_per_rank=4, workload__num_epochs=2)
    return made


def items(forecast: dict[str, Any]) -> set[str]:
    return set(forecast["items"]["usd"])


def settled(stack: Rehearsed) -> int:
    """The workers, once the autoscaler has done its work; each is on a node of its own."""
    stack.cloud("settle")
    assert len(stack.pods("launcher")) == 1
    workers = stack.pods("worker")
    nodes = [pod["spec"].get("nodeName") for pod in workers]
    assert all(nodes)
    assert len(set(nodes)) == len(nodes)
    return len(workers)


def test_a_burst_from_preview_to_destroy(stack: Rehearsed) -> None:
    num_nodes = stack.setting("pool")["groups"][0]["num_nodes"]
    base, before = stack.there(), stack.now

    said = stack.pulumi("preview")
    assert "usd" in said
    assert "to create" in said
    assert stack.now == before, "a preview makes nothing"

    stack.up()
    done = stack.done(before)
    assert [type_ for op, type_ in done][:2] == ["Job", "Job"], "the deadline comes first"
    assert {op for op, _ in done if op != "update"} == {"create"}  # a cluster tells its address when it is there
    assert settled(stack) == num_nodes
    forecast = stack.output("cost")["forecast"]
    bill = meter.bill(stack.ledger.entries(), stack.ledger.now() + HOUR)
    assert set(bill) <= items(forecast), "everything that is billed is forecast"
    assert f"{num_nodes * stack.setting('pool')['groups'][0]['gpus_per_node']} GPUs" in stack.output("speedup")
    assert "secret" not in stack.output("kubeconfig")

    before = stack.now
    said = stack.up()
    assert "unchanged" in said
    for word in ("created", "updated", "replaced", "deleted"):
        assert f" {word}\n" not in said.partition("Resources:\n")[2], said
    assert stack.now == before, "no change, nothing done"

    stack.configure(pool__groups__0__num_nodes=num_nodes + 1)
    stack.up()
    assert stack.done(before) == [("update", "NodePool")], "a larger group is the same pool"
    assert settled(stack) == num_nodes + 1

    before = stack.now
    stack.configure(pool__groups__0__num_nodes=num_nodes)
    stack.up()
    assert ("update", "NodePool") in stack.done(before)
    assert not {op for op, _ in stack.done(before)} & {"create", "delete"}
    assert settled(stack) == num_nodes

    before, run = stack.now, stack.output("run")["id"]
    stack.configure(image=OTHER_IMAGE)
    stack.up()
    assert stack.output("run")["id"] != run
    assert stack.done(before) == [], "another image is another run in the same cluster"
    assert settled(stack) == num_nodes

    stack.pulumi("destroy", "--yes", "--skip-preview")
    assert stack.there() == base, "the base is kept, and nothing else"
    assert set(meter.billing_at(stack.ledger.entries(), stack.ledger.now() + HOUR)) <= _of_the_base(stack)
    stack.pulumi("stack", "rm", "--yes", "--preserve-config")


def _of_the_base(stack: Rehearsed) -> set[str]:
    """As the meter calls what the base bills: an item, and of which resource."""
    now = meter.billing_at(stack.ledger.entries(), stack.ledger.now() + HOUR)
    return {item for item in now if item.partition(":")[0] in BASE_STORAGE}


def test_with_the_laptop_off_nothing_bills_after_the_deadline_but_base_storage(rehearsed: Rehearsed) -> None:
    stack = rehearsed.made("gke-l4")
    base = set(stack.there())
    stack.up()
    settled(stack)
    deadline = datetime.datetime.fromisoformat(stack.setting("deadline_utc"))
    running = meter.billing_at(stack.ledger.entries(), deadline - datetime.timedelta(minutes=1))
    assert any(item.startswith("nodes with accelerators") for item in running)

    said = stack.cloud("until", (deadline + HOUR).isoformat())
    assert "is deleted" in said
    left = meter.billing_at(stack.ledger.entries(), deadline + HOUR)
    assert {item.partition(":")[0] for item in left} == BASE_STORAGE
    assert stack.there("Cluster") + stack.there("NodePool") + stack.there("RouterNat") == []

    stack.pulumi("destroy", "--yes", "--skip-preview")
    assert set(stack.there()) == base
    stack.pulumi("stack", "rm", "--yes", "--preserve-config")


def test_the_base_is_protected(rehearsed: Rehearsed) -> None:
    before = rehearsed.on(BASE).now
    said = rehearsed.pulumi("destroy", "--yes", "--skip-preview", fails=True)
    assert "protect" in said
    assert rehearsed.now == before


def test_a_real_engine_finds_no_rehearsal_and_a_rehearsal_no_real_stack(rehearsed: Rehearsed, tmp_path: Path) -> None:
    rehearsal = rehearsed.env
    (tmp_path / "state").mkdir()
    try:
        rehearsed.env = {**rehearsal, "PULUMI_BACKEND_URL": (tmp_path / "state").as_uri()}
        assert "no stack named" in rehearsed.on(BASE).pulumi("preview", fails=True)
        rehearsed.pulumi("stack", "init", "gke-l4")
        rehearsed.env = rehearsal
        rehearsed.stack = "gke-l4"
        assert "no stack named" in rehearsed.pulumi("preview", fails=True)
    finally:
        rehearsed.env = rehearsal
