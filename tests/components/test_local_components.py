from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

import pulumi
import pytest
from pulumi.runtime import mocks

from burst.spec import Dataset, Workload
from components.local.resources import dataset_inputs, run_inputs
from components.local.run import LocalRun, LocalRunArgs
from trainer.contract import RunConfig

RUN = RunConfig(data_path="toy.h5", data_sha256="ab" * 32, num_epochs=3)
DATASET = Dataset(path="toy.h5", sha256="ab" * 32, num_showers=64, image_shape=(25, 25, 25))


class Recorder(mocks.Mocks):
    """An engine that writes down what is registered and answers with the inputs."""

    def __init__(self) -> None:
        self.registered: dict[str, mocks.MockResourceArgs] = {}

    def new_resource(self, args: mocks.MockResourceArgs) -> tuple[str | None, dict[str, Any]]:
        self.registered[f"{args.typ} {args.name}"] = args
        return f"{args.name}-id", args.inputs

    def call(self, args: mocks.MockCallArgs) -> tuple[dict[str, Any], list[tuple[str, str]] | None]:
        raise AssertionError(f"no function is called: {args.token}")


async def registered_by(program: Callable[[], object]) -> dict[str, mocks.MockResourceArgs]:
    recorder = Recorder()
    mocks.set_mocks(recorder, preview=False)
    try:
        program()
        await pulumi.runtime.stack.wait_for_rpcs()
    finally:
        pulumi.runtime.settings.reset_options()
    return recorder.registered


@pytest.fixture
def loops_closed(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Pulumi's recorder opens an event loop in each of its threads and closes none."""
    opened: list[asyncio.AbstractEventLoop] = []
    new_event_loop = asyncio.new_event_loop

    def kept() -> asyncio.AbstractEventLoop:
        opened.append(new_event_loop())
        return opened[-1]

    monkeypatch.setattr(asyncio, "new_event_loop", kept)
    yield
    for loop in opened:
        loop.close()


@pytest.mark.usefixtures("loops_closed")
def test_a_local_run_owns_a_folder_the_datas_identity_and_the_run() -> None:
    args = LocalRunArgs(workload=Workload(run=RUN, dataset=DATASET), folder=".hepburst/local")
    registered = asyncio.run(registered_by(lambda: LocalRun("train", args)))
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
