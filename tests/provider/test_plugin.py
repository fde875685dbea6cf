from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from pulumi.provider.experimental import provider as api

from provider import stack_folder
from provider.plugin import HepburstProvider
from provider.processes import Launcher
from provider.values import UNKNOWN, plain, plain_map, wrapped_map
from trainer.refusal import Refusal

URN = "urn:pulumi:local::hepburst::hepburst:components:LocalRun${}::name"
FOLDER, DATASET, RUN, REPORT = (URN.format(f"hepburst:local:{kind}") for kind in ("Folder", "Dataset", "Run", "Report"))


@pytest.fixture
def plugin(engine: Any) -> HepburstProvider:
    return HepburstProvider(engine)


def created(plugin: HepburstProvider, urn: str, *, preview: bool = False, **inputs: Any) -> dict[str, Any]:
    response = asyncio.run(plugin.create(api.CreateRequest(urn, wrapped_map(inputs), 0, preview)))
    return plain_map(response.properties)


def diff(plugin: HepburstProvider, urn: str, state: dict[str, Any], **inputs: Any) -> api.DiffResponse:
    return asyncio.run(plugin.diff(api.DiffRequest(urn, "id", wrapped_map(state), wrapped_map(inputs), [])))


def exists(plugin: HepburstProvider, urn: str, state: dict[str, Any]) -> bool:
    return bool(asyncio.run(plugin.read(api.ReadRequest(urn, "id", wrapped_map(state), wrapped_map(state)))).resource_id)


def delete(plugin: HepburstProvider, urn: str, state: dict[str, Any]) -> None:
    asyncio.run(plugin.delete(api.DeleteRequest(urn, "id", wrapped_map(state), 0)))


def test_a_preview_makes_nothing_and_knows_what_can_be_known(
    plugin: HepburstProvider, run_inputs: dict[str, Any], tmp_path: Path
) -> None:
    planned = created(plugin, RUN, preview=True, **run_inputs)
    assert planned["run_id"] != UNKNOWN
    assert planned["run_folder"].startswith(run_inputs["folder"])
    assert planned["status"] == planned["result"] == UNKNOWN
    assert list(tmp_path.iterdir()) == []


def test_an_unknown_input_in_a_preview_is_an_update(plugin: HepburstProvider) -> None:
    state = {"path": "r.html", "cost": {"actual": {"usd": 0.0}}}
    answer = diff(plugin, REPORT, state, path="r.html", cost={"actual": UNKNOWN})
    assert (answer.changes, answer.diffs, answer.replaces) == (True, ["cost"], [])


def test_the_preview_names_the_setting_that_makes_another_run(plugin: HepburstProvider, run_inputs: dict[str, Any]) -> None:
    state = {**run_inputs, "status": "succeeded"}
    answer = diff(plugin, RUN, state, **{**run_inputs, "seed": 9.0, "learning_rate": 0.1})
    assert answer.replaces == ["learning_rate", "seed"]
    assert answer.delete_before_replace
    assert answer.detailed_diff["seed"].kind is api.PropertyDiffKind.UPDATE_REPLACE
    assert answer.detailed_diff["learning_rate"].kind is api.PropertyDiffKind.ADD_REPLACE


def test_what_cannot_work_is_a_check_failure_and_no_exception(plugin: HepburstProvider, run_inputs: dict[str, Any]) -> None:
    inputs = wrapped_map({**run_inputs, "num_epochs": -3.0})
    answer = asyncio.run(plugin.check(api.CheckRequest(RUN, {}, inputs, b"")))
    assert [failure.reason for failure in answer.failures or []] == [
        "num_epochs is -3; expected 1 or more; to mend it: set num_epochs"
    ]


def test_a_type_that_we_do_not_have_is_refused_with_the_nearest(plugin: HepburstProvider) -> None:
    with pytest.raises(Refusal, match="did you mean hepburst:local:Report"):
        created(plugin, URN.format("hepburst:local:Reports"))


def test_a_folder_is_taken_over_with_what_it_holds_and_removed_whole(plugin: HepburstProvider, tmp_path: Path) -> None:
    folder = tmp_path / "deep" / "stack"
    run_folder = folder / "runs" / "abc"
    run_folder.mkdir(parents=True)
    (run_folder / "left.txt").write_text("by a killed run")
    state = created(plugin, FOLDER, path=str(folder))
    assert (run_folder / "left.txt").exists()
    assert exists(plugin, FOLDER, state)
    delete(plugin, FOLDER, state)
    assert not folder.exists()
    assert not exists(plugin, FOLDER, state)
    delete(plugin, FOLDER, state)


def test_a_folder_is_not_removed_under_a_living_run(
    plugin: HepburstProvider, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    state = created(plugin, FOLDER, path=str(tmp_path / "stack"))
    run_folder = tmp_path / "stack" / "runs" / "abc"
    run_folder.mkdir()
    stopped: list[Launcher] = []

    def stop(launcher: Launcher, _seconds: float) -> None:
        assert run_folder.is_dir(), "the run needs it for its checkpoint"
        stopped.append(launcher)

    monkeypatch.setattr(Launcher, "stop", stop)
    Launcher(12345, 1).write(run_folder / stack_folder.LAUNCHER_FILE)
    delete(plugin, FOLDER, state)
    assert stopped == [Launcher(12345, 1)]
    assert not run_folder.exists()


def test_a_renamed_stack_moves_its_folder(plugin: HepburstProvider, tmp_path: Path) -> None:
    state = created(plugin, FOLDER, path=str(tmp_path / "old"))
    (tmp_path / "old" / "runs" / "abc").mkdir()
    news = wrapped_map({"path": str(tmp_path / "new")})
    answer = asyncio.run(plugin.update(api.UpdateRequest(FOLDER, "id", wrapped_map(state), news, 0, [], False)))
    assert plain(answer.properties["path"]) == str(tmp_path / "new")
    assert (tmp_path / "new" / "runs" / "abc").is_dir()
    assert not (tmp_path / "old").exists()


def test_data_that_changed_since_the_preview_are_refused(plugin: HepburstProvider, toy_showers: Path) -> None:
    with pytest.raises(Refusal, match="has sha256"):
        created(plugin, DATASET, path=str(toy_showers), sha256="0" * 64, num_showers=64.0, image_shape=[25.0, 25.0, 25.0])


def test_data_stay_when_they_are_deleted_from_the_stack(plugin: HepburstProvider, toy_showers: Path) -> None:
    state = {"path": str(toy_showers), "sha256": "0" * 64}
    delete(plugin, DATASET, state)
    assert toy_showers.exists()
    assert exists(plugin, DATASET, state)
    assert not exists(plugin, DATASET, {"path": f"{toy_showers}.gone"})


def test_a_report_that_was_removed_is_gone(plugin: HepburstProvider, tmp_path: Path) -> None:
    page = tmp_path / "report.html"
    page.write_text("<html>")
    assert exists(plugin, REPORT, {"path": str(page)})
    delete(plugin, REPORT, {"path": str(page)})
    assert not exists(plugin, REPORT, {"path": str(page)})
