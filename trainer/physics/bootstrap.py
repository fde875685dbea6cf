"""Statistical errors of any figure: the figure is computed for the showers and for resampled sets of them, all at once."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from trainer.physics.values import UNDEFINED, Measured

Array = NDArray[np.float64]
HALF_TAIL = 0.158655
"""Share of a Gaussian below minus one standard deviation."""


class Bootstrap:
    """Weights (1 + B, N): the first row is the sample as it is, each other row one set of N drawn from it with replacement.

    Statistics keep the first axis: row 0 gives the value, the spread of the others its error (Efron 1979). Pairs are drawn
    together, so what both sets share (the electron's energy and angle) cancels in ratios.
    """

    def __init__(self, num_showers: int, *, num_replicas: int, seed: int) -> None:
        replicas = np.random.default_rng(seed).multinomial(
            num_showers, np.full(num_showers, 1 / num_showers), size=num_replicas
        )
        self.weights: Array = np.concatenate([np.ones((1, num_showers)), replicas.astype(np.float64)])

    def of(self, members: NDArray[np.int64]) -> Bootstrap:
        """The same resampled sets, of the showers with these indices only."""
        part = object.__new__(Bootstrap)
        part.weights = self.weights[:, members]
        return part

    def mean(self, values: Array) -> Array:
        """(1 + B, ...) weighted mean of (N, ...) over the showers in which it is defined."""
        flat = values.reshape(len(values), -1)
        defined = np.isfinite(flat)
        if defined.all():
            sums, counts = self.weights @ flat, self.weights.sum(axis=1, keepdims=True)
        else:
            sums, counts = self.weights @ np.where(defined, flat, 0), self.weights @ defined.astype(np.float64)
        return divided(sums, counts).reshape(-1, *values.shape[1:])

    def std(self, values: Array) -> Array:
        """(1 + B, ...) standard deviation of (N, ...) over the showers, unbiased in the variance."""
        centred = values - values.mean(axis=0)
        variance = self.mean(centred**2) - self.mean(centred) ** 2
        num_showers = len(values)
        return np.sqrt(np.maximum(variance, 0) * num_showers / max(num_showers - 1, 1))

    def width_about_line(self, values: Array, along: Array) -> Array:
        """(1 + B,) half the width of the central 68.27% of `values` (N,) about their straight line in `along` (N,).

        For a Gaussian this is its standard deviation, with an error of 0.96 / sqrt(N) of it; unlike a root mean square it does
        not hang on the one shower in a hundred that leaks much. The line is fitted once, to the sample as it is.
        """
        num_showers = len(values)
        deviation = along - along.mean()
        slope = float(divided(deviation @ values, deviation @ deviation)[()]) if deviation.any() else 0.0
        residuals = values - values.mean() - slope * deviation
        lower, upper = (self._quantile(residuals, share) for share in (HALF_TAIL, 1 - HALF_TAIL))
        width: Array = (upper - lower) / 2 * np.sqrt(num_showers / max(num_showers - 2, 1))
        return width

    def _quantile(self, values: Array, share: float) -> Array:
        """(1 + B,) weighted quantile of (N,), linear between the middles of the steps."""
        order = np.argsort(values)
        weights, ordered = self.weights[:, order], values[order]
        middles = (np.cumsum(weights, axis=1) - weights / 2) / weights.sum(axis=1, keepdims=True)
        above = np.clip((middles < share).sum(axis=1), 1, len(values) - 1)[:, None]
        right, left = np.take_along_axis(middles, above, axis=1)[:, 0], np.take_along_axis(middles, above - 1, axis=1)[:, 0]
        fraction = np.clip(np.nan_to_num(divided(share - left, right - left)), 0, 1)
        quantile: Array = ordered[above[:, 0] - 1] * (1 - fraction) + ordered[above[:, 0]] * fraction
        return quantile

    def correlations(self, values: Array) -> Array:
        """(1 + B, K, K) correlation matrix of (N, K); NaN where one of the two does not vary."""
        centred = values - values.mean(axis=0)
        means = self.mean(centred)
        products = self.mean(centred[:, :, None] * centred[:, None, :])
        covariance = products - means[:, :, None] * means[:, None, :]
        spread = np.sqrt(np.maximum(np.einsum("bkk->bk", covariance), 0))
        return divided(covariance, spread[:, :, None] * spread[:, None, :])


def divided(numerator: Array, denominator: Array) -> Array:
    """Elementwise quotient, NaN where the denominator is zero."""
    quotient: Array = np.full(np.broadcast_shapes(numerator.shape, denominator.shape), np.nan)
    np.divide(numerator, denominator, out=quotient, where=denominator != 0)
    return quotient


def at_fixed_energy(values: Array, energy: Array) -> Array:
    """`values` (N, ...) without their linear trend in the electron's energy (N,), the mean kept.

    Resampling then gives the error for the energies as they are, not for energies drawn anew.
    """
    flat = values.reshape(len(values), -1)
    defined = np.isfinite(flat)
    deviation = np.where(defined, energy[:, None], np.nan)
    deviation = np.where(defined, deviation - divided(np.where(defined, deviation, 0).sum(axis=0), defined.sum(axis=0)), 0)
    slope = divided((deviation * np.where(defined, flat, 0)).sum(axis=0), (deviation**2).sum(axis=0))
    return (flat - np.nan_to_num(slope) * deviation).reshape(values.shape)


def measured(replicas: Array) -> Measured:
    """Row 0 of (1 + B,) with the spread of the other rows as its error; NaN where undefined."""
    value, others = float(replicas[0]), replicas[1:][np.isfinite(replicas[1:])]
    if not np.isfinite(value):
        return UNDEFINED
    return Measured(value, float(np.std(others, ddof=1)) if len(others) > 1 else float("nan"))


def measured_each(replicas: Array) -> tuple[Measured, ...]:
    """`measured` for each column of (1 + B, K)."""
    return tuple(measured(column) for column in replicas.T)
