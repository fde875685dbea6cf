"""Shower-shape metrics of a GAN against Geant4, with statistical errors. NumPy only.

- `compare(geant4, gan) -> Physics`: everything; `errors=False` is the cheap way to `Physics.score`, which picks checkpoints.
- `floor(geant4) -> Physics`: Geant4 against itself, the same figures from statistics alone.
- `judge(geant4, gan)`: both as JSON, what `RunResult.physics` holds.
- `table(physics, floor)`: plain text for a terminal.
- `write_samples`, `read_samples`: `showers.npz`, the showers that a report draws.
"""

from trainer.physics.compare import compare, floor, judge
from trainer.physics.samples import read_samples, write_samples
from trainer.physics.table import table
from trainer.physics.values import EnergyBin, Measured, Pair, Physics, Profile

__all__ = [
    "EnergyBin",
    "Measured",
    "Pair",
    "Physics",
    "Profile",
    "compare",
    "floor",
    "judge",
    "read_samples",
    "table",
    "write_samples",
]
