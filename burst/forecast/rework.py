"""What interruptions cost: checkpoints, work done twice, and waiting for new nodes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float64]


def seconds_with_rework(
    work_seconds: Vector,
    *,
    failures_per_second: Vector,
    checkpoint_interval_seconds: Vector,
    checkpoint_seconds: float,
    restart_seconds: float,
) -> Vector:
    """Expected wall-clock seconds of `work_seconds` of training whose job is interrupted by any failure of a node.

    J. T. Daly, Future Generation Computer Systems 22 (2006) 303, eq. 20: with M the mean time between failures, R the restart,
    a checkpoint of d seconds after each t of work, `M exp(R/M) (exp((t+d)/M) - 1) work/t`. Without failures, `work (1 + d/t)`.

    >>> work = np.array([36_000.0])
    >>> never = seconds_with_rework(work, failures_per_second=np.zeros(1), checkpoint_interval_seconds=np.array([600.0]),
    ...                             checkpoint_seconds=6.0, restart_seconds=600.0)
    >>> hourly = seconds_with_rework(work, failures_per_second=np.array([1 / 3600]), checkpoint_seconds=6.0,
    ...                              checkpoint_interval_seconds=np.array([600.0]), restart_seconds=600.0)
    >>> print(never.round(), hourly.round())
    [36360.] [46781.]
    """
    interval = np.minimum(checkpoint_interval_seconds, work_seconds)
    segment = interval + checkpoint_seconds
    # exp(x) - 1 over x: 1 where nothing fails, without a division by the rate.
    x = failures_per_second * segment
    growth = np.where(x > 0, np.expm1(x) / np.where(x > 0, x, 1.0), 1.0)
    return np.exp(failures_per_second * restart_seconds) * growth * segment * work_seconds / interval
