"""The showers of one file or batch, in one set of units."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

SCHEMA_VERSION = 1
"""Of the files that we write. Files without this attribute are read by the conventions of the public CERN sets."""


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

    def __getitem__(self, chosen: slice | NDArray[np.int64]) -> Showers:
        """Some of the showers: those of a slice, or of an array of numbers, in its order."""
        return Showers(ecal=self.ecal[chosen], energy=self.energy[chosen], theta=self.theta[chosen])

    @classmethod
    def joined(cls, *parts: Showers) -> Showers:
        """One after the other."""
        return cls(
            ecal=np.concatenate([part.ecal for part in parts]),
            energy=np.concatenate([part.energy for part in parts]),
            theta=np.concatenate([part.theta for part in parts]),
        )
