"""BatchNorm over the batch of all ranks: Horovod has it on GPUs only."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from trainer.ranks import Ranks


class GlobalBatchNorm3d(nn.BatchNorm3d):
    """As `nn.BatchNorm3d` on the concatenation of all ranks' batches, which must be equally large, or shares of the ranks.

    Mean and mean square are averaged over the ranks, in float32 and differentiably: the gradient of one rank's loss reaches the
    moments of the others.
    """

    def __init__(self, num_features: int, ranks: Ranks, *, name: str, eps: float, momentum: float) -> None:
        super().__init__(num_features, eps=eps, momentum=momentum)
        self._ranks, self._name = ranks, name

    def forward(self, x_NCXYZ: Tensor) -> Tensor:
        """Same shape and type out as in."""
        if not self.training:
            normed_NCXYZ: Tensor = super().forward(x_NCXYZ)
            return normed_NCXYZ
        exact_NCXYZ = x_NCXYZ.float()
        moments_2C = torch.stack([exact_NCXYZ.mean((0, 2, 3, 4)), exact_NCXYZ.square().mean((0, 2, 3, 4))])
        mean_C, square_C = self._ranks.average(moments_2C, self._name)
        variance_C = (square_C - mean_C**2).clamp_min(0)
        self._follow(mean_C.detach(), variance_C.detach(), num=self._ranks.total(x_NCXYZ.numel() // x_NCXYZ.shape[1]))
        gain_C = self.weight / (variance_C + self.eps).sqrt()
        shape = (1, -1, 1, 1, 1)
        scaled_NCXYZ: Tensor = (exact_NCXYZ - mean_C.view(shape)) * gain_C.view(shape) + self.bias.view(shape)
        return scaled_NCXYZ.to(x_NCXYZ.dtype)

    @torch.no_grad()
    def _follow(self, mean_C: Tensor, variance_C: Tensor, *, num: int) -> None:
        """The running estimates, as `nn.BatchNorm3d` keeps them; without a momentum, their plain mean."""
        assert self.num_batches_tracked is not None
        assert self.running_mean is not None
        assert self.running_var is not None
        self.num_batches_tracked += 1
        share = self.momentum if self.momentum is not None else 1 / int(self.num_batches_tracked)
        self.running_mean.lerp_(mean_C, share)
        self.running_var.lerp_(variance_C * num / max(num - 1, 1), share)


def recalibrating(network: nn.Module) -> list[nn.BatchNorm3d]:
    """Forget the running statistics of a network's BatchNorms and let the next batches in training mode be averaged plainly."""
    norms = [module for module in network.modules() if isinstance(module, nn.BatchNorm3d)]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None
    return norms
