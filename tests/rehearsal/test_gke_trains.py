"""A burst on the stand-in of Google Cloud whose cluster is the rehearsal cluster: rented in play, trained in earnest."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator

import pytest

from engine.places import REHEARSAL
from sandbox.cloud import clusters, nodes
from sandbox.cluster.api import Api, Manifest
from tests.cluster.onprem import cluster_up
from tests.rehearsal.rehearsed import Rehearsed
from trainer.contract import RunResult

pytestmark = pytest.mark.cluster

BURST = ("-c", "from cli import main; main()")


@pytest.fixture
def stack(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Iterator[Rehearsed]:
    """The stack gke-l4, yet to be deployed, on a node of this machine."""
    if platform.system() != "Linux" or os.geteuid() != 0:
        pytest.skip("the rehearsal cluster needs Linux and root")
    cluster_up()
    monkeypatch.setenv(clusters.FULL, "full")
    copy = Rehearsed(tmp_path_factory.mktemp("trains").resolve())
    (copy.own / REHEARSAL.name).symlink_to(REHEARSAL)
    made = copy.made("gke-l4")
    yield made
    api = Api(REHEARSAL / "kubeconfig")
    api.delete(f"/api/v1/namespaces/hepburst-{made.stack}")  # only where the test failed; else it is gone
    nodes.unmark(api)
    made.cloud("down")


def the_node() -> Manifest:
    (node,) = Api(REHEARSAL / "kubeconfig").items("/api/v1/nodes")
    return node


def test_a_rehearsed_burst_really_trains_and_its_results_come_home(stack: Rehearsed) -> None:
    base, before = stack.there(), the_node()
    stack.up()
    run = stack.output("run")
    assert (run["status"], run["follow"]) == ("accepted", f"burst attach {stack.stack}")
    assert stack.output("cost")["actual"] is None
    (pool,) = [name for name in stack.there("NodePool") if name != "system"]
    node = the_node()
    assert (node["metadata"]["labels"][nodes.POOL_LABEL], node["status"]["capacity"][nodes.GPU]) == (pool, "2")

    stack.python(*BURST, "attach", stack.stack, "--patience", "1")
    (folder,) = stack.run_folders()
    result = RunResult.read(folder / "result.json")
    assert (result.run_id, result.num_ranks, result.num_epochs) == (run["id"], 2, 1)
    assert (folder / result.checkpoint).is_file()
    assert (stack.own / stack.stack / "report.html").is_file()

    said = stack.up()
    for word in ("created", "replaced", "deleted"):
        assert f" {word}\n" not in said.partition("Resources:\n")[2], said
    run, cost = stack.output("run"), stack.output("cost")
    assert (run["status"], run["num_epochs"]) == ("succeeded", 1)
    assert cost["actual"]["hours"]["expected"] > 0
    assert cost["actual"]["items"]["usd"]["nodes with accelerators"]["expected"] > 0
    assert stack.output("report").endswith("report.html")

    stack.pulumi("destroy", "--yes", "--skip-preview")
    assert stack.there() == base
    assert the_node()["metadata"]["labels"] == before["metadata"]["labels"]
    assert nodes.GPU not in the_node()["status"]["capacity"]
