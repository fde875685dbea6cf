"""The 3DGAN of the papers at variable angle: 51 x 51 x 25 cells, the network of the 2021 cloud benchmark.

Architecture, losses and training order after recardoso/ISC_HPC_3DGAN (GPU_Version2.py), written anew in PyTorch: G. R. Khattak
et al., Eur. Phys. J. C 82 (2022) 386; R. Cardoso et al., EPJ Web Conf. 251 (2021) 02033. There the generator has 1,365,047 and
the discriminator 87,402 parameters, as Keras counts: with BatchNorm's running statistics. Trainable are 1,364,983 and 87,354.

The networks see cells in units of 20 MeV (files of that data set hold 50 x GeV) to the power of 0.85; sums and angles are taken
from cells without the power. The angle of a real shower is measured with the same formula as that of a fake.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from trainer.gan.model import Batch, NormFactory
from trainer.gan.published import GEV_PER_UNIT_ENERGY, LEAK, PublishedGan, Targets, percentage_error
from trainer.gan.recipe import Recipe

NUM_LATENT = 256
"""Energy, angle and 254 normals."""
GEV_PER_UNIT_CELL = 1 / 50
POWER = 0.85
AUXILIARY_WEIGHT, ANGLE_WEIGHT, SUM_WEIGHT = 0.1, 25.0, 0.1
TINY = 1e-7


class Generator51(nn.Module):
    """Energy, angle and noise to an image of 51 x 51 x 25 cells."""

    def __init__(self, norm: NormFactory) -> None:
        super().__init__()
        self.dense = nn.Linear(NUM_LATENT, 8 * 9 * 9 * 8)
        kernels = ((6, 6, 8), (4, 4, 6), (4, 4, 6), (4, 4, 6), (3, 3, 5), (3, 3, 3))
        channels = (8, 8, 6, 6, 6, 6, 6)
        self.convs = nn.ModuleList(
            nn.Conv3d(before, after, kernel) for before, after, kernel in zip(channels, channels[1:], kernels, strict=False)
        )
        self.norms = nn.ModuleList(norm(num_channels) for num_channels in channels[1:6])
        self.last = nn.Conv3d(6, 1, 2)
        nn.init.xavier_uniform_(self.dense.weight)
        nn.init.xavier_normal_(self.last.weight)
        for conv in self.convs:
            assert isinstance(conv, nn.Conv3d)
            nn.init.kaiming_uniform_(conv.weight, nonlinearity="relu")
        for layer in (self.dense, self.last, *self.convs):
            assert isinstance(layer.bias, Tensor)
            nn.init.zeros_(layer.bias)

    def forward(self, latent_NL: Tensor) -> Tensor:
        """(N, 256) -> (N, 51, 51, 25)."""
        x_NCXYZ = functional.interpolate(self.dense(latent_NL).view(-1, 8, 9, 9, 8), scale_factor=6)  # 54 x 54 x 48
        x_NCXYZ = x_NCXYZ.contiguous(memory_format=torch.channels_last_3d)
        paddings = ((0, 0, 0), (2, 2, 1), (2, 2, 1), (2, 2, 1), (1, 1, 0), (1, 1, 0))
        norms = [*self.norms, nn.Identity()]
        for conv, norm, (in_x, in_y, in_z) in zip(self.convs, norms, paddings, strict=True):
            x_NCXYZ = norm(functional.relu(conv(functional.pad(x_NCXYZ, (in_z, in_z, in_y, in_y, in_x, in_x)))))
        image_NXYZ: Tensor = functional.relu(self.last(x_NCXYZ))[:, 0]
        return image_NXYZ.float()


class Discriminator51(nn.Module):
    """An image to: the logit of being real, and the energy of the electron (units of 100 GeV)."""

    def __init__(self, norm: NormFactory) -> None:
        super().__init__()
        self.first = nn.Conv3d(1, 16, (5, 6, 6))
        self.convs = nn.ModuleList(nn.Conv3d(channels, 8, (5, 6, 6)) for channels in (16, 8, 8))
        self.norms = nn.ModuleList(norm(8) for _ in range(3))
        self.real = nn.Linear(8 * 19 * 18 * 7, 1)
        self.energy = nn.Linear(8 * 19 * 18 * 7, 1)
        for layer in (self.first, *self.convs, self.real, self.energy):
            assert isinstance(layer, nn.Conv3d | nn.Linear)
            nn.init.xavier_uniform_(layer.weight)
            assert layer.bias is not None
            nn.init.zeros_(layer.bias)

    def forward(self, image_NXYZ: Tensor) -> tuple[Tensor, Tensor]:
        """(N, 51, 51, 25) -> logits (N,), energies (N,)."""
        x_NCXYZ = self.first(functional.pad(image_NXYZ[:, None], (2, 3, 2, 3, 2, 2)))  # "same", as Keras pads
        x_NCXYZ = x_NCXYZ.contiguous(memory_format=torch.channels_last_3d)
        x_NCXYZ = functional.dropout(functional.leaky_relu(x_NCXYZ, LEAK), 0.2, self.training)
        for conv, norm, in_z in zip(self.convs, self.norms, (1, 1, 0), strict=True):
            x_NCXYZ = norm(functional.leaky_relu(conv(functional.pad(x_NCXYZ, (in_z, in_z))), LEAK))
            x_NCXYZ = functional.dropout(x_NCXYZ, 0.2, self.training)
        x_NF = functional.avg_pool3d(x_NCXYZ, 2).flatten(1)
        return self.real(x_NF)[:, 0].float(), self.energy(x_NF)[:, 0].float()


class VariableAngleGan(PublishedGan):
    """The steps of `PublishedGan`, with the angle as input and as a loss."""

    def __init__(self, norm: NormFactory) -> None:
        self.generator = Generator51(norm)
        self.discriminator = Discriminator51(norm)

    def generate(self, energy_N: Tensor, theta_N: Tensor) -> Tensor:
        """Showers in GeV."""
        return self._fake(energy_N / GEV_PER_UNIT_ENERGY, theta_N) ** (1 / POWER) * GEV_PER_UNIT_CELL

    def _seen(self, image_NXYZ: Tensor) -> Tensor:
        return (image_NXYZ / GEV_PER_UNIT_CELL) ** POWER

    def _sum(self, image_NXYZ: Tensor) -> Tensor:
        return _plain(image_NXYZ).sum((1, 2, 3))

    def _targets(self, batch: Batch, real_NXYZ: Tensor) -> Targets:
        return Targets(batch.energy_N / GEV_PER_UNIT_ENERGY, self._sum(real_NXYZ), measured_angle(_plain(real_NXYZ)))

    def _fake(self, energy_N: Tensor, theta_N: Tensor) -> Tensor:
        noise_NL = torch.randn(len(energy_N), NUM_LATENT - 2)
        image_NXYZ: Tensor = self.generator(torch.cat([energy_N[:, None], theta_N[:, None], noise_NL], 1))
        return image_NXYZ

    def _losses(self, image_NXYZ: Tensor, label_N: Tensor, targets: Targets, recipe: Recipe) -> tuple[Tensor, Tensor]:
        logit_N, energy_N = self.discriminator(image_NXYZ)
        plain_NXYZ = _plain(image_NXYZ)
        loss = (
            recipe.adversarial_weight * functional.binary_cross_entropy_with_logits(logit_N, label_N)
            + AUXILIARY_WEIGHT * percentage_error(energy_N, targets.energy_N)
            + ANGLE_WEIGHT * (measured_angle(plain_NXYZ) - targets.angle_N).abs().mean()
            + SUM_WEIGHT * percentage_error(plain_NXYZ.sum((1, 2, 3)), targets.sum_N)
        )
        return logit_N, loss


def measured_angle(image_NXYZ: Tensor) -> Tensor:
    """Polar angle (N,) in radian from the barycentres of the layers: pi/2 where all lie on one line along z.

    Each layer with energy gives the slope of the line from the shower's barycentre to its own, in y against the distance in x
    and z; the angles are averaged with weights growing with depth. Lengths are in cells and layers alike, as in the papers.
    """
    x_X, y_Y, z_Z = (torch.arange(size) + 0.5 for size in image_NXYZ.shape[1:])
    in_layer_NZ = image_NXYZ.sum((1, 2))
    total_N1 = in_layer_NZ.sum(1, keepdim=True).clamp_min(TINY)
    x_sum_NZ = (image_NXYZ.sum(2) * x_X[:, None]).sum(1)
    y_sum_NZ = (image_NXYZ.sum(1) * y_Y[:, None]).sum(1)
    x_off_NZ = x_sum_NZ / in_layer_NZ.clamp_min(TINY) - x_sum_NZ.sum(1, keepdim=True) / total_N1
    y_off_NZ = y_sum_NZ / in_layer_NZ.clamp_min(TINY) - y_sum_NZ.sum(1, keepdim=True) / total_N1
    z_off_NZ = z_Z - (in_layer_NZ * z_Z).sum(1, keepdim=True) / total_N1
    distance_NZ = (x_off_NZ**2 + z_off_NZ**2).clamp_min(TINY).sqrt()
    angle_NZ = math.pi / 2 - torch.atan(torch.sign(z_off_NZ) * y_off_NZ / distance_NZ)
    weight_NZ = z_Z * (in_layer_NZ > 0)
    return (angle_NZ * weight_NZ).sum(1) / weight_NZ.sum(1).clamp_min(TINY)


def _plain(image_NXYZ: Tensor) -> Tensor:
    """Without the power; its gradient is finite at zero, as 1 / 0.85 is above one."""
    return image_NXYZ ** (1 / POWER)
