"""The stack `onprem` from preview to destroy, as a user drives it. The tests share one stack and follow each other."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from kubernetes import client

from tests.cluster.onprem import Onprem
from trainer.contract import RunResult
from trainer.showers.sample import FIXED

pytestmark = pytest.mark.cluster


@pytest.fixture(scope="module")
def onprem(new_stack: Callable[[str], Onprem]) -> Onprem:
    return new_stack("whole")


def test_a_preview_makes_nothing_and_shows_the_forecast_and_the_run(onprem: Onprem) -> None:
    said = onprem.pulumi("preview")
    assert "kubernetes:kubeflow.org/v2beta1:MPIJob train create" in said
    assert "forecast: {" in said
    assert f"burst attach {onprem.stack}" in said
    with pytest.raises(client.ApiException):
        onprem.core.read_namespace(onprem.namespace)


def test_up_ends_when_the_job_is_accepted_and_attach_brings_the_results_home(onprem: Onprem) -> None:
    onprem.up()
    run = onprem.output("run")
    assert (run["status"], run["follow"]) == ("accepted", f"burst attach {onprem.stack}")
    assert onprem.job()["metadata"]["name"] == f"train-{run['id']}"
    assert onprem.output("cost")["actual"] is None
    onprem.attached()
    (folder,) = onprem.run_folders()
    result = RunResult.read(folder / "result.json")
    assert (result.run_id, result.num_ranks, result.num_epochs) == (run["id"], 2, 1)
    assert (folder / result.checkpoint).is_file()
    assert (onprem.own / onprem.stack / "report.html").is_file()


def test_the_next_up_trains_nothing_and_tells_what_came_home(onprem: Onprem) -> None:
    before = onprem.job()["metadata"]["uid"]
    said = onprem.up()
    assert " to replace" not in said
    assert "unchanged" in said
    assert onprem.job()["metadata"]["uid"] == before
    run, cost = onprem.output("run"), onprem.output("cost")
    assert (run["status"], run["num_epochs"]) == ("succeeded", 1)
    assert cost["actual"]["hours"]["expected"] > 0
    assert onprem.output("report").endswith("report.html")


def test_the_run_is_on_a_volume_and_its_data_too(onprem: Onprem) -> None:
    (claim,) = onprem.core.list_namespaced_persistent_volume_claim(onprem.namespace).items
    volume = onprem.core.read_persistent_volume(claim.spec.volume_name)
    folder = Path(volume.spec.host_path.path)
    assert (folder / "data" / "sample" / "fixed.h5").read_bytes() == FIXED.read_bytes()
    assert [path.name for path in (folder / "runs").iterdir()] == [folder.name for folder in onprem.run_folders()]


def test_two_ranks_in_pods_reach_what_two_ranks_on_this_machine_reach(onprem: Onprem, tmp_path: Path) -> None:
    """Losses and physics to the last digit: same seed, same data, and the sum of two numbers does not depend on their order."""
    (folder,) = onprem.run_folders()
    run = json.loads((folder / "run.json").read_text()) | {"data_path": str(FIXED)}
    (tmp_path / "run.json").write_text(json.dumps(run))
    subprocess.run([sys.executable, "-m", "trainer", str(tmp_path / "run.json")], check=True, capture_output=True)
    here, there = RunResult.read(tmp_path / "result.json"), RunResult.read(folder / "result.json")
    assert there.losses == here.losses
    assert there.physics == here.physics


def test_more_epochs_go_on_from_the_checkpoint(onprem: Onprem) -> None:
    onprem.configure(workload__num_epochs=2)
    assert "replace" in onprem.pulumi("preview")
    onprem.up()
    said = onprem.attached()
    assert "resumed at step 37" in said
    (folder,) = onprem.run_folders()
    assert RunResult.read(folder / "result.json").num_epochs == 2


def test_another_node_for_a_finished_run_trains_nothing(onprem: Onprem) -> None:
    onprem.configure(workload__num_epochs=2, pool__memory_gib_per_rank=2.5)
    onprem.up()
    onprem.attached()
    assert onprem.steps() == []


def test_destroy_leaves_nothing_in_the_cluster_and_what_came_home_stays(onprem: Onprem) -> None:
    (claim,) = onprem.core.list_namespaced_persistent_volume_claim(onprem.namespace).items
    onprem.pulumi("destroy", "--yes", "--skip-preview")
    with pytest.raises(client.ApiException) as gone:
        onprem.core.read_namespace(onprem.namespace)
    assert gone.value.status == 404
    onprem.wait_for(lambda: _is_gone(onprem, claim.spec.volume_name), "end of the volume", seconds=30)
    assert (onprem.own / onprem.stack / "report.html").is_file()


def _is_gone(onprem: Onprem, volume: Any) -> bool:
    try:
        onprem.core.read_persistent_volume(volume)
    except client.ApiException as problem:
        return bool(problem.status == 404)
    return False
