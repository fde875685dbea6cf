from __future__ import annotations

import asyncio
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest

from provider import training
from provider.processes import Launcher
from provider.resource import PartialFailure
from provider.run import Run
from provider.stack_folder import LAUNCHER_FILE
from trainer.contract import RESULT_FILE, RunConfig, RunResult, RunStatus
from trainer.refusal import Refusal

Inputs = dict[str, Any]
URN = "urn:pulumi:local::hepburst::hepburst:local:Run::train"


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
    checkpoint="",
    checkpoint_sha256="",
    environment={},
).to_dict()


def run_kind(engine: Any) -> Run:
    return Run(engine, asyncio.Event())


def trained(engine: Any, inputs: Inputs) -> Inputs:
    async def create() -> Inputs:
        return (await run_kind(engine).create(URN, inputs)).state

    return asyncio.run(create())


async def interrupted(engine: Any, inputs: Inputs) -> PartialFailure:
    """Start a run, and cancel it at its first step."""
    cancelled = asyncio.Event()
    task = asyncio.create_task(Run(engine, cancelled).create(URN, inputs))
    while not any("step" in text for text in engine.statuses):
        await asyncio.sleep(0.01)
    cancelled.set()
    with pytest.raises(PartialFailure) as failure:
        await task
    return failure.value


class TestWhatAChangeDoes:
    def changes(
        self, engine: Any, inputs: Inputs, status: RunStatus = RunStatus.SUCCEEDED, **new: Any
    ) -> tuple[set[str], set[str]]:
        kind = run_kind(engine)
        state = {**kind.planned(inputs), "status": str(status), "result": RESULT}
        changes = kind.changes(state, {**inputs, **new})
        return set(changes.updates), set(changes.replaces)

    def test_the_same_run_is_no_change(self, engine: Any, run_inputs: Inputs) -> None:
        assert self.changes(engine, run_inputs) == (set(), set())

    def test_data_that_moved_are_no_change(self, engine: Any, run_inputs: Inputs) -> None:
        assert self.changes(engine, run_inputs, data_path="elsewhere/toy.h5") == (set(), set())

    def test_more_epochs_update_in_place(self, engine: Any, run_inputs: Inputs) -> None:
        assert self.changes(engine, run_inputs, num_epochs=4.0) == ({"num_epochs"}, set())

    def test_fewer_epochs_are_another_run(self, engine: Any, run_inputs: Inputs) -> None:
        assert self.changes(engine, run_inputs, num_epochs=2.0) == (set(), {"num_epochs"})

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("data_sha256", "cd" * 32),
            ("preset", "published"),
            ("num_ranks", 1.0),
            ("threads_per_rank", 2.0),
            ("batch_per_rank", 8.0),
            ("learning_rate", 0.01),
            ("seed", 2.0),
            ("precision", "fp32"),
            ("batchnorm", "global"),
            ("test_fraction", 0.1),
            ("attempt", 2.0),
            ("image_digest", "sha256:1"),
        ],
    )
    def test_everything_else_is_another_run(self, engine: Any, run_inputs: Inputs, name: str, value: Any) -> None:
        assert self.changes(engine, run_inputs, **{name: value}) == (set(), {name})

    def test_every_setting_of_a_run_is_tested_here(self) -> None:
        marks = [mark for mark in self.test_everything_else_is_another_run.pytestmark if mark.name == "parametrize"]
        tested = {name for name, _ in marks[0].args[1]}
        assert tested | {"data_path", "num_epochs"} == set(RunConfig.__dataclass_fields__)

    def test_a_setting_that_we_add_with_its_default_is_no_change(self, engine: Any, run_inputs: Inputs) -> None:
        kind = run_kind(engine)
        state = {**kind.planned(run_inputs), "status": "succeeded", "result": RESULT}
        del state["batchnorm"]
        assert kind.changes(state, run_inputs).names == set()

    @pytest.mark.parametrize("status", [RunStatus.INTERRUPTED, RunStatus.FAILED])
    def test_an_unfinished_run_goes_on(self, engine: Any, run_inputs: Inputs, status: RunStatus) -> None:
        assert self.changes(engine, run_inputs, status) == ({"status"}, set())

    @pytest.mark.parametrize("result", [None, {}, {**RESULT, "contract_version": 0.0}])
    def test_a_result_that_we_cannot_read_any_more_is_made_anew(self, engine: Any, run_inputs: Inputs, result: Any) -> None:
        kind = run_kind(engine)
        state = {**kind.planned(run_inputs), "status": "succeeded", "result": result}
        assert kind.changes(state, run_inputs).updates == {"result"}

    def test_a_renamed_stack_keeps_its_run(self, engine: Any, run_inputs: Inputs) -> None:
        assert self.changes(engine, run_inputs, folder=".hepburst/renamed") == ({"folder"}, set())

    def test_a_state_that_cannot_be_read_any_more_is_another_run(self, engine: Any, run_inputs: Inputs) -> None:
        changes = run_kind(engine).changes({**run_inputs, "preset": "forgotten"}, run_inputs)
        assert "preset" in changes.replaces


