"""Tells when a training has gone wrong while every loss may still be finite."""

from __future__ import annotations

import math
from collections.abc import Mapping

from trainer.gan.recipe import HealthLimits


class Health:
    """Watches the metrics of each step: means over the ranks, so that all ranks come to the same verdict.

    Four ways to go wrong: a number that is not finite; an energy response outside the limits; a generator that makes nothing;
    a discriminator that is never in doubt, from which a generator learns nothing. All but the first count only after the grace
    steps, and only as a mean over the patience steps, because single batches tell little.
    """

    def __init__(self, limits: HealthLimits) -> None:
        self._limits = limits
        self._means: dict[str, float] = {}
        self._num_steps = 0

    def problem(self, metrics: Mapping[str, float], *, step: int) -> str | None:
        """What is wrong after this step, in words, or None. `metrics`: d_real, d_fake, response and any losses."""
        broken = [name for name, value in metrics.items() if not math.isfinite(value)]
        if broken:
            return f"{', '.join(broken)} {'is' if len(broken) == 1 else 'are'} not a finite number"
        self._num_steps += 1
        share = 1 / min(self._num_steps, self._limits.patience_steps)
        for name in ("d_real", "d_fake", "response"):
            self._means[name] = self._means.get(name, 0.0) * (1 - share) + metrics[name] * share
        if self._num_steps < self._limits.patience_steps or step < self._limits.grace_steps:
            return None
        return self._verdict(self._means["d_real"], self._means["d_fake"], self._means["response"])

    def _verdict(self, d_real: float, d_fake: float, response: float) -> str | None:
        limits = self._limits
        if response < 1e-3:
            return "the generator makes empty showers"
        if not limits.low_response <= response <= limits.high_response:
            return f"the energy response is {response:.3g}, outside {limits.low_response:g} to {limits.high_response:g}"
        if d_real - d_fake > limits.saturated_gap:
            return f"the discriminator is saturated: it gives real showers {d_real:.2f} and generated ones {d_fake:.2f}"
        return None

    def forget(self) -> None:
        """Begin to watch anew, after a return to an earlier state."""
        self._means.clear()
        self._num_steps = 0
