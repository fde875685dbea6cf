"""Statistical errors of any figure: the figure is computed for the showers and for resampled sets of them, all at once."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from trainer.physics.values import UNDEFINED, Measured

Array = NDArray[np.float64]


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

    def std_about_line(self, values: Array, along: Array) -> Array:
        """(1 + B,) standard deviation of `values` (N,) about their straight line in `along` (N,)."""
        y, x = values - values.mean(), along - along.mean()
        mean_x, mean_y = self.mean(x), self.mean(y)
        covariance = self.mean(x * y) - mean_x * mean_y
        variance_x, variance_y = self.mean(x * x) - mean_x**2, self.mean(y * y) - mean_y**2
        explained = np.where(variance_x > 0, covariance**2 / np.where(variance_x > 0, variance_x, 1), 0)
        num_showers = len(values)
        return np.sqrt(np.maximum(variance_y - explained, 0) * num_showers / max(num_showers - 2, 1))

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
