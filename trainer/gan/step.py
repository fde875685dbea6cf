"""Carries out the updates of one step on this rank's batch, in step with the other ranks."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from trainer.contract import Precision
from trainer.gan.model import Batch, Gan, Network, Update
from trainer.gan.recipe import Recipe
from trainer.ranks import Ranks


class Stepper:
    """Optimizers, averaged weights and the random numbers of a training.

    The random numbers of a step depend on (seed, step, rank) alone, and all ranks hold the same weights, optimizer states and
    BatchNorm statistics after each step; so a training continues from a saved state as if it had never stopped.
    """

    def __init__(self, gan: Gan, recipe: Recipe, ranks: Ranks, *, precision: Precision, seed: int) -> None:
        self.gan, self.recipe, self.ranks, self.seed = gan, recipe, ranks, seed
        self._autocast = precision is Precision.BF16
        self._networks = {Network.GENERATOR: gan.generator, Network.DISCRIMINATOR: gan.discriminator}
        self._optimizers = {name: _optimizer(recipe, network) for name, network in self._networks.items()}
        self.ema = {name: value.clone() for name, value in gan.generator.named_parameters()}

    def step(
        self, batch: Batch, *, step: int, samples_seen: int, rate_scale: float, stop: bool, regroup: bool | None = None
    ) -> dict[str, float]:
        """One step; returns the metrics averaged over ranks and updates, `stop` among them: above 0 if a rank wants to stop.

        `regroup`, in elastic runs, travels the same way.
        """
        torch.manual_seed(draw_seed(self.seed, "step", step, self.ranks.rank))
        rate = rate_scale * self.recipe.rate(samples_seen=samples_seen, step=step, num_ranks=self.ranks.num_whole)
        found: dict[str, list[Tensor]] = {"stop": [torch.tensor(float(stop))]}
        if regroup is not None:
            found["regroup"] = [torch.tensor(float(regroup))]
        updates = self.gan.updates(batch, self.recipe)
        while True:
            with torch.autocast("cpu", torch.bfloat16, enabled=self._autocast):
                update = next(updates, None)
            if update is None:
                break
            self._carry_out(update, rate)
            for name, value in update.metrics.items():
                found.setdefault(name, []).append(value.float())
        samples_per_step = self.ranks.total(len(batch))
        self._average_weights(self.recipe.ema_decay(samples_seen=samples_seen, samples_per_step=samples_per_step))
        return self._averaged({name: torch.stack(values).mean() for name, values in found.items()})

    def _carry_out(self, update: Update, rate: float) -> None:
        """One message between the ranks for all gradients of a network."""
        network, optimizer = self._networks[update.network], self._optimizers[update.network]
        optimizer.zero_grad()
        update.loss.backward()  # type: ignore[no-untyped-call]
        gradients = [parameter.grad for parameter in network.parameters() if parameter.grad is not None]
        self.ranks.average_(gradients, name=f"gradients.{update.network}")
        for group in optimizer.param_groups:
            group["lr"] = rate
        optimizer.step()

    def _averaged(self, metrics: dict[str, Tensor]) -> dict[str, float]:
        """The metrics over all ranks; in the same message the ranks' BatchNorm statistics become one."""
        statistics = [
            buffer for network in self._networks.values() for buffer in network.buffers() if buffer.dtype.is_floating_point
        ]
        values = torch.stack(list(metrics.values()))
        self.ranks.average_([values, *statistics], name="metrics")
        return dict(zip(metrics, values.tolist(), strict=True))

    @torch.no_grad()
    def _average_weights(self, decay: float) -> None:
        for name, value in self.gan.generator.named_parameters():
            self.ema[name].lerp_(value, 1 - decay)

    def state(self) -> dict[str, Any]:
        """Everything that the next steps depend on."""
        return {
            **{name.value: network.state_dict() for name, network in self._networks.items()},
            **{f"{name}_optimizer": optimizer.state_dict() for name, optimizer in self._optimizers.items()},
            "ema": self.ema,
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """The inverse of `state`."""
        for name, network in self._networks.items():
            network.load_state_dict(state[name.value])
            self._optimizers[name].load_state_dict(state[f"{name}_optimizer"])
        self.ema = {name: value.clone() for name, value in state["ema"].items()}


def draw_seed(seed: int, purpose: str, *counters: int) -> int:
    """A 63-bit seed for torch that depends on all arguments: counted, not drawn, so that any step can be repeated alone."""
    digest = hashlib.sha256(f"{seed}/{purpose}/{'/'.join(map(str, counters))}".encode()).digest()
    return int.from_bytes(digest[:8], "little") >> 1


def _optimizer(recipe: Recipe, network: nn.Module) -> torch.optim.Optimizer:
    if recipe.optimizer == "rmsprop":
        return torch.optim.RMSprop(network.parameters(), recipe.learning_rate, alpha=0.9, eps=1e-7)
    assert recipe.optimizer == "adam"
    return torch.optim.Adam(network.parameters(), recipe.learning_rate, betas=(0.5, 0.9), fused=True)
