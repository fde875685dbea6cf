"""Images as the demo network sees them, and what is done with them.

Cells are (energy / E x 1000) ^ 0.85: the power is the papers', dividing by E is not.
"""

from __future__ import annotations

import torch
from torch import Tensor

POWER = 0.85
CELL_SCALE = 1000.0
TYPICAL_RESPONSE = 0.027
"""Share of the electron's energy that the silicon of our calorimeter sees."""


def to_cells(image_NXYZ: Tensor, energy_N: Tensor) -> Tensor:
    """GeV to what the networks see."""
    return (image_NXYZ / energy_N[:, None, None, None] * CELL_SCALE) ** POWER


def from_cells(cells_NXYZ: Tensor, energy_N: Tensor) -> Tensor:
    """The inverse of `to_cells`."""
    return cells_NXYZ ** (1 / POWER) / CELL_SCALE * energy_N[:, None, None, None]


def sums(cells_NXYZ: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Energy in the layers (N, Z) and in the rows along x (N, X) and y (N, Y), in units of a typical total."""
    share_NXYZ = cells_NXYZ ** (1 / POWER) / (TYPICAL_RESPONSE * CELL_SCALE)
    return share_NXYZ.sum((1, 2)), share_NXYZ.sum((2, 3)), share_NXYZ.sum((1, 3))


def moved(cells_NXYZ: Tensor, shift_N: Tensor, *, axis: int) -> Tensor:
    """Images moved along an axis by a part of a cell (-1 to 1), interpolated linearly; the border repeats."""
    size = cells_NXYZ.shape[axis]
    before_NXYZ = torch.cat([cells_NXYZ.narrow(axis, 0, 1), cells_NXYZ.narrow(axis, 0, size - 1)], axis)
    after_NXYZ = torch.cat([cells_NXYZ.narrow(axis, 1, size - 1), cells_NXYZ.narrow(axis, size - 1, 1)], axis)
    shift_N111 = shift_N[:, None, None, None]
    to_right_NXYZ = shift_N111.clamp_min(0) * (before_NXYZ - cells_NXYZ)
    return cells_NXYZ + to_right_NXYZ - shift_N111.clamp_max(0) * (after_NXYZ - cells_NXYZ)


def mirrored(image_NXYZ: Tensor) -> Tensor:
    """The batch under one of the eight symmetries of a square that a beam along z leaves, drawn anew each time."""
    flip_x, flip_y, swap = (torch.rand(3) < 0.5).tolist()
    axes = [axis for axis, flip in ((1, flip_x), (2, flip_y)) if flip]
    image_NXYZ = image_NXYZ.flip(axes) if axes else image_NXYZ
    return (image_NXYZ.transpose(1, 2) if swap else image_NXYZ).contiguous()
