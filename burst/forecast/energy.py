"""What a run draws from the socket, and what that emits."""

from __future__ import annotations

from burst import facts
from burst.forecast.ranges import Range

JOULES_PER_KWH = 3.6e6
GRAMS_PER_KG = 1000.0


def cpu_kwh(busy_thread_seconds: Range) -> Range:
    """Energy of busy CPU threads: seconds x watts of a thread at full load (Cloud Carbon Footprint's method at 100%)."""
    power = facts.cpu_power()
    return busy_thread_seconds * Range(power.low_w, power.expected_w, power.high_w) * (1 / JOULES_PER_KWH)


def grid_kgco2e(kwh: Range, region: str) -> Range:
    """Location-based emissions of energy from the grid of `provider/region`."""
    return kwh * (facts.grid_carbon(region).gco2e_per_kwh / GRAMS_PER_KG)
