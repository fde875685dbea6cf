"""Chooses the network by preset and by the shape of the showers."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count

from torch import nn

from trainer.contract import BatchNorm, Preset
from trainer.gan.demo import DemoGan
from trainer.gan.model import Gan, NormFactory
from trainer.gan.norm import GlobalBatchNorm3d
from trainer.gan.published import PublishedGan
from trainer.gan.recipe import ImageShape, check_shape
from trainer.gan.variable_angle import VariableAngleGan
from trainer.ranks import Ranks, SingleRank

_GANS: dict[tuple[Preset, ImageShape], tuple[Callable[[NormFactory], Gan], float, float]] = {
    (Preset.DEMO, (25, 25, 25)): (DemoGan, 1e-5, 0.1),
    (Preset.PUBLISHED, (25, 25, 25)): (PublishedGan, 1e-3, 0.01),
    (Preset.PUBLISHED, (51, 51, 25)): (VariableAngleGan, 1e-6, 0.01),
}
"""Each with the epsilon and the momentum of its BatchNorm: PyTorch's, or the papers' (whose momentum 0.99 is 0.01 here)."""


def build(
    preset: Preset, image_shape: ImageShape, *, batchnorm: BatchNorm = BatchNorm.LOCAL, ranks: Ranks | None = None
) -> Gan:
    """A new network, its weights drawn from torch's global generator. Refuses shapes that the preset has no network for."""
    check_shape(preset, image_shape)
    make, epsilon, momentum = _GANS[preset, image_shape]
    ranks, numbers = ranks or SingleRank(), count()

    def norm(num_channels: int) -> nn.Module:
        if batchnorm is BatchNorm.LOCAL:
            return nn.BatchNorm3d(num_channels, eps=epsilon, momentum=momentum)
        return GlobalBatchNorm3d(num_channels, ranks, name=f"batchnorm.{next(numbers)}", eps=epsilon, momentum=momentum)

    return make(norm)


def num_parameters(network: nn.Module) -> int:
    """Trainable numbers in a network."""
    return sum(parameter.numel() for parameter in network.parameters())
