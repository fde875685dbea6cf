from __future__ import annotations

import gzip
import json
import os
from pathlib import Path
from typing import Any

import pytest

from engine.locks import locks
from engine.recovery import recover, refuse_if_held, without_unfinished
from tests.engine.conftest import MakeProgram
from tests.engine.lock_files import take
from trainer.refusal import Refusal


def test_a_held_lock_is_refused_with_the_process_to_wait_for(tmp_path: Path) -> None:
    take(tmp_path, os.getpid())
    with pytest.raises(Refusal, match=f"being changed by process {os.getpid()}.*wait for it"):
        recover("local", {"PULUMI_BACKEND_URL": tmp_path.as_uri()})


def test_a_lock_of_another_machine_is_refused_for_it_cannot_be_judged(tmp_path: Path) -> None:
    take(tmp_path, 1, host="elsewhere")
    with pytest.raises(Refusal, match=r"on elsewhere.*pulumi cancel --yes -s local"):
        refuse_if_held(locks(tmp_path, "hepburst", "local")[0], "local")


def test_locks_of_other_backends_are_left_to_the_engine() -> None:
    recover("local", {"PULUMI_BACKEND_URL": "s3://bucket"})


def state(*pending: dict[str, Any]) -> dict[str, Any]:
    return {"version": 3, "deployment": {"resources": [{"urn": "kept"}], "pending_operations": list(pending)}}


def test_unfinished_work_here_and_in_a_cluster_is_forgotten_and_that_on_clouds_kept() -> None:
    job = {"type": "creating", "resource": {"type": "kubernetes:kubeflow.org/v2beta1:MPIJob"}}
    run = {"type": "creating", "resource": {"type": "hepburst:local:Run"}}
    longer = {"type": "updating", "resource": {"type": "hepburst:local:Run"}}
    cluster = {"type": "creating", "resource": {"type": "gcp:container/cluster:Cluster"}}
    assert without_unfinished(state(run, job, longer, cluster)) == state(cluster)


def test_a_state_without_pending_operations_keeps_its_resources() -> None:
    assert without_unfinished({"deployment": {"resources": []}})["deployment"]["resources"] == []


@pytest.mark.parametrize("is_compressed", [False, True])
def test_unfinished_work_is_found_in_a_plain_and_in_a_compressed_state(
    tmp_path: Path, program: MakeProgram, is_compressed: bool
) -> None:
    exported = json.dumps(state({"type": "creating", "resource": {"type": "hepburst:local:Run"}}))
    stacks = tmp_path / "state" / ".pulumi" / "stacks" / "hepburst"
    stacks.mkdir(parents=True)
    if is_compressed:
        (stacks / "local.json.gz").write_bytes(gzip.compress(exported.encode()))
    else:
        (stacks / "local.json").write_text(exported)
    pulumi = program("pulumi", f"case $2 in export) echo '{exported}';; import) cat > \"$0.imported\";; esac")
    path = f"{pulumi.parent}:{os.environ['PATH']}"
    recover("local", {"PATH": path, "PULUMI_BACKEND_URL": (tmp_path / "state").as_uri()})
    assert json.loads(pulumi.with_name("pulumi.imported").read_text()) == state()
