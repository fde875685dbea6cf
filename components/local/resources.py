"""The resource types of our own plugin (`provider/`), as Pulumi classes."""

from __future__ import annotations

from typing import Any

from pulumi import CustomResource, Input, Output, ResourceOptions

from burst.spec import Dataset
from trainer.contract import RunConfig


class Folder(CustomResource):
    """The folder that holds everything a stack makes here; destroying it removes it whole."""

    def __init__(self, name: str, *, path: str, opts: ResourceOptions | None = None) -> None:
        super().__init__("hepburst:local:Folder", name, {"path": path}, opts)


class ShowerData(CustomResource):
    """The showers to train on, known by their digest. They are the user's and stay when this is destroyed."""

    def __init__(self, name: str, *, dataset: Dataset, opts: ResourceOptions | None = None) -> None:
        super().__init__("hepburst:local:Dataset", name, dataset_inputs(dataset), opts)


class Run(CustomResource):
    """One training run. A preview says what a changed setting does to it: nothing, going on, or another run."""

    run_id: Output[str]
    run_folder: Output[str]
    status: Output[str]
    result: Output[dict[str, Any]]
    """`RunResult.to_dict()`, with `headline_physics`."""

    def __init__(self, name: str, *, run: RunConfig, folder: str, opts: ResourceOptions | None = None) -> None:
        outputs = dict.fromkeys(("run_id", "run_folder", "status", "result"))
        super().__init__("hepburst:local:Run", name, {**run_inputs(run, folder), **outputs}, opts)


class Report(CustomResource):
    """The HTML page of a run. `cost` is the stack output of that name."""

    path: Output[str]

    def __init__(
        self,
        name: str,
        *,
        path: str,
        run_id: Input[str],
        run_folder: Input[str],
        checkpoint_sha256: Input[str],
        cost: dict[str, Any],
        opts: ResourceOptions | None = None,
    ) -> None:
        inputs = {
            "path": path,
            "run_id": run_id,
            "run_folder": run_folder,
            "checkpoint_sha256": checkpoint_sha256,
            "cost": cost,
        }
        super().__init__("hepburst:local:Report", name, inputs, opts)


def dataset_inputs(dataset: Dataset) -> dict[str, Any]:
    """What the plugin is told of a data set."""
    return {
        "path": dataset.path,
        "sha256": dataset.sha256,
        "num_showers": dataset.num_showers,
        "image_shape": list(dataset.image_shape),
    }


def run_inputs(run: RunConfig, folder: str) -> dict[str, Any]:
    """What the plugin is told of a run: the values of `RunConfig` and the stack's folder.

    Without the contract's version and without anything else of our code, so that a change of code is no change of a run.
    """
    values = {name: value for name, value in run.to_dict().items() if name != "contract_version" and value is not None}
    return {**values, "folder": folder}
