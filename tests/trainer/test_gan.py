from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch
from torch import nn

from tests.trainer.conftest import SAMPLE
from trainer.contract import Preset
from trainer.gan import cells, demo
from trainer.gan.build import build, num_parameters
from trainer.gan.model import Batch, Network
from trainer.gan.norm import GlobalBatchNorm3d, recalibrating
from trainer.gan.recipe import DEMO, PUBLISHED, of_preset
from trainer.gan.variable_angle import measured_angle
from trainer.ranks import SingleRank
from trainer.refusal import Refusal
from trainer.showers import reader

SHAPE = (25, 25, 25)
VARIABLE_ANGLE_SAMPLE = SAMPLE.with_name("angle.h5")


def batch(path: Path, num: int) -> Batch:
    showers = reader.read(path, range(num))
    return Batch(torch.from_numpy(showers.ecal), torch.from_numpy(showers.energy), torch.from_numpy(showers.theta))


def test_the_published_networks_have_the_papers_numbers_of_parameters() -> None:
    gan = build(Preset.PUBLISHED, SHAPE)
    assert num_parameters(gan.generator) == 872_808
    assert num_parameters(gan.discriminator) == 73_402


def test_the_published_networks_at_variable_angle_have_the_papers_numbers_of_parameters() -> None:
    """The papers count, as Keras does, the running statistics of BatchNorm too."""

    def with_statistics(network: nn.Module) -> int:
        statistics = sum(buffer.numel() for buffer in network.buffers() if buffer.dtype.is_floating_point)
        return num_parameters(network) + statistics

    gan = build(Preset.PUBLISHED, (51, 51, 25))
    assert num_parameters(gan.generator) == 1_364_983
    assert with_statistics(gan.generator) == 1_365_047
    assert num_parameters(gan.discriminator) == 87_354
    assert with_statistics(gan.discriminator) == 87_402


def test_a_step_at_variable_angle_updates_the_networks_in_the_papers_order() -> None:
    torch.manual_seed(1)
    gan, real = build(Preset.PUBLISHED, (51, 51, 25)), batch(VARIABLE_ANGLE_SAMPLE, 2)
    networks = []
    for update in gan.updates(real, of_preset(Preset.PUBLISHED, (51, 51, 25))):
        networks.append(update.network)
        if len(networks) == 3:
            update.loss.backward()  # type: ignore[no-untyped-call]
            break
    assert networks == [Network.DISCRIMINATOR, Network.DISCRIMINATOR, Network.GENERATOR]
    assert all(parameter.grad is not None and parameter.grad.isfinite().all() for parameter in gan.generator.parameters())


def test_the_angle_measured_in_geant4s_showers_is_the_electrons() -> None:
    """But for the unlike sizes of a cell (5.1 mm) and a layer (5.9 mm), which stretch cot(theta) by 7%."""
    real = batch(VARIABLE_ANGLE_SAMPLE, 40)
    found_N = measured_angle(real.images_NXYZ)
    stretched_N = math.pi / 2 - torch.atan(1.07 / torch.tan(real.theta_N))
    assert float((found_N - stretched_N).abs().mean()) < 0.03


@pytest.mark.parametrize("preset", list(Preset))
def test_generated_showers_have_the_shape_and_the_units_of_geant4s(preset: Preset, data: Path) -> None:
    torch.manual_seed(1)
    gan, real = build(preset, SHAPE), batch(data, 6)
    gan.start_from(real)
    with torch.no_grad():
        image_NXYZ = gan.generate(real.energy_N, real.theta_N)
    assert image_NXYZ.shape == real.images_NXYZ.shape
    assert image_NXYZ.dtype is torch.float32
    assert (image_NXYZ >= 0).all()


def test_one_step_updates_the_published_networks_in_the_papers_order(data: Path) -> None:
    gan = build(Preset.PUBLISHED, SHAPE)
    networks = [update.network for update in gan.updates(batch(data, 4), PUBLISHED)]
    assert networks == [Network.DISCRIMINATOR, Network.DISCRIMINATOR, Network.GENERATOR, Network.GENERATOR]


def test_the_generators_updates_leave_no_gradient_in_the_discriminator(data: Path) -> None:
    for preset in Preset:
        gan = build(preset, SHAPE)
        for update in gan.updates(batch(data, 4), of_preset(preset)):
            if update.network is Network.GENERATOR:
                gan.discriminator.zero_grad()
                update.loss.backward()  # type: ignore[no-untyped-call]
                assert all(parameter.grad is None for parameter in gan.discriminator.parameters())


def test_a_shape_without_a_network_is_refused() -> None:
    with pytest.raises(Refusal, match=r"51 x 51 x 25 cells for preset demo; expected 25 x 25 x 25"):
        build(Preset.DEMO, (51, 51, 25))


