"""The product of a training, a generator with averaged weights and recalibrated BatchNorm, and how it is judged."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from trainer.contract import Json, Precision, Preset, RunConfig
from trainer.gan import recipe as recipes
from trainer.gan.build import build
from trainer.gan.norm import recalibrating
from trainer.gan.recipe import ImageShape
from trainer.gan.step import draw_seed
from trainer.physics import compare, judge
from trainer.showers.schema import Showers

SHOWERS_PER_BATCH = 64
MAX_TEST_SHOWERS = 4000
"""Test showers that a result is judged on, so that a large set does not fill the memory: 1 GB at 51 x 51 x 25 cells."""

Weights = dict[str, Tensor]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """How good a product is."""

    score: float
    """Lower is better; infinite where the showers are not numbers."""
    physics: dict[str, Json]
    """The few figures of an epoch event."""


class Evaluation:
    """Makes showers with a product and compares them with Geant4's. Never communicates: one rank does it alone."""

    def __init__(
        self, preset: Preset, image_shape: ImageShape, *, precision: Precision, seed: int, num_calibration_batches: int
    ) -> None:
        with torch.random.fork_rng():
            self._gan = build(preset, image_shape)
        self._num_calibration_batches = num_calibration_batches
        self._autocast, self._seed = precision is Precision.BF16, seed

    def product(
        self,
        generator: Mapping[str, Tensor],
        ema: Mapping[str, Tensor],
        energy: NDArray[np.float32],
        theta: NDArray[np.float32],
    ) -> Weights:
        """State of the generator with the averaged weights `ema`, its BatchNorm statistics taken anew.

        They are those of showers at energies and angles drawn from the given ones (N,): running statistics lag behind the
        weights, and the averaged weights never made any.
        """
        network = self._gan.generator
        network.load_state_dict({**generator, **ema})
        recalibrating(network)
        network.train()
        torch.manual_seed(draw_seed(self._seed, "calibrate"))
        num = self._num_calibration_batches * SHOWERS_PER_BATCH
        chosen = torch.randint(len(energy), (num,)).numpy()
        self._generated(energy[chosen], theta[chosen])
        return {name: value.detach().clone() for name, value in network.state_dict().items()}

    def showers(self, product: Mapping[str, Tensor], energy: NDArray[np.float32], theta: NDArray[np.float32]) -> Showers:
        """One generated shower for each electron, always with the same noise."""
        self._gan.generator.load_state_dict(product)
        self._gan.generator.eval()
        torch.manual_seed(draw_seed(self._seed, "evaluate"))
        return Showers(ecal=self._generated(energy, theta), energy=energy, theta=theta)

    def verdict(self, product: Mapping[str, Tensor], geant4: Showers) -> Verdict:
        """The quick comparison that chooses the best checkpoint."""
        generated = self.showers(product, geant4.energy, geant4.theta)
        if not np.isfinite(generated.ecal).all():
            return Verdict(score=float("inf"), physics={})
        physics = compare(geant4, generated, errors=False)
        return Verdict(score=physics.score.value, physics=physics.summary())

    def judge(self, product: Mapping[str, Tensor], geant4: Showers) -> tuple[dict[str, Json], Showers]:
        """The whole comparison with errors and floor (`trainer.physics.judge`), and the generated showers."""
        generated = self.showers(product, geant4.energy, geant4.theta)
        return judge(geant4, generated), generated

    @torch.no_grad()
    def _generated(self, energy: NDArray[np.float32], theta: NDArray[np.float32]) -> NDArray[np.float32]:
        """(N, X, Y, Z) GeV, in batches of equal noise whatever comes after them."""
        images = []
        for start in range(0, len(energy), SHOWERS_PER_BATCH):
            stretch = slice(start, start + SHOWERS_PER_BATCH)
            with torch.autocast("cpu", torch.bfloat16, enabled=self._autocast):
                image_NXYZ = self._gan.generate(torch.from_numpy(energy[stretch]), torch.from_numpy(theta[stretch]))
            images.append(image_NXYZ.float().numpy())
        return np.concatenate(images)


def of_checkpoint(state: Mapping[str, Any]) -> tuple[Evaluation, RunConfig]:
    """What can evaluate the product of a checkpoint, and the configuration it was trained with."""
    config = RunConfig.from_dict(state["config"])
    shape = tuple(state["image_shape"])
    assert len(shape) == 3
    num_batches = recipes.of_preset(config.preset, shape).num_calibration_batches
    evaluation = Evaluation(
        config.preset, shape, precision=config.precision, seed=config.seed, num_calibration_batches=num_batches
    )
    return evaluation, config
