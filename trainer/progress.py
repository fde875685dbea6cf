"""How far a run is: what a checkpoint keeps beside the networks."""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from trainer.contract import Segment

NOT_LOSSES = ("stop", "regroup")


@dataclass(slots=True)
class Progress:
    """Counts and sums over a whole run, all its segments together."""

    step: int = 0
    """Steps done, without those that were given up on a return to an earlier checkpoint."""
    rate_scale: float = 1.0
    num_returns: int = 0
    train_seconds: float = 0.0
    samples_trained: int = 0
    """Real showers over all ranks, with those of steps that were given up."""
    epoch_sums: dict[str, float] = field(default_factory=dict)
    """Of the losses since the epoch began."""
    epoch_steps: int = 0
    losses: dict[str, float] = field(default_factory=dict)
    """Means over the last whole epoch."""
    best_score: float = math.inf
    best_step: int = 0
    segments: list[dict[str, float]] = field(default_factory=list)
    """`contract.Segment` values; the last grows while the run goes on."""

    def count(self, metrics: Mapping[str, float], *, samples: int, seconds: float) -> None:
        """A step was done."""
        self.step += 1
        self.samples_trained += samples
        self.train_seconds += seconds
        self.epoch_steps += 1
        for name, value in metrics.items():
            if name not in NOT_LOSSES:
                self.epoch_sums[name] = self.epoch_sums.get(name, 0.0) + value

    def end_epoch(self) -> None:
        """The sums become the last epoch's means."""
        self.losses = {name: total / self.epoch_steps for name, total in self.epoch_sums.items()}
        self.epoch_sums, self.epoch_steps = {}, 0

    def returned_to(self, earlier: Progress, *, rate_factor: float) -> Progress:
        """The progress of an earlier checkpoint, but the time and the returns so far, and a lower rate."""
        return dataclasses.replace(
            earlier,
            rate_scale=self.rate_scale * rate_factor,
            num_returns=self.num_returns + 1,
            train_seconds=self.train_seconds,
            samples_trained=self.samples_trained,
            best_score=self.best_score,
            best_step=self.best_step,
            segments=self.segments,
        )

    def samples_per_second(self) -> float:
        """Over the whole run; 0 before the first step."""
        return self.samples_trained / self.train_seconds if self.train_seconds else 0.0

    def open_segment(self, started_unix_seconds: float) -> None:
        """A stretch of work begins."""
        self.segments.append({"started_unix_seconds": started_unix_seconds, "seconds": 0.0, "cpu_seconds": 0.0})

    def grow_segment(self, cpu_seconds: float) -> None:
        """The stretch of work has lasted until now and taken so much processor time of all ranks."""
        last = self.segments[-1]
        last["seconds"] = time.time() - last["started_unix_seconds"]
        last["cpu_seconds"] = cpu_seconds

    def contract_segments(self) -> tuple[Segment, ...]:
        """For the RunResult."""
        return tuple(Segment(**segment) for segment in self.segments)

    def to_dict(self) -> dict[str, Any]:
        """As plain values, for a checkpoint."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """The inverse of `to_dict`."""
        return cls(**values)


class Pace:
    """Showers a second since it was last asked."""

    def __init__(self) -> None:
        self._since, self._samples = time.perf_counter(), 0

    def count(self, samples: int) -> None:
        """So many more."""
        self._samples += samples

    def samples_per_second(self) -> float:
        """Since the last call, or the beginning."""
        now = time.perf_counter()
        pace = self._samples / max(now - self._since, 1e-9)
        self._since, self._samples = now, 0
        return pace