def test_cells_and_gev_are_each_others_inverse(data: Path) -> None:
    real = batch(data, 3)
    cells_NXYZ = cells.to_cells(real.images_NXYZ, real.energy_N)
    assert torch.allclose(cells.from_cells(cells_NXYZ, real.energy_N), real.images_NXYZ, rtol=1e-4)


def test_the_demo_generator_starts_with_the_mean_energy_and_the_occupancy_of_its_training_showers() -> None:
    torch.manual_seed(1)
    gan, real = build(Preset.DEMO, SHAPE), batch(SAMPLE, 400)
    gan.start_from(real)
    with torch.no_grad():
        image_NXYZ = gan.generate(real.energy_N, real.theta_N)
    assert float(image_NXYZ.sum() / real.images_NXYZ.sum()) == pytest.approx(1, abs=0.1)
    assert float((image_NXYZ > 0).float().mean() / (real.images_NXYZ > 0).float().mean()) == pytest.approx(1, abs=0.15)


def test_the_energy_score_prefers_the_true_spread_to_a_narrower_and_a_wider_one() -> None:
    torch.manual_seed(1)
    base_NXYZ = torch.rand(1, 25, 25, 25)

    def showers(spread: float) -> torch.Tensor:
        return base_NXYZ * (1 + spread * torch.randn(400, 1, 1, 1)).clamp_min(0.01)

    real_NXYZ = showers(0.2)
    scores = {spread: float(demo.energy_score(showers(spread), showers(spread), real_NXYZ)) for spread in (0.05, 0.2, 0.5)}
    assert min(scores, key=lambda spread: scores[spread]) == 0.2


def test_moving_an_image_moves_its_barycentre_and_keeps_its_energy() -> None:
    image_NXYZ = torch.zeros(2, 25, 25, 25)
    image_NXYZ[:, 12, 12] = 1.0
    moved_NXYZ = cells.moved(image_NXYZ, torch.tensor([0.25, -0.5]), axis=1)
    rows_NX = moved_NXYZ.sum((2, 3))
    barycentre_N = (rows_NX * torch.arange(25)).sum(1) / rows_NX.sum(1)
    assert torch.allclose(barycentre_N, torch.tensor([12.25, 11.5]))
    assert torch.allclose(moved_NXYZ.sum((1, 2, 3)), image_NXYZ.sum((1, 2, 3)))


def test_batchnorm_over_one_rank_is_batchnorm() -> None:
    torch.manual_seed(1)
    ours, theirs = GlobalBatchNorm3d(3, SingleRank(), name="n", eps=1e-5, momentum=0.1), nn.BatchNorm3d(3)
    x_NCXYZ = torch.randn(4, 3, 5, 6, 7) * 2 + 1
    one_NCXYZ, other_NCXYZ = x_NCXYZ.clone().requires_grad_(), x_NCXYZ.clone().requires_grad_()
    ours(one_NCXYZ).square().sum().sin().backward()
    theirs(other_NCXYZ).square().sum().sin().backward()
    assert torch.allclose(ours(x_NCXYZ), theirs(x_NCXYZ), atol=1e-5)
    assert one_NCXYZ.grad is not None
    assert other_NCXYZ.grad is not None
    assert torch.allclose(one_NCXYZ.grad, other_NCXYZ.grad, atol=1e-4)
    assert torch.allclose(ours.running_var, theirs.running_var)  # type: ignore[arg-type]


def test_recalibrated_statistics_are_those_of_the_batches_alone() -> None:
    norm = nn.BatchNorm3d(1)
    norm.running_mean.fill_(77.0)  # type: ignore[union-attr]
    recalibrating(norm)
    norm.train()
    for value in (1.0, 3.0):
        norm(torch.full((2, 1, 2, 2, 2), value))
    assert float(norm.running_mean[0]) == pytest.approx(2.0)  # type: ignore[index]


def test_the_schedule_does_not_know_the_number_of_epochs() -> None:
    rates = [DEMO.rate(samples_seen=samples, step=1000, num_ranks=2) for samples in (0, 20_000, 60_000)]
    assert rates == pytest.approx([DEMO.learning_rate, DEMO.learning_rate / 2**0.5, DEMO.learning_rate / 2])
    assert PUBLISHED.rate(samples_seen=10**6, step=0, num_ranks=4) == pytest.approx(4 * PUBLISHED.learning_rate)


def test_the_demo_generator_starts_from_showers_of_one_energy_and_from_an_empty_one(data: Path) -> None:
    showers = batch(data, 8)
    images_NXYZ = showers.images_NXYZ.clone()
    images_NXYZ[0] = 0
    gan = build(Preset.DEMO, (25, 25, 25))
    gan.start_from(Batch(images_NXYZ, torch.full((8,), 50.0), showers.theta_N))
    assert all(bool(parameter.isfinite().all()) for parameter in gan.generator.parameters())
