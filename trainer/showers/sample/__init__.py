"""The showers that are shipped: made by `trainer.showers.generate`, described in docs/data-card.md."""

from __future__ import annotations

from pathlib import Path

FIXED = Path(__file__).with_name("fixed.h5")
"""1,500 showers of 10 to 100 GeV at normal incidence, 25 x 25 x 25 cells."""
ANGLE = Path(__file__).with_name("angle.h5")
"""1,000 showers of 100 to 200 GeV at 60 to 120 degrees, 51 x 51 x 25 cells."""
