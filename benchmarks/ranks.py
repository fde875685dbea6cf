"""Training speed with one rank and with two: `python -m benchmarks.ranks` prints lines `name=value`.

Showers of 25 x 25 x 25 cells, batch 32 a rank, one thread a rank, bfloat16 unless `--precision` says else, whole training
steps (both networks, optimizers, averaged weights) on showers held in memory; no evaluation, no checkpoints. Two ranks are
started once. In each round first rank 0 trains alone, without Horovod, while rank 1 waits; then both train together with
gradients averaged over Gloo. Taking turns within the same processes keeps what else the machine does from favouring one side.
The figures are medians over the rounds,
after a round that does not count; `_min` and `_max` are the extremes; `scaling_2ranks` is the median of each round's own ratio.

The lines without a prefix are the demo preset's; `published_` marks the 3DGAN of the papers.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

from trainer import launch, lifeline
from trainer.contract import Precision, Preset

BATCH_PER_RANK = 32
IMAGE_SHAPE = (25, 25, 25)
SAMPLE = Path(__file__).parents[1] / "trainer" / "showers" / "sample" / "fixed.h5"
ROUNDS = {Preset.DEMO: (7, 6), Preset.PUBLISHED: (3, 1)}
"""Rounds that count, and steps of each kind in a round."""


def main() -> int:
    """Start the two ranks, or be one of them."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.ranks", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--preset", type=Preset, choices=list(Preset), help="only this one; both by default")
    parser.add_argument("--precision", type=Precision, choices=list(Precision), default=Precision.BF16)
    given = parser.parse_args()
    presets = [given.preset] if given.preset else list(ROUNDS)
    if launch.is_rank():
        lifeline.die_with_launcher()
        for preset in presets:
            measure(preset, given.precision)
        return 0
    command = [sys.executable, "-m", "benchmarks.ranks", *sys.argv[1:]]
    return launch.launch(command, num_ranks=2, environment={"OMP_NUM_THREADS": "1"})


def measure(preset: Preset, precision: Precision) -> None:
    """Take turns, then print the figures of one preset from rank 0."""
    import torch

    from trainer.gan.build import build
    from trainer.gan.model import Batch
    from trainer.gan.recipe import of_preset
    from trainer.gan.step import Stepper
    from trainer.rank import prepare
    from trainer.ranks import Ranks, SingleRank, of_environment
    from trainer.showers import reader

    prepare(num_threads=1)
    both = of_environment()
    showers = reader.read(SAMPLE, range(both.rank * BATCH_PER_RANK, (both.rank + 1) * BATCH_PER_RANK))
    batch = Batch(*(torch.from_numpy(values) for values in (showers.ecal, showers.energy, showers.theta)))
    num_rounds, num_steps = ROUNDS[preset]

    def trainer_of(ranks: Ranks) -> Callable[[], float]:
        """Trains some steps when called; returns showers a second over its ranks."""
        torch.manual_seed(0)
        gan = build(preset, IMAGE_SHAPE)
        gan.start_from(batch)
        stepper = Stepper(gan, of_preset(preset), ranks, precision=precision, seed=0)

        def train() -> float:
            began = time.perf_counter()
            for step in range(num_steps):
                stepper.step(batch, step=step, samples_seen=0, rate_scale=1e-3, stop=False)
            return num_steps * BATCH_PER_RANK * ranks.size / (time.perf_counter() - began)

        return train

    alone, together = trainer_of(SingleRank()), trainer_of(both)
    rounds: list[tuple[float, float]] = []
    for _ in range(num_rounds + 1):
        one = alone() if both.rank == 0 else 0.0
        both.sum({"turn": 0.0}, "turn")
        rounds.append((one, together()))
    if both.rank == 0:
        _say("" if preset is Preset.DEMO else f"{preset}_", rounds[1:])


def _say(prefix: str, rounds: list[tuple[float, float]]) -> None:
    figures = {
        "samples_per_second_1rank": [one for one, _ in rounds],
        "samples_per_second_2ranks": [two for _, two in rounds],
        "scaling_2ranks": [two / one for one, two in rounds],
    }
    for name, values in figures.items():
        print(f"{prefix}{name}={statistics.median(values):.3f}")
        print(f"{prefix}{name}_min={min(values):.3f}")
        print(f"{prefix}{name}_max={max(values):.3f}")
    print(f"{prefix}rounds={len(rounds)}")
    print(f"{prefix}num_cpus={os.cpu_count()}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
