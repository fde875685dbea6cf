"""What every GAN here is to the rest of the trainer: two networks, the updates of one step, and a way to make showers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol, TypeAlias

import numpy as np
import torch
from torch import Tensor, nn

from trainer.gan.recipe import Recipe
from trainer.showers.schema import Showers

NormFactory: TypeAlias = Callable[[int], nn.Module]
"""BatchNorm over that many channels of a 5-dimensional tensor: of the rank's own batch or of all ranks'."""


@dataclass(frozen=True, slots=True)
class Batch:
    """N showers as the networks see them."""

    images_NXYZ: Tensor
    """Energy in each cell, GeV, float32."""
    energy_N: Tensor
    """Energy of the electron, GeV."""
    theta_N: Tensor
    """Polar angle, radian."""

    def __len__(self) -> int:
        return len(self.energy_N)


def batch_of(showers: Showers) -> Batch:
    """Showers as they are read, for the networks."""
    images = np.ascontiguousarray(showers.ecal)
    return Batch(torch.from_numpy(images), torch.from_numpy(showers.energy), torch.from_numpy(showers.theta))


class Network(StrEnum):
    """Which of the two networks an update moves."""

    GENERATOR = "generator"
    DISCRIMINATOR = "discriminator"


@dataclass(frozen=True, slots=True)
class Update:
    """One update within a step: move `network` down the gradient of `loss`."""

    network: Network
    loss: Tensor
    metrics: Mapping[str, Tensor]
    """Scalars to report, without gradient; updates of one step that share a name are averaged."""


class Gan(Protocol):
    """A generator and a discriminator with their losses."""

    generator: nn.Module
    discriminator: nn.Module

    def start_from(self, batch: Batch) -> None:
        """Take what the network is to know of the data before its first step; the whole training set, or a good part of it."""

    def updates(self, batch: Batch, recipe: Recipe) -> Iterator[Update]:
        """The updates of one step, in order. Each is carried out before the next is asked for."""

    def generate(self, energy_N: Tensor, theta_N: Tensor) -> Tensor:
        """Showers (N, X, Y, Z) in GeV for these electrons. Noise comes from torch's global generator, as in `updates`."""


@contextmanager
def frozen(network: nn.Module) -> Iterator[None]:
    """Gradients pass through `network` but none are kept for its parameters."""
    parameters = [parameter for parameter in network.parameters() if parameter.requires_grad]
    for parameter in parameters:
        parameter.requires_grad_(False)
    try:
        yield
    finally:
        for parameter in parameters:
            parameter.requires_grad_(True)


def adversarial_metrics(real_logits_N: Tensor, fake_logits_N: Tensor) -> dict[str, Tensor]:
    """`d_real` and `d_fake`: the mean probability of being real that the discriminator gives to real and generated showers."""
    return {
        "d_real": real_logits_N.detach().float().sigmoid().mean(),
        "d_fake": fake_logits_N.detach().float().sigmoid().mean(),
    }


def response(fake_NXYZ: Tensor, real_NXYZ: Tensor) -> Tensor:
    """Energy in the generated showers over that in the real ones, of one batch."""
    fake, real = fake_NXYZ.detach().float(), real_NXYZ.detach().float()
    return fake.sum() / real.sum().clamp_min(torch.finfo(torch.float32).tiny)
