"""The numbers of each preset, in one place."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass

from trainer.contract import Preset
from trainer.refusal import Refusal

ImageShape = tuple[int, int, int]
IMAGE_SHAPES: dict[Preset, tuple[ImageShape, ...]] = {
    Preset.DEMO: ((25, 25, 25),),
    Preset.PUBLISHED: ((25, 25, 25), (51, 51, 25)),
}
"""What `trainer.gan.build` has a network for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthLimits:
    """When a run has gone wrong. Shares and ratios are means over about `patience_steps` steps."""

    grace_steps: int
    """Steps at the start of a run during which only numbers that are not finite count."""
    patience_steps: int
    low_response: float = 0.5
    high_response: float = 2.0
    saturated_gap: float = 0.85
    """The discriminator is saturated when it gives real showers a probability so much higher than generated ones. With
    smoothed (0.9) or flipped (5%) labels one that is always right has a gap of 0.9."""
    max_returns: int = 3
    """Times that a run goes back to its best checkpoint before it gives up."""
    rate_after_return: float = 0.5
    """Factor on the learning rate at each return."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """How a preset is trained. Nothing here depends on the number of epochs, so that a longer run repeats a shorter one."""

    learning_rate: float
    rate_scales_with_ranks: bool
    """Whether the rate is multiplied by the number of ranks (the linear scaling rule)."""
    warmup_steps: int
    """The rate rises linearly over these."""
    decay_samples: float
    """The rate falls as 1 / sqrt(1 + samples / decay_samples); infinite for a constant rate."""
    optimizer: str
    """adam with betas (0.5, 0.9), or rmsprop with Keras's defaults (rho 0.9, epsilon 1e-7)."""
    generator_updates: int
    adversarial_weight: float
    ema_share: float
    """The average of the generator's weights reaches back over this share of the samples seen so far."""
    epochs_per_evaluation: int
    num_calibration_batches: int
    health: HealthLimits

    def rate(self, *, samples_seen: int, step: int, num_ranks: int) -> float:
        """Learning rate of a step, after `samples_seen` real showers over all ranks.

        >>> round(DEMO.rate(samples_seen=0, step=10_000, num_ranks=2) / DEMO.learning_rate, 3)
        1.0
        """
        scale = num_ranks if self.rate_scales_with_ranks else 1
        warmup = min(1.0, (step + 1) / (self.warmup_steps + 1))
        return self.learning_rate * scale * warmup / math.sqrt(1 + samples_seen / self.decay_samples)

    def ema_decay(self, *, samples_seen: int, samples_per_step: int) -> float:
        """Decay of the weights' average in a step; it forgets fast while the generator is young."""
        return math.exp(-samples_per_step / max(self.ema_share * samples_seen, samples_per_step))


DEMO = Recipe(
    learning_rate=1e-3,
    rate_scales_with_ranks=False,
    warmup_steps=20,
    decay_samples=20_000,
    optimizer="adam",
    generator_updates=1,
    adversarial_weight=0.3,
    ema_share=0.1,
    epochs_per_evaluation=1,
    num_calibration_batches=4,
    health=HealthLimits(grace_steps=100, patience_steps=50),
)
"""Our own, for a minute on a laptop."""

PUBLISHED = Recipe(
    learning_rate=1e-3,
    rate_scales_with_ranks=True,
    warmup_steps=0,
    decay_samples=math.inf,
    optimizer="rmsprop",
    generator_updates=2,
    adversarial_weight=8.0,
    ema_share=0.1,
    epochs_per_evaluation=1,
    num_calibration_batches=4,
    health=HealthLimits(grace_steps=200, patience_steps=100),
)
"""Rate, optimizer, order and weights of the 3DGAN papers at fixed angle under Horovod (svalleco/3Dgan). The averaged weights,
the health checks and the recalibration of BatchNorm are ours."""


VARIABLE_ANGLE = dataclasses.replace(PUBLISHED, rate_scales_with_ranks=False, adversarial_weight=3.0)
"""The papers' at variable angle. Their step schedule of the rate under Horovod is not known to us, so the rate is constant."""


def check_shape(preset: Preset, image_shape: ImageShape) -> None:
    """Refuse showers of a shape that the preset has no network for."""
    if image_shape not in IMAGE_SHAPES[preset]:
        shapes = " or ".join(" x ".join(map(str, shape)) for shape in IMAGE_SHAPES[preset])
        raise Refusal(
            f"showers of {' x '.join(map(str, image_shape))} cells for preset {preset}",
            expected=shapes,
            remedy="choose other data, or another preset",
        )


def of_preset(preset: Preset, image_shape: ImageShape = (25, 25, 25), *, learning_rate: float | None = None) -> Recipe:
    """The recipe of a preset for showers of a shape, with another base rate if one is given."""
    check_shape(preset, image_shape)
    published = VARIABLE_ANGLE if image_shape == (51, 51, 25) else PUBLISHED
    recipe = DEMO if preset is Preset.DEMO else published
    return recipe if learning_rate is None else dataclasses.replace(recipe, learning_rate=learning_rate)
