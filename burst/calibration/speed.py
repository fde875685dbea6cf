"""One measured speed of our trainer, and what several measurements of the same thing say together."""

from __future__ import annotations

import dataclasses
import datetime
import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple, Self

from burst.calibration.pace import Pace
from trainer.contract import Precision, Preset, RunConfig
from trainer.refusal import Refusal

ImageShape = tuple[int, int, int]

HIGH_NUM_STEPS, LOW_NUM_STEPS = 30, 10
HIGH_SPREAD, LOW_SPREAD = 1.25, 2.0
"""Of the 90% range: its high end by its low end."""
HIGH_OTHER_WORK, LOW_OTHER_WORK = 0.05, 0.25
"""Share of the machine's CPUs."""
MAX_SOURCES = 4
"""Of a combined measurement, that its source still lists one by one."""


class Confidence(StrEnum):
    """How far a row of facts is to be trusted."""

    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"


class Key(NamedTuple):
    """What a speed belongs to: measurements of equal keys are measurements of the same thing."""

    implementation: str
    processor: str
    preset: Preset
    image_shape: ImageShape
    precision: Precision
    batch_per_rank: int
    num_ranks: int
    threads_per_rank: int
    num_nodes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """Seconds of a training step as measured on one kind of machine; every rank takes a step at the same time.

    Refuses numbers that no measurement can have given.
    """

    implementation: str = "hepburst"
    processor: str
    """Model name of the CPU as its system tells it, or an accelerator of burst/facts/accelerators.csv."""
    preset: Preset
    image_shape: ImageShape
    """Cells in x, y and depth."""
    precision: Precision
    batch_per_rank: int
    num_ranks: int
    threads_per_rank: int
    num_nodes: int = 1
    seconds_per_step_low: float
    """Nineteen of twenty steps took longer."""
    seconds_per_step: float
    """Median, wall clock, with the reading of the batch."""
    seconds_per_step_high: float
    """Nineteen of twenty steps took less."""
    num_steps: int
    """So many were measured."""
    start_seconds: float
    """What a run takes once: from the launch to the first step, and from the last epoch's evaluation to the end."""
    evaluation_seconds: float
    """After an epoch: its physics judged, its checkpoint written."""
    source: str
    """The command, or the run, and what else the machine did."""
    as_of: str
    """ISO date."""
    confidence: Confidence

    def __post_init__(self) -> None:
        for name in ("processor", "source", "as_of"):
            if not getattr(self, name):
                raise Refusal(f"{name} is empty", expected="a value", remedy=f"fill in {name}")
        for name in ("batch_per_rank", "num_ranks", "threads_per_rank", "num_nodes", "num_steps"):
            if getattr(self, name) < 1:
                raise Refusal(f"{name} is {getattr(self, name)}", expected="1 or more", remedy=f"correct {name}")
        for name in ("start_seconds", "evaluation_seconds"):
            if not 0 <= getattr(self, name) < math.inf:
                raise Refusal(f"{name} is {getattr(self, name)}", expected="0 or more", remedy=f"correct {name}")
        low, middle, high = self.seconds_per_step_low, self.seconds_per_step, self.seconds_per_step_high
        if not 0 < low <= middle <= high < math.inf:
            raise Refusal(
                f"seconds_per_step is {middle} between {low} and {high}",
                expected="0 < low <= seconds_per_step <= high",
                remedy="correct the three",
            )

    @classmethod
    def of(
        cls,
        config: RunConfig,
        pace: Pace,
        *,
        image_shape: ImageShape,
        processor: str,
        source: str,
        date: datetime.date,
        other_work: float | None,
    ) -> Self:
        """The pace of a run, as a measurement; `other_work` as for `confidence_in`."""
        return cls(
            processor=processor,
            preset=config.preset,
            image_shape=image_shape,
            precision=config.precision,
            batch_per_rank=config.batch_per_rank,
            num_ranks=config.num_ranks,
            threads_per_rank=config.threads_per_rank,
            seconds_per_step_low=pace.seconds_per_step_low,
            seconds_per_step=pace.seconds_per_step,
            seconds_per_step_high=pace.seconds_per_step_high,
            num_steps=pace.num_steps,
            start_seconds=pace.start_seconds,
            evaluation_seconds=pace.evaluation_seconds,
            source=source,
            as_of=date.isoformat(),
            confidence=confidence_in(pace, other_work=other_work),
        )

    @property
    def key(self) -> Key:
        """What it is a measurement of."""
        return Key(**{name: getattr(self, name) for name in Key._fields})

    @property
    def showers_per_second_per_rank(self) -> float:
        """While it trains."""
        return self.batch_per_rank / self.seconds_per_step


def combine(calibrations: Sequence[Calibration]) -> Calibration:
    """One or more measurements of one key as one: means weighted by the steps that each has measured.

    The range is the weighted mean of the ranges, widened to hold every single median: what lies between two measurements
    shows. Date and confidence are the last one's.
    """
    last = calibrations[-1]
    assert {calibration.key for calibration in calibrations} == {last.key}, "measurements of different things"
    if len(calibrations) == 1:
        return last
    num_steps = sum(calibration.num_steps for calibration in calibrations)

    def mean(name: str) -> float:
        return math.fsum(getattr(each, name) * each.num_steps for each in calibrations) / num_steps

    medians = [calibration.seconds_per_step for calibration in calibrations]
    return dataclasses.replace(
        last,
        seconds_per_step_low=min(mean("seconds_per_step_low"), *medians),
        seconds_per_step=mean("seconds_per_step"),
        seconds_per_step_high=max(mean("seconds_per_step_high"), *medians),
        num_steps=num_steps,
        start_seconds=mean("start_seconds"),
        evaluation_seconds=mean("evaluation_seconds"),
        source=_sources([calibration.source for calibration in calibrations]),
    )


def image_text(image_shape: ImageShape) -> str:
    """A shape as the tables and the command write it.

    >>> image_text((51, 51, 25))
    '51x51x25'
    """
    return "x".join(map(str, image_shape))


def image_shape_of(text: str) -> ImageShape:
    """The inverse of `image_text`; a ValueError for what is none.

    >>> image_shape_of("51x51x25")
    (51, 51, 25)
    """
    x, y, depth = (int(cells) for cells in text.split("x"))
    return x, y, depth


def confidence_in(pace: Pace, *, other_work: float | None) -> Confidence:
    """By the number of steps, their spread, and the share (0 to 1) of the machine's CPUs that others used; None: not known."""
    spread = pace.seconds_per_step_high / pace.seconds_per_step_low
    if pace.num_steps < LOW_NUM_STEPS or spread > LOW_SPREAD or (other_work or 0.0) > LOW_OTHER_WORK:
        return Confidence.LOW
    is_quiet = other_work is not None and other_work <= HIGH_OTHER_WORK
    if pace.num_steps >= HIGH_NUM_STEPS and spread <= HIGH_SPREAD and is_quiet:
        return Confidence.HIGH
    return Confidence.MEDIUM


def _sources(sources: Sequence[str]) -> str:
    single = [source for text in sources for source in text.split(" | ")]
    if len(single) > MAX_SOURCES:
        single = [*single[:1], "...", *single[-(MAX_SOURCES - 1) :]]
    return " | ".join(single)
