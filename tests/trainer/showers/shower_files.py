"""What goes into the files of the tests."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Write = Callable[..., Path]
"""The fixture `write_file`."""


def deposits_gev(energy_gev: NDArray[np.float32], shape: tuple[int, int, int]) -> NDArray[np.float32]:
    """Deposits of 2% of each energy, spread over the cells at random."""
    ecal = np.random.default_rng(7).exponential(size=(len(energy_gev), *shape))
    ecal *= 0.02 * energy_gev[:, None, None, None] / ecal.sum(axis=(1, 2, 3), keepdims=True)
    return ecal.astype(np.float32)
