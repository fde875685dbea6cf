from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.trainer.conftest import Runner
from trainer import checkpoint
from trainer.contract import BatchNorm, Precision, Preset, RunConfig, RunStatus
from trainer.loop import Training
from trainer.refusal import Refusal

STEPS_PER_EPOCH = 3


def tensors(value: Any, name: str = "") -> dict[str, torch.Tensor]:
    """All tensors of a checkpoint, by their place in it."""
    if isinstance(value, torch.Tensor):
        return {name: value}
    if isinstance(value, dict):
        return {key: tensor for part, item in value.items() for key, tensor in tensors(item, f"{name}/{part}").items()}
    return {}


def of_preset(config: RunConfig, preset: Preset) -> RunConfig:
    """Three steps an epoch either way; those of the published network are slow: two showers each, one epoch."""
    few = {"batch_per_rank": 2, "test_fraction": 0.8, "num_epochs": 1} if preset is Preset.PUBLISHED else {}
    return dataclasses.replace(config, preset=preset, **few)  # type: ignore[arg-type]


def assert_same_end(one: Training, other: Training) -> None:
    """Networks, optimizers, averages and products of the newest checkpoints are bit-equal, and so are the last losses."""
    first, second = (checkpoint.read(training.checkpoints.newest_first()[0]) for training in (one, other))
    ours, theirs = tensors(first), tensors(second)
    assert ours.keys() == theirs.keys()
    assert len(ours) > 50
    assert [name for name in ours if not torch.equal(ours[name], theirs[name])] == []
    assert one.progress.losses == other.progress.losses
    assert one.progress.step == other.progress.step


def test_two_equal_runs_give_bit_equal_weights(train: Runner, config: RunConfig) -> None:
    one_epoch = dataclasses.replace(config, num_epochs=1)
    one, other = (train(one_epoch, folder=folder) for folder in ("one", "other"))
    assert one.outcome.status is RunStatus.SUCCEEDED
    assert_same_end(one.training, other.training)


def test_another_seed_gives_other_weights(train: Runner, config: RunConfig) -> None:
    one, other = (train(dataclasses.replace(config, num_epochs=1, seed=seed), folder=str(seed)) for seed in (1, 2))
    first, second = (tensors(checkpoint.read(run.training.checkpoints.newest_first()[0])) for run in (one, other))
    assert any(not torch.equal(first[name], second[name]) for name in first if name.startswith("/product"))


def test_two_epochs_and_then_two_more_are_four_epochs(train: Runner, config: RunConfig) -> None:
    longer = dataclasses.replace(config, num_epochs=4)
    straight = train(longer, folder="straight")
    train(config, folder="resumed")
    resumed = train(longer, folder="resumed")
    assert resumed.events_named("phase")[-1]["resumed_at_step"] == 2 * STEPS_PER_EPOCH
    assert_same_end(straight.training, resumed.training)


@pytest.mark.parametrize("preset", list(Preset))
def test_an_interruption_in_mid_epoch_leaves_no_trace_in_the_weights(train: Runner, config: RunConfig, preset: Preset) -> None:
    chosen = of_preset(config, preset)
    straight = train(chosen, folder="straight")
    stop_after = 3 * chosen.num_epochs - 1
    stopped = train(chosen, folder="stopped", stop_after=stop_after)
    assert stopped.outcome.status is RunStatus.INTERRUPTED
    assert stopped.training.progress.step == stop_after
    resumed = train(chosen, folder="stopped")
    assert resumed.outcome.status is RunStatus.SUCCEEDED
    assert_same_end(straight.training, resumed.training)


def test_a_damaged_last_checkpoint_costs_the_steps_since_the_one_before(train: Runner, config: RunConfig) -> None:
    straight = train(config, folder="straight")
    first = train(config, folder="damaged", stop_after=5)
    newest = first.training.checkpoints.newest_first()[0]
    newest.write_bytes(newest.read_bytes()[:-1])
    resumed = train(config, folder="damaged")
    assert resumed.events_named("health")[0]["action"] == "use the checkpoint before"
    assert resumed.events_named("phase")[-1]["resumed_at_step"] == STEPS_PER_EPOCH
    assert_same_end(straight.training, resumed.training)


def test_a_run_that_has_its_epochs_trains_no_more(train: Runner, config: RunConfig) -> None:
    train(config)
    again = train(config)
    assert again.outcome.status is RunStatus.SUCCEEDED
    assert again.training.progress.step == 2 * STEPS_PER_EPOCH
    assert [event["epoch"] for event in again.events_named("epoch")] == [0, 1, 2]


def test_the_checkpoints_of_another_run_are_not_taken_over(train: Runner, config: RunConfig) -> None:
    train(config)
    with pytest.raises(Refusal, match="holds run"):
        train(dataclasses.replace(config, seed=2))


def test_every_event_of_the_contract_comes_with_its_members(train: Runner, config: RunConfig) -> None:
    run = train(config)
    step, epoch, saved = run.events_named("step")[0], run.events_named("epoch")[-1], run.events_named("checkpoint")[-1]
    assert set(step) >= {"epoch", "num_epochs", "step", "num_steps", "samples_per_second", "seconds_left", "losses"}
    assert step["num_steps"] == 2 * STEPS_PER_EPOCH
    assert {"discriminator", "generator", "d_real", "d_fake", "response"} <= set(step["losses"])
    assert set(epoch) >= {"epoch", "num_epochs", "losses", "physics", "is_best"}
    assert epoch["physics"]["score"] > 0
    assert (run.folder / saved["path"]).exists()
    assert saved["step"] == 2 * STEPS_PER_EPOCH


def test_the_best_checkpoint_is_the_one_of_the_lowest_score(train: Runner, config: RunConfig) -> None:
    run = train(dataclasses.replace(config, num_epochs=4))
    scores = [event["physics"]["score"] for event in run.events_named("epoch") if event["epoch"] > 0]
    best = run.training.checkpoints.best()
    assert best is not None
    assert best["progress"]["step"] == (scores.index(min(scores)) + 1) * STEPS_PER_EPOCH
    assert best["progress"]["best_score"] == min(scores)


@pytest.mark.parametrize("changes", [{"precision": Precision.FP32}, {"batchnorm": BatchNorm.GLOBAL}])
def test_every_choice_of_the_configuration_trains(train: Runner, config: RunConfig, changes: dict[str, Any]) -> None:
    run = train(dataclasses.replace(config, num_epochs=1, **changes))
    assert run.outcome.status is RunStatus.SUCCEEDED


def test_a_resumed_run_adds_up_its_segments(train: Runner, config: RunConfig) -> None:
    train(config, stop_after=2)
    resumed = train(config)
    segments = resumed.training.progress.contract_segments()
    assert len(segments) == 2
    assert all(segment.cpu_seconds > 0 for segment in segments)
    assert resumed.training.progress.samples_trained == 2 * STEPS_PER_EPOCH * config.batch_per_rank


def test_a_run_folder_that_takes_no_files_is_refused(config: RunConfig, train: Runner, tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "checkpoints").write_text("in the way")
    with pytest.raises(Refusal, match="File exists"):
        train(config)
