"""What goes wrong on Google Cloud, and how a burst ends or goes on: as docs/stacks/gke.md says."""

from __future__ import annotations

import datetime
from collections.abc import Iterator

import pytest

from sandbox.cloud import meter
from tests.rehearsal.rehearsed import Rehearsed
from tests.rehearsal.test_gke_stacks import BASE_STORAGE, HOUR, settled

pytestmark = pytest.mark.rehearsal

HEADER = "type,op,kind,times,value,where\n"
GPU_POOL = "*nodePool:NodePool,create"
GPU_NODES = "*nodePools/l4*"


@pytest.fixture
def stack(rehearsed: Rehearsed) -> Iterator[Rehearsed]:
    """The stack gke-l4, yet to be deployed; it is gone afterwards, and so are the faults."""
    made = rehearsed.made("gke-l4")
    yield made
    faults(made, "")
    made.pulumi("destroy", "--yes", "--skip-preview")
    made.pulumi("stack", "rm", "--yes", "--preserve-config")


def faults(stack: Rehearsed, rows: str) -> None:
    (stack.ledger.folder / "faults-used").unlink(missing_ok=True)
    (stack.ledger.folder / "faults.csv").write_text(HEADER + rows, encoding="utf-8")


@pytest.mark.parametrize(
    ("kind", "words"), [("quota", "Insufficient regional quota"), ("stockout", "GCE_STOCKOUT")], ids=["quota", "stock-out"]
)
def test_without_capacity_up_fails_in_googles_words_and_the_next_one_goes_on(stack: Rehearsed, kind: str, words: str) -> None:
    faults(stack, f"{GPU_POOL},{kind},1,,{GPU_NODES}\n")
    said = stack.pulumi("up", "--yes", "--skip-preview", fails=True)
    assert words in said
    assert stack.there("Cluster") == [f"hepburst-{stack.stack}"], "what was made stays in the state"
    before = stack.now
    stack.up()
    assert ("create", "NodePool") in stack.done(before)
    assert ("create", "Cluster") not in stack.done(before)
    assert settled(stack) == 2


def test_an_api_that_is_busy_or_away_for_a_moment_is_asked_again(stack: Rehearsed) -> None:
    faults(stack, f"{GPU_POOL},429,1,,{GPU_NODES}\n*cluster:Cluster,create,503,1,,\n")
    stack.up()
    refused = [entry.note for entry in stack.ledger.entries() if entry.op == "refused"]
    assert len(refused) >= 2
    assert settled(stack) == 2


def test_a_group_that_comes_in_part_is_an_error_and_ends_at_the_deadline_though_nobody_comes_back(stack: Rehearsed) -> None:
    stack.configure(pool__groups__0__autoscales=False)
    faults(stack, f"{GPU_POOL},partial,1,1,{GPU_NODES}\n")
    stack.pulumi("up", "--yes", "--skip-preview", fails=True)
    deadline = datetime.datetime.fromisoformat(stack.setting("deadline_utc"))
    running = meter.billing_at(stack.ledger.entries(), deadline - HOUR / 6)
    assert [item for item in running if item.startswith("nodes with accelerators")], "the node that came is billed"
    stack.cloud("until", (deadline + HOUR).isoformat())
    left = meter.billing_at(stack.ledger.entries(), deadline + HOUR)
    assert {item.partition(":")[0] for item in left} == BASE_STORAGE


def test_spot_nodes_that_are_taken_back_are_replaced_and_the_workers_with_them(stack: Rehearsed) -> None:
    stack.configure(pool__groups__0__purchase="spot")
    stack.up()
    assert settled(stack) == 2
    (pool,) = [name for name in stack.there("NodePool") if name != "system"]
    before = {pod["metadata"]["uid"] for pod in stack.pods("worker")}
    assert "1 nodes taken back" in stack.cloud("preempt", pool)
    stack.wait_until(lambda: len(stack.pods("worker")) == 2, seconds=60)
    assert settled(stack) == 2
    assert {pod["metadata"]["uid"] for pod in stack.pods("worker")} != before
