"""The 3DGAN of the papers at fixed angle: 25 x 25 x 25 cells, latent 200.

Architecture, losses and training order after svalleco/3Dgan (archives/PrimaryEnergy) and its Horovod variant, written anew in
PyTorch: F. Carminati et al., J. Phys.: Conf. Ser. 1085 (2018) 032016; S. Vallecorsa et al., EPJ Web Conf. 214 (2019) 02010.
872,808 parameters in the generator and 73,402 in the discriminator, trainable ones, as there.

What is kept of it that one might not expect: the energy multiplies the latent normals instead of standing beside them, so it is
smeared by 5% (1 / sqrt(2 x 200)); BatchNorm comes after the activation; the fakes that the discriminator sees come from the
generator in evaluation mode, the generator is trained in training mode.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from trainer.gan.model import Batch, Network, NormFactory, Update, adversarial_metrics, frozen, response
from trainer.gan.recipe import Recipe

NUM_LATENT = 200
GEV_PER_UNIT_ENERGY, GEV_PER_UNIT_CELL = 100.0, 0.01
"""The networks see E / 100 GeV, and cells in units of 10 MeV (`xscale = 100` of the reference on GeV)."""
AUXILIARY_WEIGHT, SUM_WEIGHT = 0.2, 0.1
"""Of the energy and of the energy sum, both as mean absolute percentage errors; 8 (the recipe's) of real or fake."""
FLIPPED_LABELS = 0.05
LEAK = 0.3  # Keras's default
MIN_PERCENTAGE_TARGET = 0.01
"""Floor of the denominator of a percentage error, in network units."""


class Generator25(nn.Module):
    """Latent numbers, multiplied by the energy, to an image of 25 x 25 x 25 cells (units of 10 MeV)."""

    def __init__(self, norm: NormFactory) -> None:
        super().__init__()
        self.dense = nn.Linear(NUM_LATENT, 64 * 7 * 7)  # = 8 channels of 7 x 7 x 8
        self.conv1 = nn.Conv3d(8, 64, (6, 6, 8))
        self.norm1 = norm(64)
        self.conv2 = nn.Conv3d(64, 6, (6, 5, 8))
        self.norm2 = norm(6)
        self.conv3 = nn.Conv3d(6, 6, (3, 3, 8))
        self.conv4 = nn.Conv3d(6, 1, 2, bias=False)
        nn.init.xavier_uniform_(self.dense.weight)
        nn.init.zeros_(self.dense.bias)
        for conv in (self.conv1, self.conv2, self.conv3):
            nn.init.kaiming_uniform_(conv.weight, nonlinearity="relu")
            assert conv.bias is not None
            nn.init.zeros_(conv.bias)
        nn.init.xavier_normal_(self.conv4.weight)

    def forward(self, latent_NL: Tensor) -> Tensor:
        """(N, 200) -> (N, 25, 25, 25)."""
        x_NCXYZ = functional.pad(self.dense(latent_NL).view(-1, 8, 7, 7, 8), (3, 4, 2, 3, 2, 3))  # "same", as Keras pads
        x_NCXYZ = x_NCXYZ.contiguous(memory_format=torch.channels_last_3d)
        x_NCXYZ = self.norm1(functional.leaky_relu(self.conv1(x_NCXYZ), LEAK))
        x_NCXYZ = functional.interpolate(x_NCXYZ, scale_factor=(2, 2, 2))  # 14 x 14 x 16
        x_NCXYZ = functional.pad(x_NCXYZ, (0, 0, 2, 2, 2, 2))
        x_NCXYZ = self.norm2(functional.leaky_relu(self.conv2(x_NCXYZ), LEAK))  # 13 x 14 x 9
        x_NCXYZ = functional.interpolate(x_NCXYZ, scale_factor=(2, 2, 3))  # 26 x 28 x 27
        x_NCXYZ = functional.pad(x_NCXYZ, (3, 3, 0, 0, 1, 1))
        x_NCXYZ = functional.leaky_relu(self.conv3(x_NCXYZ), LEAK)  # 26 x 26 x 26
        image_NXYZ: Tensor = functional.relu(self.conv4(x_NCXYZ))[:, 0]
        return image_NXYZ.float()


class Discriminator25(nn.Module):
    """An image to: the logit of being real, and the energy of the electron (units of 100 GeV)."""

    def __init__(self, norm: NormFactory) -> None:
        super().__init__()
        self.conv1 = nn.Conv3d(1, 32, 5, padding=2)
        self.conv2 = nn.Conv3d(32, 8, 5, padding=2)
        self.conv3 = nn.Conv3d(8, 8, 5, padding=2)
        self.conv4 = nn.Conv3d(8, 8, 5, padding=1)
        self.norms = nn.ModuleList(norm(8) for _ in range(3))
        self.real = nn.Linear(8 * 11**3, 1)
        self.energy = nn.Linear(8 * 11**3, 1)
        for layer in (self.conv1, self.conv2, self.conv3, self.conv4, self.real, self.energy):
            nn.init.xavier_uniform_(layer.weight)
            assert layer.bias is not None
            nn.init.zeros_(layer.bias)

    def forward(self, image_NXYZ: Tensor) -> tuple[Tensor, Tensor]:
        """(N, 25, 25, 25) -> logits (N,), energies (N,)."""
        x_NCXYZ = self.conv1(image_NXYZ[:, None]).contiguous(memory_format=torch.channels_last_3d)
        x_NCXYZ = functional.dropout(functional.leaky_relu(x_NCXYZ, LEAK), 0.2, self.training)
        for conv, norm in zip((self.conv2, self.conv3, self.conv4), self.norms, strict=True):
            x_NCXYZ = functional.dropout(norm(functional.leaky_relu(conv(x_NCXYZ), LEAK)), 0.2, self.training)
        x_NF = functional.avg_pool3d(x_NCXYZ, 2).flatten(1)
        return self.real(x_NF)[:, 0].float(), self.energy(x_NF)[:, 0].float()


@dataclass(frozen=True, slots=True)
class Targets:
    """What the discriminator should find in each of N showers, in network units; a batch of fakes has those of its real one."""

    energy_N: Tensor
    sum_N: Tensor
    angle_N: Tensor
    """Radian; not used at fixed angle."""


class PublishedGan:
    """One step: the discriminator on real showers, then on fakes, then the generator twice."""

    def __init__(self, norm: NormFactory) -> None:
        self.generator: nn.Module = Generator25(norm)
        self.discriminator: nn.Module = Discriminator25(norm)

    def start_from(self, batch: Batch) -> None:
        """The papers start from random weights."""

    def generate(self, energy_N: Tensor, theta_N: Tensor) -> Tensor:
        """Showers in GeV; the angle is fixed by the data."""
        return self._fake(energy_N / GEV_PER_UNIT_ENERGY, theta_N) * GEV_PER_UNIT_CELL

    def updates(self, batch: Batch, recipe: Recipe) -> Iterator[Update]:
        """Fakes have the energies, angles and energy sums of the real batch as their targets."""
        real_NXYZ = self._seen(batch.images_NXYZ)
        targets = self._targets(batch, real_NXYZ)
        with torch.no_grad():
            was_training = self.generator.training
            self.generator.eval()
            fake_NXYZ = self._fake(targets.energy_N, batch.theta_N)
            self.generator.train(was_training)

        real_logit_N, loss = self._losses(real_NXYZ, _labels(real_NXYZ, 1.0, FLIPPED_LABELS), targets, recipe)
        yield Update(Network.DISCRIMINATOR, loss, {"discriminator": loss.detach()})
        fake_logit_N, loss = self._losses(fake_NXYZ, _labels(real_NXYZ, 0.0, FLIPPED_LABELS), targets, recipe)
        metrics = {"discriminator": loss.detach(), **adversarial_metrics(real_logit_N, fake_logit_N)}
        yield Update(Network.DISCRIMINATOR, loss, metrics)
        for _ in range(recipe.generator_updates):
            with frozen(self.discriminator):
                fake_NXYZ = self._fake(targets.energy_N, batch.theta_N)
                _, loss = self._losses(fake_NXYZ, _labels(real_NXYZ, 1.0, 0.0), targets, recipe)
            of_energy = response(self._sum(fake_NXYZ), targets.sum_N)
            yield Update(Network.GENERATOR, loss, {"generator": loss.detach(), "response": of_energy})

    def _seen(self, image_NXYZ: Tensor) -> Tensor:
        """GeV to what the networks see."""
        return image_NXYZ / GEV_PER_UNIT_CELL

    def _sum(self, image_NXYZ: Tensor) -> Tensor:
        """Energy sums (N,) of what the networks see."""
        return image_NXYZ.sum((1, 2, 3))

    def _targets(self, batch: Batch, real_NXYZ: Tensor) -> Targets:
        return Targets(batch.energy_N / GEV_PER_UNIT_ENERGY, self._sum(real_NXYZ), batch.theta_N)

    def _fake(self, energy_N: Tensor, theta_N: Tensor) -> Tensor:
        """Images as the networks see them, for energies in network units."""
        image_NXYZ: Tensor = self.generator(energy_N[:, None] * torch.randn(len(energy_N), NUM_LATENT))
        return image_NXYZ

    def _losses(self, image_NXYZ: Tensor, label_N: Tensor, targets: Targets, recipe: Recipe) -> tuple[Tensor, Tensor]:
        """The discriminator's logits (N,) and the weighted sum of all its losses on these images."""
        logit_N, energy_N = self.discriminator(image_NXYZ)
        loss = (
            recipe.adversarial_weight * functional.binary_cross_entropy_with_logits(logit_N, label_N)
            + AUXILIARY_WEIGHT * percentage_error(energy_N, targets.energy_N)
            + SUM_WEIGHT * percentage_error(self._sum(image_NXYZ), targets.sum_N)
        )
        return logit_N, loss


def percentage_error(value_N: Tensor, target_N: Tensor) -> Tensor:
    """Mean absolute percentage error."""
    return 100 * ((value_N - target_N).abs() / target_N.clamp_min(MIN_PERCENTAGE_TARGET)).mean()


def _labels(like_NXYZ: Tensor, label: float, share_flipped: float) -> Tensor:
    """(N,) labels, a share of them wrong on purpose."""
    return torch.where(torch.rand(len(like_NXYZ)) < share_flipped, 1 - label, label)
