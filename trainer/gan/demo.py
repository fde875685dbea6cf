"""A small GAN of our own for a minute on a laptop, at fixed angle: 25 x 25 x 25 cells. It is none of the papers'.

Three things make a minute enough. The generator is built like a shower: in each cell a mean and a spread, first taken from
the training showers (`start_from`) and then learnt; noise of its own in each cell, cut off at zero, which gives the many empty
cells and the few hits of the tails; a factor for each layer, a shift of the whole and a total, for what a shower has one of;
and a convolutional part for all else. The discriminator sees layer and row sums beside the image. And the generator is also
trained by an energy score, a proper scoring rule, on these sums: two showers generated for each real one at the same energy
tell means, spreads and correlations apart without an opponent (T. Gneiting, A. E. Raftery, J. Am. Stat. Assoc. 102 (2007) 359).
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.parametrizations import spectral_norm

from trainer.gan.cells import CELL_SCALE, POWER, TYPICAL_RESPONSE, from_cells, mirrored, moved, sums, to_cells
from trainer.gan.model import Batch, Network, NormFactory, Update, adversarial_metrics, frozen, response
from trainer.gan.recipe import Recipe

NUM_LATENT = 64
TOTAL_GAIN = 0.1
"""Of the small network on the total: totals vary by 5%, layers by 40%, and one rate of learning has to suit both."""
MEAN_LOG_OF_NORMAL = 0.635
"""A normal of spread s has a mean log |x| of log s - 0.635: (Euler's gamma + log 2) / 2."""
MIN_SHARE = 1e-5
"""Of the electron's energy; an image with less is not scaled up, so that one of zeros stays one."""
SIZE = 25
NUM_NOISE_CHANNELS = 4
REAL_LABEL = 0.9
LEAK = 0.2
FEATURE_WEIGHTS = (1.0, 1.0, 1.0, 1.0, 3.0, 0.5, 0.5, 0.5)
"""Of the sums in the energy score, see `energy_score`."""
MIN_LOG_DISTANCE = 0.01
"""Between the middles of the lower and the upper half of the energies; closer, as with one energy, a slope means nothing."""
TRUSTED_HITS = 30
"""With so many hits in the training showers, half of a cell's change with energy is believed at the start."""


class CellMaps(nn.Module):
    """Mean and spread of every cell at a logarithm t of the energy, linear in t; learnt, starting from the training showers."""

    def __init__(self) -> None:
        super().__init__()
        self.mean_2XYZ = nn.Parameter(torch.zeros(2, SIZE, SIZE, SIZE))
        self.log_spread_2XYZ = nn.Parameter(torch.stack([torch.full((SIZE, SIZE, SIZE), -4.0), torch.zeros(SIZE, SIZE, SIZE)]))

    def forward(self, t_N: Tensor) -> tuple[Tensor, Tensor]:
        """Both (N, X, Y, Z)."""
        t_N111 = t_N[:, None, None, None]
        mean_NXYZ = self.mean_2XYZ[0] + self.mean_2XYZ[1] * t_N111
        return mean_NXYZ, (self.log_spread_2XYZ[0] + self.log_spread_2XYZ[1] * t_N111).exp()

    @torch.no_grad()
    def start_from(self, cells_NXYZ: Tensor, t_N: Tensor) -> None:
        """The line through the maps of the lower and of the upper half of the energies."""
        low_N = t_N.argsort().argsort() < (len(t_N) + 1) // 2
        maps, centres = [], []
        for part_N in (low_N, ~low_N):
            maps.append(torch.stack(_cut_normal(cells_NXYZ[part_N])))
            centres.append(float(t_N[part_N].mean()))
        hits_XYZ = (cells_NXYZ > 0).float().sum(0)
        distance = centres[1] - centres[0]
        per_distance = 1 / distance if distance > MIN_LOG_DISTANCE else 0.0
        slope_2XYZ = (maps[1] - maps[0]) * per_distance * hits_XYZ / (hits_XYZ + TRUSTED_HITS)
        slope_2XYZ[1].clamp_(-1, 1)
        middle_2XYZ = (maps[0] + maps[1]) / 2 - slope_2XYZ * sum(centres) / 2
        self.mean_2XYZ.copy_(torch.stack([middle_2XYZ[0], slope_2XYZ[0]]))
        self.log_spread_2XYZ.copy_(torch.stack([middle_2XYZ[1], slope_2XYZ[1]]))


class DemoGenerator(nn.Module):
    """Latent numbers and the logarithm of the energy to cells, as the networks see them."""

    def __init__(self, norm: NormFactory) -> None:
        super().__init__()
        self.maps = CellMaps()
        self.dense = nn.Linear(NUM_LATENT + 1, 64 * 4**3)
        self.conv1, self.norm1 = nn.Conv3d(64, 32, 3, padding=1), norm(32)
        self.conv2, self.norm2 = nn.Conv3d(32, 16, 3, padding=1), norm(16)
        self.conv3 = nn.Conv3d(16 + NUM_NOISE_CHANNELS, 2 * 2**3, 3, padding=1)
        self.whole = nn.Sequential(
            nn.Linear(NUM_LATENT + 1, 64), nn.LeakyReLU(LEAK), nn.Linear(64, 64), nn.LeakyReLU(LEAK), nn.Linear(64, SIZE + 3)
        )
        for last in (self.conv3, self.whole[-1]):
            assert isinstance(last, nn.Conv3d | nn.Linear)
            assert last.bias is not None
            last.weight.data.mul_(0.1)
            nn.init.zeros_(last.bias)
        self.log_response_2 = nn.Parameter(torch.tensor([math.log(TYPICAL_RESPONSE), 0.0]))
        self.log_resolution_2 = nn.Parameter(torch.tensor([math.log(0.05), 0.0]))
        self.log_energy_centre: Tensor
        self.register_buffer("log_energy_centre", torch.tensor(math.log(50.0)))

    def forward(self, energy_N: Tensor) -> Tensor:
        """(N,) GeV -> (N, 25, 25, 25); noise from torch's global generator.

        Twenty-five layer factors, a shift of the whole in x and y, and the total come from one small network; the total also
        has a normal fluctuation of its own. The image is scaled to the total, so what one layer gains the others lose.
        """
        t_N = self.log_energy(energy_N)
        latent_NL = torch.cat([torch.randn(len(t_N), NUM_LATENT), t_N[:, None]], 1)
        log_factor_NZ, log_total_N1, impact_N2 = self.whole(latent_NL).float().split([SIZE, 1, 2], 1)
        resolution_N = (self.log_resolution_2[0] + self.log_resolution_2[1] * t_N).exp()
        log_total_N = self.log_response_2[0] + self.log_response_2[1] * t_N + TOTAL_GAIN * log_total_N1[:, 0]
        log_total_N = log_total_N + resolution_N * torch.randn(len(t_N))

        shift_NXYZ, log_widening_NXYZ = self._convolved(latent_NL).unbind(1)
        mean_NXYZ, spread_NXYZ = self.maps(t_N)
        for axis, impact_N in zip((1, 2), torch.tanh(impact_N2).unbind(1), strict=True):
            mean_NXYZ = moved(mean_NXYZ, impact_N, axis=axis)
        noise_NXYZ = torch.randn(len(t_N), SIZE, SIZE, SIZE)
        cells_NXYZ = mean_NXYZ + (shift_NXYZ + log_widening_NXYZ.exp() * noise_NXYZ) * spread_NXYZ
        cells_NXYZ = torch.relu(cells_NXYZ * log_factor_NZ.exp()[:, None, None, :])
        share_N = (cells_NXYZ ** (1 / POWER)).sum((1, 2, 3)) / CELL_SCALE
        scale_N = (log_total_N.exp() / share_N.clamp_min(MIN_SHARE)) ** POWER
        scaled_NXYZ: Tensor = cells_NXYZ * scale_N[:, None, None, None]
        return scaled_NXYZ

    def log_energy(self, energy_N: Tensor) -> Tensor:
        """ln of the energy over that of the training showers' middle."""
        return torch.log(energy_N) - self.log_energy_centre

    @torch.no_grad()
    def start_from(self, batch: Batch) -> None:
        """The middle of the energies, the cells' mean and spread, and the mean and spread of the total."""
        self.log_energy_centre.copy_(torch.log(batch.energy_N).mean())
        t_N = self.log_energy(batch.energy_N)
        self.maps.start_from(to_cells(batch.images_NXYZ, batch.energy_N), t_N)
        log_share_N = torch.log((batch.images_NXYZ.sum((1, 2, 3)) / batch.energy_N).clamp_min(MIN_SHARE))
        self.log_response_2.copy_(_line(t_N, log_share_N))
        deviation_N = (log_share_N - self.log_response_2[0] - self.log_response_2[1] * t_N).abs().clamp_min(1e-4)
        self.log_resolution_2.copy_(_line(t_N, deviation_N.log()))
        self.log_resolution_2[0] += MEAN_LOG_OF_NORMAL

    def _convolved(self, latent_NL: Tensor) -> Tensor:
        """(N, 2, 25, 25, 25): 4 -> 7 -> 13 cells by nearest upsampling, then eight cells from each (a pixel shuffle)."""
        x_NCXYZ = self.dense(latent_NL).view(-1, 64, 4, 4, 4)
        x_NCXYZ = functional.relu(self.norm1(self.conv1(functional.interpolate(x_NCXYZ, size=(7, 7, 7)))))
        x_NCXYZ = functional.relu(self.norm2(self.conv2(functional.interpolate(x_NCXYZ, size=(13, 13, 13)))))
        noise_NCXYZ = torch.randn(len(x_NCXYZ), NUM_NOISE_CHANNELS, 13, 13, 13).to(x_NCXYZ.dtype)
        x_NCXYZ = self.conv3(torch.cat([x_NCXYZ, noise_NCXYZ], 1)).float()
        x_NCXYZ = x_NCXYZ.view(-1, 2, 2, 2, 2, 13, 13, 13).permute(0, 1, 5, 2, 6, 3, 7, 4).reshape(-1, 2, 26, 26, 26)
        maps_NCXYZ: Tensor = x_NCXYZ[..., :SIZE, :SIZE, :SIZE]
        return maps_NCXYZ


class DemoDiscriminator(nn.Module):
    """Cells and the energy to the logit of being real. Spectral norm keeps it from running away."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = spectral_norm(nn.Conv3d(1, 16, 4, 2, 1))
        self.conv2 = spectral_norm(nn.Conv3d(16, 32, 4, 2, 1))
        self.conv3 = spectral_norm(nn.Conv3d(32, 64, 4, 2, 1))
        self.image = spectral_norm(nn.Linear(64 * 3**3, 64))
        self.sums = spectral_norm(nn.Linear(3 * SIZE + 3, 64))
        self.joint = spectral_norm(nn.Linear(64 + 64 + 1, 64))
        self.real = spectral_norm(nn.Linear(64, 1))

    def forward(self, cells_NXYZ: Tensor, t_N: Tensor) -> Tensor:
        """(N, 25, 25, 25), (N,) -> logits (N,)."""
        x_NCXYZ = cells_NXYZ[:, None]
        for conv in (self.conv1, self.conv2, self.conv3):
            x_NCXYZ = functional.leaky_relu(conv(x_NCXYZ), LEAK)
        image_NF = functional.leaky_relu(self.image(x_NCXYZ.flatten(1)), LEAK).float()
        sums_NF = functional.leaky_relu(self.sums(self._sums(cells_NXYZ, t_N)), LEAK).float()
        diversity_N1 = (sums_NF.var(0) + 1e-6).sqrt().mean().expand(len(t_N), 1)
        joint_NF = functional.leaky_relu(self.joint(torch.cat([image_NF, sums_NF, diversity_N1], 1)), LEAK)
        logit_N1: Tensor = self.real(joint_NF)
        return logit_N1[:, 0].float()

    def _sums(self, cells_NXYZ: Tensor, t_N: Tensor) -> Tensor:
        """Layer and row sums, total, share of cells hit: scaled to be of order one."""
        layers_NZ, rows_NX, rows_NY = sums(cells_NXYZ)
        total_N1 = layers_NZ.sum(1, keepdim=True)
        hit_N1 = (cells_NXYZ > 0).float().mean((1, 2, 3))[:, None]
        return torch.cat([layers_NZ * 10, rows_NX * 3, rows_NY * 3, (total_N1 - 1) * 10, hit_N1 * 10, t_N[:, None]], 1)


class DemoGan:
    """One step: the discriminator on real and generated showers together, then the generator once."""

    def __init__(self, norm: NormFactory) -> None:
        self._generator = DemoGenerator(norm)
        self.generator: nn.Module = self._generator
        self.discriminator: nn.Module = DemoDiscriminator()

    def start_from(self, batch: Batch) -> None:
        """See `DemoGenerator.start_from`."""
        self._generator.start_from(batch)

    def generate(self, energy_N: Tensor, theta_N: Tensor) -> Tensor:
        """Showers in GeV; the angle is fixed by the data."""
        return from_cells(self._generator(energy_N), energy_N)

    def updates(self, batch: Batch, recipe: Recipe) -> Iterator[Update]:
        """Two showers are generated for each real one: both for the energy score, one of them for the discriminator."""
        real_NXYZ = to_cells(mirrored(batch.images_NXYZ), batch.energy_N)
        t_N = self._generator.log_energy(batch.energy_N)
        fake_NXYZ, other_NXYZ = self.generator(batch.energy_N.repeat(2)).chunk(2)

        real_logit_N = self.discriminator(real_NXYZ, t_N)
        fake_logit_N = self.discriminator(fake_NXYZ.detach(), t_N)
        loss = _real_or_fake(real_logit_N, REAL_LABEL) + _real_or_fake(fake_logit_N, 0.0)
        metrics = {"discriminator": loss.detach(), **adversarial_metrics(real_logit_N, fake_logit_N)}
        yield Update(Network.DISCRIMINATOR, loss, metrics)

        with frozen(self.discriminator):
            adversarial = _real_or_fake(self.discriminator(fake_NXYZ, t_N), 1.0)
        score = energy_score(fake_NXYZ, other_NXYZ, real_NXYZ)
        loss = recipe.adversarial_weight * adversarial + score
        of_energy = response(from_cells(fake_NXYZ, batch.energy_N), batch.images_NXYZ)
        metrics = {"generator": adversarial.detach(), "energy_score": score.detach(), "response": of_energy}
        yield Update(Network.GENERATOR, loss, metrics)


def energy_score(one_NXYZ: Tensor, other_NXYZ: Tensor, real_NXYZ: Tensor) -> Tensor:
    """Mean over the showers of (|one - real| + |other - real| - |one - other|) / 2, added up over several sums of their cells.

    Least when generated and real sums have the same distribution at each energy. The sums: layers, their running total, rows,
    the total; and square roots of layers and rows relative to their means over the real batch, so that the faint ones count.
    """
    score = real_NXYZ.new_zeros(())
    features = (_features(cells_NXYZ, real_NXYZ) for cells_NXYZ in (one_NXYZ, other_NXYZ, real_NXYZ))
    for weight, one_NF, other_NF, real_NF in zip(FEATURE_WEIGHTS, *features, strict=True):
        gain_N = (_distance(one_NF, real_NF) + _distance(other_NF, real_NF) - _distance(one_NF, other_NF)) / 2
        score = score + weight * gain_N.mean() / torch.linalg.vector_norm(real_NF, dim=1).mean()
    return score


def _features(cells_NXYZ: Tensor, real_NXYZ: Tensor) -> list[Tensor]:
    layers_NZ, rows_NX, rows_NY = sums(cells_NXYZ)
    means = [real_NF.mean(0, keepdim=True).clamp_min(1e-6) for real_NF in sums(real_NXYZ)]
    relative = [
        (values_NF / mean_1F + 1e-3).sqrt() for values_NF, mean_1F in zip((layers_NZ, rows_NX, rows_NY), means, strict=True)
    ]
    return [layers_NZ, layers_NZ.cumsum(1), rows_NX, rows_NY, layers_NZ.sum(1, keepdim=True), *relative]


def _cut_normal(cells_NXYZ: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and log spread (X, Y, Z) of the normal that, cut off at zero, has each cell's share of hits and mean energy.

    With k = mean / spread: the share of hits is P(k), the normal distribution, and the mean energy spread x (k P(k) + p(k)).
    Where nearly all showers hit a cell the share tells nothing, and mean and spread are those of the cell.
    """
    num = len(cells_NXYZ)
    hit_XYZ = (cells_NXYZ > 0).float().mean(0).clamp(1 / num, 1 - 1 / num)
    energy_XYZ = cells_NXYZ.mean(0).clamp_min(1e-5)
    ratio_XYZ = torch.special.ndtri(hit_XYZ)
    density_XYZ = torch.exp(-(ratio_XYZ**2) / 2) / math.sqrt(2 * math.pi)
    spread_XYZ = energy_XYZ / (ratio_XYZ * hit_XYZ + density_XYZ)
    always_XYZ = hit_XYZ > 0.97
    spread_XYZ = torch.where(always_XYZ, cells_NXYZ.std(0), spread_XYZ).clamp_min(1e-5)
    return torch.where(always_XYZ, energy_XYZ, ratio_XYZ * spread_XYZ), spread_XYZ.log()


def _line(t_N: Tensor, y_N: Tensor) -> Tensor:
    """Intercept and slope of the least-squares line. Plain sums: a library's solver rounds by where its memory lies."""
    centred_N = t_N - t_N.mean()
    slope = (centred_N * y_N).sum() / centred_N.square().sum().clamp_min(1e-6)
    return torch.stack([y_N.mean() - slope * t_N.mean(), slope])


def _real_or_fake(logit_N: Tensor, label: float) -> Tensor:
    return functional.binary_cross_entropy_with_logits(logit_N, torch.full_like(logit_N, label))


def _distance(a_NF: Tensor, b_NF: Tensor) -> Tensor:
    return (((a_NF - b_NF) ** 2).sum(1) + 1e-8).sqrt()
