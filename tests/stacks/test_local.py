from __future__ import annotations

from typing import Any

import pulumi
import pytest

from burst.spec import Burst, Dataset, Pool, Target, Workload
from stacks import local
from stacks.settings import EXIT_AFTER_MESSAGE
from tests.components.recorder import registered_by
from trainer.contract import RunConfig, RunResult, RunStatus

RUN = RunConfig(data_path="toy.h5", data_sha256="ab" * 32, num_epochs=3)
DATASET = Dataset(path="toy.h5", sha256="ab" * 32, num_showers=64, image_shape=(25, 25, 25))
BURST = Burst(
    name="local", workload=Workload(run=RUN, dataset=DATASET), pools=(Pool(target=Target.LOCAL, region="gcp/europe-west6"),)
)
RESULT = RunResult(
    run_id="r",
    lineage_id="l",
    status=RunStatus.SUCCEEDED,
    message="",
    num_epochs=3,
    num_steps=15,
    num_ranks=2,
    train_seconds=1.0,
    samples_per_second=100.0,
    segments=(),
    losses={},
    physics={},
    checkpoint="checkpoints/best.pt",
    checkpoint_sha256="00",
    environment={},
).to_dict()


def outputs_of(**run: Any) -> dict[str, Any]:
    """The stack's outputs, where the state has these outputs of the run."""
    found: dict[str, Any] = {}

    def program() -> None:
        local.deploy(BURST)
        pulumi.Output.from_input(exported).apply(found.update)

    exported: dict[str, Any] = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pulumi, "export", exported.__setitem__)
        registered_by(program, {"hepburst:local:Run": run})
    return found


def test_the_outputs_name_the_run_that_the_state_knows() -> None:
    run = outputs_of(run_id="old", run_folder=".hepburst/local/runs/older", result=RESULT)["run"]
    assert run["id"] == "old"
    assert run["results_url"] == ".hepburst/local/runs/older"
    assert run["checkpoint"] == ".hepburst/local/runs/older/checkpoints/best.pt"
    assert ".hepburst/local/runs/older/" in run["follow"]


def test_a_result_of_another_version_is_one_message(caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(SystemExit) as ended:
        outputs_of(run_id="old", run_folder="f", result={**RESULT, "contract_version": 0})
    assert ended.value.code == EXIT_AFTER_MESSAGE
    assert "contract_version 0.0; expected 1" in caplog.text
