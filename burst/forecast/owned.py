"""The forecast of a run on a machine that the user owns, and what a run did cost."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import geometric_mean

from burst import facts
from burst.calibration.machine import processor_name
from burst.calibration.speed import Calibration, ImageShape
from burst.facts import speeds
from burst.forecast.cost import Cost
from burst.forecast.energy import busy_cpu_kwh, grid_kgco2e, market_kgco2e
from burst.forecast.pace import CERN_IMAGE
from burst.ranges import Range
from burst.spec import Burst
from trainer.contract import Precision, Preset, RunResult
from trainer.refusal import Refusal

SECONDS_PER_HOUR = 3600.0


def cost(burst: Burst) -> Cost:
    """What a run on this machine will cost: money none, time by the speed of our trainer as it was measured."""
    run = burst.workload.run
    seconds, time_basis = training_seconds(burst)
    return _cost(burst, seconds, seconds * (run.num_ranks * run.threads_per_rank), time_basis)


def actual(burst: Burst, result: RunResult) -> Cost:
    """What `burst` did cost, from the wall-clock and CPU time that its ranks measured, over all their segments."""
    seconds = sum(segment.seconds for segment in result.segments)
    cpu_seconds = sum(segment.cpu_seconds for segment in result.segments)
    time_basis = f"time: measured, {seconds:.0f} s, {cpu_seconds:.0f} s of CPU, in {len(result.segments)} segment(s)"
    return _cost(burst, Range.exactly(seconds), Range.exactly(cpu_seconds), (time_basis,))


def training_seconds(burst: Burst) -> tuple[Range, tuple[str, ...]]:
    """Wall-clock seconds from the start of the ranks to their end, and on what they rest.

    `start + epochs x (steps per epoch x seconds of a step + evaluation)`, of the measurement nearest in batch and ranks: the
    user's own on this processor (`burst calibrate`), with its own range; else the shipped one, on a processor that is not
    this one, with the range of those that nobody has measured.
    """
    speed = nearest_speed(burst, processor_name())
    return seconds_at(burst, speed), _time_basis(speed)


@dataclass(frozen=True, slots=True, kw_only=True)
class Speed:
    """A measurement that stands for the CPUs of a burst."""

    measured: Calibration
    is_own: bool
    """The user's, on those very CPUs."""

    @property
    def others(self) -> Range:
        """Of its seconds, on CPUs that nobody has measured."""
        return Range.exactly(1.0) if self.is_own else facts.coefficient("other_cpu_seconds").value


def nearest_speed(burst: Burst, processor: str) -> Speed:
    """Of the user's own measurements on `processor`, or else of the shipped ones, the nearest in threads, ranks and batch.

    Refuses a kind of training that nobody has measured.
    """
    run, dataset = burst.workload.run, burst.workload.dataset
    own = speeds.on_processor(processor, run.preset, dataset.image_shape, run.precision)
    known = own or speeds.anywhere(run.preset, dataset.image_shape, run.precision)

    def distance(each: Calibration) -> tuple[bool, bool, int]:
        alike_threads, alike_ranks = each.threads_per_rank == run.threads_per_rank, each.num_ranks == run.num_ranks
        return not alike_threads, not alike_ranks, abs(each.batch_per_rank - run.batch_per_rank)

    return Speed(measured=min(known, key=distance), is_own=bool(own))


def seconds_at(burst: Burst, speed: Speed) -> Range:
    """Wall-clock seconds of the ranks at a speed, on one machine."""
    run, measured = burst.workload.run, speed.measured
    per_batch = run.batch_per_rank / measured.batch_per_rank
    step = Range(measured.seconds_per_step_low, measured.seconds_per_step, measured.seconds_per_step_high) * per_batch
    epoch = step * burst.workload.steps_per_epoch + Range.exactly(measured.evaluation_seconds)
    return (epoch * run.num_epochs + Range.exactly(measured.start_seconds)) * speed.others


def _time_basis(speed: Speed) -> tuple[str, ...]:
    if speed.is_own:
        return (speed_basis(speed, "on this machine"),)
    low, high = speed.others.low, speed.others.high
    return (speed_basis(speed), f"time: {low:g} to {high:g} times as long here (an assumption until burst calibrate)")


def speed_basis(speed: Speed, where: str = "") -> str:
    """What was measured, and on what; `where`: in words, of the user's own."""
    measured = speed.measured
    showers = f"time: {measured.showers_per_second_per_rank:.3g} showers/s a rank"
    if speed.is_own:
        return f"{showers}, measured {where} by burst calibrate ({measured.as_of})"
    return f"{showers} on {measured.processor} ({measured.as_of}, burst/facts/trainer_speed.csv)"


def relative_compute(preset: Preset, image_shape: ImageShape) -> Range:
    """A shower's compute over that of the published network on 51 x 51 x 25 cells.

    Of our trainer, measured on a CPU where both were measured in the same precision: the mean over the precisions, and all of
    them in the range.

    >>> relative_compute(Preset.PUBLISHED, (51, 51, 25))
    Range(low=1.0, expected=1.0, high=1.0)
    """
    ratios = [
        _seconds_per_shower(preset, image_shape, precision) / _seconds_per_shower(Preset.PUBLISHED, CERN_IMAGE, precision)
        for precision in Precision
        if _is_known(preset, image_shape, precision) and _is_known(Preset.PUBLISHED, CERN_IMAGE, precision)
    ]
    if not ratios:
        speeds.anywhere(preset, image_shape, Precision.BF16)
        raise Refusal(
            f"preset {preset} was not measured in a precision in which the published network was",
            expected="one precision for both",
            remedy="burst calibrate --preset published --image 51x51x25",
        )
    return Range(min(ratios), geometric_mean(ratios), max(ratios))


def _is_known(preset: Preset, image_shape: ImageShape, precision: Precision) -> bool:
    return any((each.preset, each.image_shape, each.precision) == (preset, image_shape, precision) for each in speeds.shipped())


def _seconds_per_shower(preset: Preset, image_shape: ImageShape, precision: Precision) -> float:
    """Of one rank; of several measurements the fastest, that of the largest batch."""
    return min(1 / each.showers_per_second_per_rank for each in speeds.anywhere(preset, image_shape, precision))


def _cost(burst: Burst, seconds: Range, busy_thread_seconds: Range, time_basis: tuple[str, ...]) -> Cost:
    power, grid = facts.cpu_power(), facts.grid_carbon(burst.region)
    kwh = busy_cpu_kwh(busy_thread_seconds)
    return Cost(
        usd=Range.exactly(0.0),
        hours=seconds * (1 / SECONDS_PER_HOUR),
        kwh=kwh,
        kgco2e=grid_kgco2e(kwh, burst.region),
        kgco2e_market=market_kgco2e(kwh, burst.region),
        waiting_hours=None,
        basis=(
            "money: 0, the machine is yours; electricity is not priced",
            *time_basis,
            f"{cpu_watts(power)}, CPU alone ({power.source}, {power.as_of})",
            f"carbon: {grid.gco2e_per_kwh:g} gCO2e/kWh, location-based, grid of {grid.location} ({grid.source}, {grid.as_of})",
        ),
        snapshot=facts.snapshot(),
    )


def cpu_watts(power: facts.CpuPower) -> str:
    """What a busy thread draws, in words."""
    watts = power.busy_w
    return f"energy: {watts.low:.1f} to {watts.high:.1f}, expected {watts.expected:.1f} W a busy CPU thread"
