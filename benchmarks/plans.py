"""Speed of the planner's search: `python -m benchmarks.plans` prints lines `name=value`.

One process on one core. A question of more than a million candidates (all that can be rented, prices of any age, up to
128 accelerators) is searched in rounds; between the rounds the naive loop takes its turn, which evaluates one candidate after
another with the same formulas (`planner.evaluate` on a group of one), on a random sample of the same candidates. Figures are
medians over the rounds, after one that does not count; `_min` and `_max` are the extremes; `speedup_over_loop` is the median of
each round's own ratio. `seconds_first` is the first search of the process, with the reading of all tables.
"""

from __future__ import annotations

import datetime
import os
import random
import resource
import statistics
import sys
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from burst.forecast import Work
    from burst.planner import Group
    from burst.wanted import Wanted

NUM_ROUNDS = 9
NUM_IN_LOOP = 300
"""Candidates of a round that the naive loop evaluates."""
TODAY = datetime.date(2026, 11, 24)
"""Of no consequence: prices of any age are allowed."""
MILLION = 1e6


def main() -> int:
    """Exit status 1 where a million candidates take a second or more."""
    one_core()
    from burst import planner
    from burst.forecast import Work
    from burst.wanted import Wanted

    work = Work()
    wanted = Wanted(max_age_days=None)

    def search() -> tuple[float, int]:
        began = time.perf_counter()
        front = planner.search(work, wanted, today=TODAY)
        return time.perf_counter() - began, front.num_candidates

    seconds_first, num_candidates = search()
    singles = sample(work, wanted)
    rounds: list[tuple[float, float]] = []
    for _ in range(NUM_ROUNDS + 1):
        searched, _ = search()
        began = time.perf_counter()
        for single in singles:
            planner.evaluate(work, single)
        looped = time.perf_counter() - began
        rounds.append((num_candidates / searched, len(singles) / looped))
    del rounds[0]
    say("plans_per_second", [fast for fast, _ in rounds])
    say("plans_per_second_loop", [slow for _, slow in rounds])
    say("speedup_over_loop", [fast / slow for fast, slow in rounds])
    seconds = [MILLION / fast for fast, _ in rounds]
    say("seconds_per_million_plans", seconds, digits=3)
    print(f"seconds_first={seconds_first:.3f}")
    print(f"candidates={num_candidates}")
    print(f"rounds={len(rounds)}")
    print(f"peak_memory_mb={peak_memory_kb() / 1024:.0f}")
    print(f"num_cpus={os.cpu_count()}", flush=True)
    return 0 if statistics.median(seconds) < 1 else 1


def peak_memory_kb() -> int:
    """Of this process since its start; `getrusage` would count a larger parent's memory from before the start."""
    status = Path("/proc/self/status")
    if status.exists():
        return next(int(line.split()[1]) for line in status.read_text().splitlines() if line.startswith("VmHWM:"))
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def one_core() -> None:
    """Before NumPy is loaded: its libraries start one thread, and the process stays on one of the cores that it may use."""
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[name] = "1"
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})


def sample(work: Work, wanted: Wanted) -> list[Group]:
    """Candidates drawn at random from all groups, each as a group of one, ready to evaluate."""
    import numpy as np

    from burst import planner

    groups = list(planner.groups(work, wanted, TODAY, Counter()))
    sizes = [len(group.offers) * len(group.num_nodes) * len(group.batch_per_rank) for group in groups]
    draw = random.Random(1)  # noqa: S311 - a sample, not a secret
    singles = []
    for group in draw.choices(groups, weights=sizes, k=NUM_IN_LOOP):
        place = draw.randrange(len(group.offers))
        singles.append(
            replace(
                group,
                offers=[group.offers[place]],
                tariffs=[group.tariffs[place]],
                num_nodes=np.array([draw.choice(group.num_nodes)]),
                batch_per_rank=np.array([draw.choice(group.batch_per_rank)]),
            )
        )
    return singles


def say(name: str, values: list[float], *, digits: int = 0) -> None:
    """The median over the rounds, and the extremes."""
    print(f"{name}={statistics.median(values):.{digits}f}")
    print(f"{name}_min={min(values):.{digits}f}")
    print(f"{name}_max={max(values):.{digits}f}")


if __name__ == "__main__":
    sys.exit(main())
