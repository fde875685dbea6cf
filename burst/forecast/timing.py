"""How long a run takes."""

from __future__ import annotations

from burst import facts
from burst.forecast.ranges import Range
from burst.spec import Burst


def training_seconds(burst: Burst) -> Range:
    """Wall-clock seconds from the start of the ranks to their end.

    `start + epochs x (steps per epoch x batch per rank / speed of a rank + evaluation)`, with our trainer's measured speed
    (`facts.trainer_speed`, showers a second and rank) and its range for CPUs that nobody has measured.
    """
    run, dataset = burst.workload.run, burst.workload.dataset
    speed = facts.trainer_speed(run.preset, dataset.image_shape, run.precision)
    showers_per_rank = burst.workload.steps_per_epoch * run.batch_per_rank
    epoch_seconds = showers_per_rank / speed.showers_per_second_per_rank + speed.evaluation_seconds
    slowness = Range(1 / speed.fastest_factor, 1.0, 1 / speed.slowest_factor)
    return slowness * (speed.start_seconds + run.num_epochs * epoch_seconds)
