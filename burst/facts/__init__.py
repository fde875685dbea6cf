"""Dated facts with their sources, as typed rows. A row without a source or a date is refused."""

from burst.facts.tables import CpuPower, GridCarbon, TrainerSpeed, cpu_power, grid_carbon, trainer_speed

__all__ = ["CpuPower", "GridCarbon", "TrainerSpeed", "cpu_power", "grid_carbon", "trainer_speed"]
