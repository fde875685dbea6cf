"""The stack `local` from preview to destroy, as a user drives it. The tests share one stack and follow each other."""

from __future__ import annotations

import shutil
import signal
from typing import Any

import pytest

from tests.e2e.project import Project

ORPHAN_SECONDS = 10
STEPS_PER_EPOCH = 51 // 8
LONG_SEED = 2
LONG = {"workload__seed": LONG_SEED, "workload__num_epochs": 3, "workload__batch_per_rank": 4, "pool__num_ranks": 2}
"""Another run, of two ranks, long enough to be interrupted twice."""


def steps(project: Project, seed: int) -> list[int]:
    return [event["step"] for event in project.events(seed) if event["event"] == "step"]


def resumed_steps(project: Project, seed: int) -> list[int]:
    return [event["resumed_at_step"] for event in project.events(seed) if event.get("resumed_at_step")]


SLIPS = {
    "target": ("locall", "did you mean local?"),
    "workload__preset": ("dmeo", "did you mean demo?"),
    "workload__precision": ("fp16", "expected fp32 or bf16"),
    "workload__batchnorm": ("both", "expected local or global"),
    "workload__epochs": (3, "did you mean num_epochs?"),
    "workload__num_epochs": ("many", "expected a whole number"),
    "pool__rank": (2, "did you mean num_ranks?"),
    "poool": ("x", "did you mean pool?"),
}
IMPOSSIBLE = {
    "data": ("gone.h5", "no showers at gone.h5"),
    "workload__num_epochs": (-3, "hepburst:workload.num_epochs is -3; expected 1 or more"),
    "workload__seed": (-1, "hepburst:workload.seed is -1; expected 0 or more"),
    "workload__learning_rate": (5, "between 0 and 1"),
    "workload__test_fraction": (2, "between 0 and 1"),
    "pool__num_ranks": (0, "hepburst:pool.num_ranks is 0; expected 1 or more"),
    "pool__region": ("gcp/europe-west66", "did you mean gcp/europe-west6?"),
}
TOO_LARGE = {"workload__batch_per_rank": (512, "a batch of 512 on each of 1 ranks is more than the 51 training showers")}


@pytest.mark.parametrize(
    "mistakes",
    [SLIPS, IMPOSSIBLE, TOO_LARGE],
    ids=["slips of the pen", "impossible values", "too large a batch"],
)
def test_mistakes_are_one_error_in_preview_and_make_nothing(project: Project, mistakes: dict[str, tuple[Any, str]]) -> None:
    project.configure(**{path: value for path, (value, _) in mistakes.items()})
    said = project.pulumi("preview", fails=True)
    diagnostics = said.partition("Diagnostics:")[2]
    assert diagnostics.count("error:") == 1, said
    for _, expected in mistakes.values():
        assert expected in diagnostics
    assert not (project.own / "local").exists()


def test_a_preview_makes_nothing_and_shows_the_forecast(project: Project) -> None:
    project.configure()
    said = project.pulumi("preview")
    assert "hepburst:local:Run train create" in said
    outputs = said.partition("Outputs:")[2]
    assert outputs.index("forecast: {") < outputs.index("kgco2e")
    assert "actual  : [unknown]" in outputs
    assert not (project.own / "local").exists()


def test_up_trains_and_says_what_it_reached_and_cost(project: Project) -> None:
    project.configure()
    project.up()
    run, cost = project.output("run"), project.output("cost")
    assert (run["status"], run["num_epochs"]) == ("succeeded", 1)
    assert (project.folder / run["checkpoint"]).is_file()
    assert run["samples_per_second"] > 0
    assert cost["forecast"].keys() == cost["actual"].keys()
    assert cost["actual"]["kwh"]["expected"] > 0
    page = (project.folder / project.output("report")).read_text()
    assert "<html" in page
    assert project.processes() == {}


def test_up_again_changes_nothing(project: Project) -> None:
    assert "6 unchanged" in project.up()


def test_a_change_of_our_code_changes_nothing(project: Project) -> None:
    for file in ("provider/run.py", "components/local/run.py", "stacks/local.py", "trainer/__main__.py", "__main__.py"):
        with (project.folder / file).open("a") as code:
            code.write("# a comment\n")
    project.pulumi("preview", "--expect-no-changes")


def test_data_that_moved_do_not_train_again(project: Project) -> None:
    moved = project.folder / "moved.h5"
    shutil.copy(project.data, moved)
    project.configure(data="moved.h5")
    said = project.up()
    assert "hepburst:local:Dataset showers updated" in said
    assert "hepburst:local:Run" not in said


def test_more_epochs_go_on_from_the_checkpoint(project: Project) -> None:
    before = project.output("run")
    project.configure(workload__num_epochs=2)
    assert "num_epochs: 1 => 2" in project.pulumi("preview", "--diff")
    project.up()
    after = project.output("run")
    assert after["num_epochs"] == 2
    assert (after["id"] != before["id"], after["results_url"]) == (True, before["results_url"])
    assert resumed_steps(project, seed=1) == [STEPS_PER_EPOCH]


def test_another_seed_is_another_run_and_ctrl_c_keeps_its_checkpoint(project: Project) -> None:
    project.configure(**LONG)
    assert "+-1 to replace" in project.pulumi("preview")
    with project.start("up", "--yes", "--skip-preview") as engine:
        project.wait_until(lambda: bool(steps(project, LONG_SEED)), engine)
        engine.send_signal(signal.SIGINT)
        assert engine.wait(60) != 0
    assert "training interrupted after step" in project.said()
    assert "Traceback" not in project.said()
    assert project.processes() == {}
    assert len(project.run_folders()) == 1


def test_a_killed_engine_leaves_no_orphan_and_the_next_up_recovers(project: Project) -> None:
    first_steps = len(steps(project, LONG_SEED))
    with project.start("up", "--yes", "--skip-preview") as engine:
        project.wait_until(lambda: len(steps(project, LONG_SEED)) > first_steps, engine)
        assert len(project.processes()) >= 5, "engine, program, plugin, launcher and two ranks"
        engine.kill()
    project.wait_until(lambda: not project.processes(), seconds=ORPHAN_SECONDS)
    project.pulumi("cancel", "--yes")
    project.up()
    assert project.output("run")["num_epochs"] == LONG["workload__num_epochs"]
    first, second = resumed_steps(project, LONG_SEED)
    assert 0 < first <= second, "the checkpoint of Ctrl-C at least; that of the kill where the ranks could write it in time"


def test_a_report_that_was_removed_is_written_again(project: Project) -> None:
    report = project.folder / project.output("report")
    report.unlink()
    events = project.events(LONG_SEED)
    project.up("--refresh")
    assert report.is_file()
    assert project.events(LONG_SEED) == events, "no training"


def test_destroy_leaves_nothing(project: Project) -> None:
    project.pulumi("destroy", "--yes", "--skip-preview")
    assert not (project.own / "local").exists()
    assert project.data.is_file()
    assert project.processes() == {}
