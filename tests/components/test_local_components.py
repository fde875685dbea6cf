from __future__ import annotations

from burst.spec import Dataset, Workload
from components.local.resources import dataset_inputs, run_inputs
from components.local.run import LocalRun, LocalRunArgs
from tests.components.recorder import registered_by
from trainer.contract import RunConfig

RUN = RunConfig(data_path="toy.h5", data_sha256="ab" * 32, num_epochs=3)
DATASET = Dataset(path="toy.h5", sha256="ab" * 32, num_showers=64, image_shape=(25, 25, 25))


def test_a_local_run_owns_a_folder_the_datas_identity_and_the_run() -> None:
    args = LocalRunArgs(workload=Workload(run=RUN, dataset=DATASET), folder=".hepburst/local")
    registered = registered_by(lambda: LocalRun("train", args))
    assert set(registered) - {"pulumi:pulumi:Stack project-stack"} == {
        "hepburst:components:LocalRun train",
        "hepburst:local:Folder folder",
        "hepburst:local:Dataset showers",
        "hepburst:local:Run train",
    }
    assert registered["hepburst:local:Folder folder"].inputs == {"path": ".hepburst/local"}
    assert registered["hepburst:local:Run train"].inputs == run_inputs(RUN, ".hepburst/local")


def test_a_run_is_told_every_value_but_those_of_our_code() -> None:
    inputs = run_inputs(RUN, "folder")
    assert set(RunConfig.__dataclass_fields__) - set(inputs) == {"learning_rate"}, "None is the preset's own"
    assert set(inputs) - set(RunConfig.__dataclass_fields__) == {"folder"}
    assert RunConfig.from_dict({name: value for name, value in inputs.items() if name != "folder"}) == RUN


def test_a_dataset_is_told_by_path_and_digest() -> None:
    assert dataset_inputs(DATASET) == {"path": "toy.h5", "sha256": "ab" * 32, "num_showers": 64, "image_shape": [25, 25, 25]}
