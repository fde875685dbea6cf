from __future__ import annotations

import dataclasses
import math

import pytest
import torch

from tests.trainer.conftest import Runner
from trainer.contract import RunConfig, RunStatus
from trainer.gan import cells
from trainer.gan.demo import DemoGenerator
from trainer.gan.recipe import HealthLimits, Recipe
from trainer.health import Health
from trainer.loop import Training

LIMITS = HealthLimits(grace_steps=10, patience_steps=5)
GOOD = {"d_real": 0.6, "d_fake": 0.4, "response": 1.0, "generator": 0.7}


def verdict(metrics: dict[str, float], *, steps: int = 30) -> str | None:
    health = Health(LIMITS)
    return [health.problem({**GOOD, **metrics}, step=step) for step in range(1, steps + 1)][-1]


@pytest.mark.parametrize(
    ("metrics", "words"),
    [
        ({"response": 0.3}, "energy response is 0.3"),
        ({"response": 2.5}, "energy response is 2.5"),
        ({"response": 0.0}, "makes empty showers"),
        ({"d_real": 0.93, "d_fake": 0.03}, "saturated"),
        ({"generator": math.nan}, "generator is not a finite number"),
        ({"d_fake": math.inf}, "d_fake is not a finite number"),
    ],
)
def test_each_way_to_go_wrong_is_told_in_words(metrics: dict[str, float], words: str) -> None:
    assert words in (verdict(metrics) or "nothing")


def test_a_sound_training_has_no_problem() -> None:
    assert verdict({}) is None


def test_the_first_steps_are_excused_unless_a_number_is_not_finite() -> None:
    assert verdict({"response": 0.1}, steps=9) is None
    assert verdict({"response": math.nan}, steps=1) is not None


def test_a_single_bad_batch_is_no_collapse() -> None:
    health = Health(LIMITS)
    for step in range(1, 30):
        assert health.problem({**GOOD, "response": 3.0 if step == 20 else 1.0}, step=step) is None


def test_a_learning_rate_of_a_half_wrecks_the_training_and_the_run_fails_with_a_sentence(
    train: Runner, config: RunConfig, impatient: Recipe
) -> None:
    wrecked = train(
        dataclasses.replace(config, num_epochs=20),
        recipe=dataclasses.replace(impatient, learning_rate=0.5, warmup_steps=0, decay_samples=math.inf),
    )
    assert wrecked.outcome.status is RunStatus.FAILED
    assert "after 1 returns" in wrecked.outcome.message
    actions = [event["action"] for event in wrecked.events_named("health")]
    assert len(actions) == 2
    assert actions[0].startswith("return to step")
    assert actions[1] == "stop"
    assert wrecked.training.progress.rate_scale == 0.5


def test_a_generator_of_empty_showers_sends_the_run_back_to_its_best_checkpoint_once(
    train: Runner, config: RunConfig, impatient: Recipe
) -> None:
    train(config, recipe=impatient)
    best_step = 6

    def silence(training: Training) -> None:
        generator = training.gan.generator
        assert isinstance(generator, DemoGenerator)
        with torch.no_grad():
            generator.maps.mean_2XYZ.fill_(-1e3)

    mended = train(dataclasses.replace(config, num_epochs=4), recipe=impatient, sabotage=silence)
    assert mended.outcome.status is RunStatus.SUCCEEDED
    (event,) = mended.events_named("health")
    assert event["problem"] == "the generator makes empty showers"
    assert event["action"] in (f"return to step {step}" for step in (3, best_step))
    assert mended.training.progress.num_returns == 1


def test_weights_that_are_not_numbers_send_the_run_back(train: Runner, config: RunConfig, impatient: Recipe) -> None:
    train(config, recipe=impatient)

    def poison(training: Training) -> None:
        with torch.no_grad():
            next(training.gan.discriminator.parameters()).fill_(math.nan)

    mended = train(dataclasses.replace(config, num_epochs=3), recipe=impatient, sabotage=poison)
    assert mended.outcome.status is RunStatus.SUCCEEDED
    assert "finite" in mended.events_named("health")[0]["problem"]


def test_a_discriminator_without_doubt_is_noticed(train: Runner, config: RunConfig, impatient: Recipe) -> None:
    train(config, recipe=impatient)

    def cripple(training: Training) -> None:
        """All energy in one corner: no discriminator takes that for a shower for long."""
        generator = training.gan.generator

        def cornered(energy_N: torch.Tensor) -> torch.Tensor:
            corner_XYZ = torch.zeros(25, 25, 25)
            corner_XYZ[0, 0, 0] = 27.0**cells.POWER
            return corner_XYZ.repeat(len(energy_N), 1, 1, 1) + 0 * sum(part.sum() for part in generator.parameters())

        generator.forward = cornered

    stuck = train(
        dataclasses.replace(config, num_epochs=60),
        recipe=dataclasses.replace(impatient, learning_rate=0.02, epochs_per_evaluation=100),
        sabotage=cripple,
    )
    assert stuck.outcome.status is RunStatus.FAILED
    assert "saturated" in stuck.events_named("health")[0]["problem"]
