"""The calorimeter that the showers are simulated in: numbers only, in mm.

A silicon-tungsten sampling calorimeter with the cells and layers of the CERN 3DGAN sets, which are of an electromagnetic
calorimeter designed for CLIC (Khattak et al., Eur. Phys. J. C 82, 386 (2022)). From the front, 25 times: tungsten, silicon,
air. Behind layer 25 stands a tungsten plate, as a real calorimeter has more layers there: without it the last layer lacks
the particles that scatter back from behind, and holds half of its neighbour.
"""

from __future__ import annotations

NUM_LAYERS = 25
NUM_CELLS = 51
"""Cells along x and along y; odd, so that the electron meets the central one."""
CELL_MM = 5.1
TUNGSTEN_MM, SILICON_MM, AIR_MM = 2.4, 0.5, 3.0
BACK_PLATE_MM = 12.0
CUT_MM = 0.7
"""Range below which Geant4 makes no secondary particle (its default)."""
LAYER_MM = TUNGSTEN_MM + SILICON_MM + AIR_MM
WIDTH_MM = NUM_CELLS * CELL_MM

TUNGSTEN_X0_MM, SILICON_X0_MM = 3.504, 93.70
"""Radiation lengths: Particle Data Group, Atomic and Nuclear Properties of Materials (2024)."""
LAYER_X0 = TUNGSTEN_MM / TUNGSTEN_X0_MM + SILICON_MM / SILICON_X0_MM
"""Radiation lengths of one layer at normal incidence (air adds 1e-5)."""