@pytest.mark.usefixtures("strict_trainer")
class TestLife:
    def test_a_run_trains_and_its_result_is_its_state(self, engine: Any, run_inputs: Inputs) -> None:
        state = trained(engine, run_inputs)
        assert state["status"] == "succeeded"
        assert state["result"]["num_steps"] == 15
        assert (Path(state["run_folder"]) / RESULT_FILE).is_file()
        assert not (Path(state["run_folder"]) / LAUNCHER_FILE).exists()
        assert "epoch 1/3" in engine.statuses[1]

    def test_more_epochs_go_on_from_the_checkpoint(self, engine: Any, run_inputs: Inputs) -> None:
        state = trained(engine, run_inputs)
        longer = {**run_inputs, "num_epochs": 4.0}
        state = asyncio.run(run_kind(engine).update(URN, state, longer))
        assert state["result"]["num_steps"] == 20
        assert "training, resumed at step 15" in engine.statuses

    def test_a_finished_run_whose_state_was_lost_is_not_trained_again(self, engine: Any, run_inputs: Inputs) -> None:
        first = trained(engine, run_inputs)
        engine.statuses.clear()
        assert trained(engine, run_inputs) == first
        assert engine.statuses == []

    def test_a_cancelled_run_is_kept_and_goes_on(self, engine: Any, run_inputs: Inputs) -> None:
        endless = {**run_inputs, "seed": 2.0}
        failure = asyncio.run(interrupted(engine, endless))
        assert "interrupted after step" in failure.reason
        assert failure.state["status"] == "interrupted"
        assert failure.resource_id == Path(failure.state["run_folder"]).name
        engine.statuses.clear()
        asyncio.run(interrupted(engine, endless))
        assert f"training, resumed at step {failure.state['result']['num_steps']}" in engine.statuses

    def test_a_launcher_that_does_not_stop_is_killed(
        self, engine: Any, run_inputs: Inputs, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(training, "STOP_SECONDS", 0.2)
        failure = asyncio.run(interrupted(engine, {**run_inputs, "seed": 3.0}))
        assert failure.reason == (
            "training interrupted before its first checkpoint; the next `pulumi up` begins at the first step"
        )
        assert failure.state["status"] == "interrupted"

    def test_an_interruption_that_saved_nothing_new_says_what_there_is(self, engine: Any, run_inputs: Inputs) -> None:
        endless = {**run_inputs, "seed": 2.0}
        first = asyncio.run(interrupted(engine, endless))

        async def cancelled_before_the_trainer_listens() -> PartialFailure:
            cancelled = asyncio.Event()
            cancelled.set()
            with pytest.raises(PartialFailure) as failure:
                await Run(engine, cancelled).update(URN, first.state, endless)
            return failure.value

        failure = asyncio.run(cancelled_before_the_trainer_listens())
        assert "nothing new was saved, the next `pulumi up` goes on from the last checkpoint" in failure.reason
        assert (failure.state["status"], failure.state["result"]) == ("interrupted", {})

    def test_an_exception_in_the_trainer_is_one_sentence(self, engine: Any, run_inputs: Inputs) -> None:
        with pytest.raises(PartialFailure) as failure:
            trained(engine, {**run_inputs, "seed": 4.0})
        assert "training failed: RuntimeError: the calorimeter is on fire\n" in failure.value.reason
        assert "Traceback" not in failure.value.reason
        log_path = Path(failure.value.reason.rsplit(": ", 1)[1])
        assert "Traceback" in log_path.read_text()

    def test_a_failure_says_the_trainers_reason_and_its_last_words(self, engine: Any, run_inputs: Inputs) -> None:
        with pytest.raises(PartialFailure, match=r"no space left for checkpoints\n  disk quota exceeded"):
            trained(engine, {**run_inputs, "seed": 6.0})

    def test_an_earlier_result_is_not_taken_for_a_dead_trainers(self, engine: Any, run_inputs: Inputs) -> None:
        state = trained(engine, {**run_inputs, "seed": 7.0} | {"seed": 1.0})
        folder = Path(state["run_folder"])
        killed = {**run_inputs, "seed": 7.0}
        other = Path(run_kind(engine).planned(killed)["run_folder"])
        folder.rename(other)
        with pytest.raises(PartialFailure, match="killed by SIGKILL"):
            trained(engine, killed)

    def test_what_the_trainer_refuses_is_refused(self, engine: Any, run_inputs: Inputs) -> None:
        with pytest.raises(Refusal, match="batch of 9"):
            trained(engine, {**run_inputs, "seed": 5.0})

    def test_health_problems_are_warnings_and_other_lines_are_ignored(self, engine: Any, run_inputs: Inputs) -> None:
        assert trained(engine, {**run_inputs, "seed": 8.0})["status"] == "succeeded"
        assert engine.warnings == ["response 3.1; return to step 5"]

    def test_delete_stops_a_run_that_a_dead_plugin_left(self, engine: Any, run_inputs: Inputs) -> None:
        state = run_kind(engine).planned(run_inputs)
        folder = Path(state["run_folder"])
        folder.mkdir(parents=True)
        with subprocess.Popen(["sleep", "60"], start_new_session=True) as process:
            Launcher.of(process.pid).write(folder / LAUNCHER_FILE)
            asyncio.run(run_kind(engine).delete(state))
        assert process.returncode == -signal.SIGTERM
        assert not folder.exists()

    def test_delete_of_nothing_is_no_error(self, engine: Any, run_inputs: Inputs) -> None:
        asyncio.run(run_kind(engine).delete(run_kind(engine).planned(run_inputs)))

    def test_a_run_without_its_folder_is_gone(self, engine: Any, run_inputs: Inputs) -> None:
        state = trained(engine, run_inputs)
        assert asyncio.run(run_kind(engine).exists(state))
        asyncio.run(run_kind(engine).delete(state))
        assert not asyncio.run(run_kind(engine).exists(state))


def test_a_process_that_has_a_dead_launchers_pid_is_left_alone() -> None:
    with subprocess.Popen(["sleep", "60"], start_new_session=True) as process:
        living = Launcher.of(process.pid)
        Launcher(process.pid, start_ticks=living.start_ticks - 1).stop(seconds=0.1)
        assert living.is_alive()
        process.terminate()


def test_numbers_that_runs_cannot_have_are_refused_in_preview(engine: Any, run_inputs: Inputs) -> None:
    with pytest.raises(Refusal, match="num_epochs is -3; expected 1 or more"):
        run_kind(engine).check({**run_inputs, "num_epochs": -3.0})
