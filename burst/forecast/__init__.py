"""From a burst to what it costs in dollars, hours, kWh and kgCO2e: before, as a forecast; after, from what was measured."""

from __future__ import annotations

from dataclasses import dataclass

from burst import facts
from burst.forecast.energy import cpu_kwh, grid_kgco2e
from burst.forecast.ranges import Range
from burst.forecast.timing import training_seconds
from burst.spec import Burst
from trainer.contract import Json, RunResult

SECONDS_PER_HOUR = 3600.0

__all__ = ["Cost", "Range", "actual", "forecast"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What a burst costs, and on what that rests. The same shape before and after, on every stack."""

    usd: Range
    hours: Range
    kwh: Range
    kgco2e: Range
    basis: tuple[str, ...]
    """A short line each that names the figure's source and date; burst/facts/README.md says more."""

    def to_output(self) -> dict[str, Json]:
        """One half of the stack output `cost`."""
        ranges: dict[str, Json] = {name: getattr(self, name).to_output() for name in ("usd", "hours", "kwh", "kgco2e")}
        return {**ranges, "basis": list(self.basis)}


def forecast(burst: Burst) -> Cost:
    """What `burst` will cost, before anything is created. Depends on the burst and the facts alone, never on today."""
    run, dataset = burst.workload.run, burst.workload.dataset
    seconds = training_seconds(burst)
    speed = facts.trainer_speed(run.preset, dataset.image_shape, run.precision)
    time_basis = (
        f"time: {speed.showers_per_second_per_rank:g} showers/s a rank ({speed.source}, {speed.as_of})",
        f"time: {speed.slowest_factor:g} to {speed.fastest_factor:g} of that speed ({speed.factor_source})",
    )
    return _cost(burst, seconds, seconds * (run.num_ranks * run.threads_per_rank), time_basis)


def actual(burst: Burst, result: RunResult) -> Cost:
    """What `burst` did cost, from the wall-clock and CPU time that its ranks measured, over all their segments."""
    seconds = sum(segment.seconds for segment in result.segments)
    cpu_seconds = sum(segment.cpu_seconds for segment in result.segments)
    time_basis = f"time: measured, {seconds:.0f} s, {cpu_seconds:.0f} s of CPU, in {len(result.segments)} segment(s)"
    return _cost(burst, Range.exactly(seconds), Range.exactly(cpu_seconds), (time_basis,))


def _cost(burst: Burst, seconds: Range, busy_thread_seconds: Range, time_basis: tuple[str, ...]) -> Cost:
    power, grid = facts.cpu_power(), facts.grid_carbon(burst.pool.region)
    kwh = cpu_kwh(busy_thread_seconds)
    return Cost(
        usd=Range.exactly(0.0),
        hours=seconds * (1 / SECONDS_PER_HOUR),
        kwh=kwh,
        kgco2e=grid_kgco2e(kwh, burst.pool.region),
        basis=(
            "money: 0, the machine is yours; electricity is not priced",
            *time_basis,
            f"energy: {power.low_w:.1f} to {power.high_w:.1f}, expected {power.expected_w:.1f} W a busy CPU thread, "
            f"CPU alone ({power.source}, {power.as_of})",
            f"carbon: {grid.gco2e_per_kwh:g} gCO2e/kWh, location-based, grid of {grid.location} ({grid.source}, {grid.as_of})",
        ),
    )
