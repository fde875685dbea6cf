"""The showers of one file or batch, in one set of units."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, kw_only=True)
class Showers:
    """N showers of single electrons in a sampling calorimeter. Energies in GeV, angles in radian, whatever the file held."""

    ecal: NDArray[np.float32]
    """(N, X, Y, Z) energy deposited in each silicon cell, GeV; Z counts the layers from the front."""
    energy: NDArray[np.float32]
    """(N,) energy of the incoming electron, GeV."""
    theta: NDArray[np.float32]
    """(N,) polar angle, radian; pi/2 is normal incidence."""

    def __len__(self) -> int:
        return len(self.energy)
