"""What a simulated shower depends on: the beam, the part of the calorimeter that is stored, and the seed.

The calorimeter itself is `trainer.showers.calorimeter`. Nothing here imports Geant4.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from trainer.refusal import Refusal
from trainer.showers.calorimeter import CELL_MM, NUM_CELLS, NUM_LAYERS

MAX_ENERGY_GEV = 1000.0
"""Above this the calorimeter (17.3 radiation lengths) and float16 in MeV are no longer a fair choice."""
THETA_LIMITS_DEG = (45.0, 135.0)
"""Beyond 45 degrees from the normal a shower leaves through the side of the calorimeter."""


class Geometry(StrEnum):
    """The two forms of the CERN 3DGAN data sets."""

    FIXED = "fixed"
    """Normal incidence; the central 25 x 25 cells of 25 layers are stored."""
    ANGLE = "angle"
    """Incidence at an angle; all 51 x 51 cells of 25 layers are stored."""

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """(X, Y, Z) cells of a stored shower."""
        num_cells = 25 if self is Geometry.FIXED else NUM_CELLS
        return num_cells, num_cells, NUM_LAYERS


@dataclass(frozen=True, slots=True, kw_only=True)
class Electron:
    """One incoming electron: kinetic energy, polar angle, where it meets the front face, and its random numbers' seed."""

    energy_gev: float
    theta_rad: float
    x_mm: float
    y_mm: float
    engine_seed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """A set of showers of any length. Shower i depends on the recipe and i alone, so a longer set begins with a shorter one.

    Energies and angles are uniform in their ranges; equal ends make them fixed. The impact point is uniform over the
    central cell, as no real electron knows where the cells are.
    """

    geometry: Geometry
    energy_min_gev: float
    energy_max_gev: float
    theta_min_deg: float = 90.0
    theta_max_deg: float = 90.0
    seed: int = 1

    @classmethod
    def standard(cls, geometry: Geometry, *, seed: int = 1) -> Recipe:
        """The ranges of the CERN sets: 10-100 GeV at 90 degrees, or 100-200 GeV at 60-120 degrees."""
        if geometry is Geometry.FIXED:
            return cls(geometry=geometry, energy_min_gev=10, energy_max_gev=100, seed=seed)
        return cls(geometry=geometry, energy_min_gev=100, energy_max_gev=200, theta_min_deg=60, theta_max_deg=120, seed=seed)

    def __post_init__(self) -> None:
        _check_range("energy", self.energy_min_gev, self.energy_max_gev, (0.1, MAX_ENERGY_GEV), "GeV")
        _check_range("theta", self.theta_min_deg, self.theta_max_deg, THETA_LIMITS_DEG, "degrees")
        if self.geometry is Geometry.FIXED and (self.theta_min_deg, self.theta_max_deg) != (90.0, 90.0):
            raise Refusal(
                f"geometry fixed with theta {self.theta_min_deg:g} to {self.theta_max_deg:g} degrees",
                expected="90 degrees (an inclined shower leaves the 25 x 25 crop)",
                remedy="choose --geometry angle, or leave theta out",
            )
        if not 0 <= self.seed < 2**63:
            raise Refusal(f"seed is {self.seed}", expected="0 to 2^63 - 1", remedy="choose another --seed")

    def electron(self, index: int) -> Electron:
        """The electron that makes shower `index`, from random numbers that belong to (seed, index) alone."""
        rng = np.random.default_rng([self.seed, index])
        return Electron(
            energy_gev=rng.uniform(self.energy_min_gev, self.energy_max_gev),
            theta_rad=math.radians(rng.uniform(self.theta_min_deg, self.theta_max_deg)),
            x_mm=rng.uniform(-CELL_MM / 2, CELL_MM / 2),
            y_mm=rng.uniform(-CELL_MM / 2, CELL_MM / 2),
            engine_seed=int(rng.integers(1, 2**62)),
        )

    def attributes(self) -> dict[str, str | int | float]:
        """As HDF5 attributes and for hashing: 10 GeV and 10.0 GeV are one recipe."""
        return {
            "geometry": self.geometry.value,
            "energy_min_gev": float(self.energy_min_gev),
            "energy_max_gev": float(self.energy_max_gev),
            "theta_min_deg": float(self.theta_min_deg),
            "theta_max_deg": float(self.theta_max_deg),
            "seed": self.seed,
        }


def _check_range(name: str, low: float, high: float, limits: tuple[float, float], unit: str) -> None:
    if not limits[0] <= low <= high <= limits[1]:
        raise Refusal(
            f"{name} from {low:g} to {high:g} {unit}",
            expected=f"a rising range within {limits[0]:g} to {limits[1]:g} {unit}",
            remedy=f"choose other --{name}-min and --{name}-max",
        )
