"""Measured epoch times against what the model predicts for their layouts: errors by platform, and how many ranges hold."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean, median
from typing import Self

from burst.facts import epoch_times
from burst.facts.epoch_times import EpochTime
from burst.forecast import epochs
from burst.ranges import Range
from trainer.refusal import Refusal

MAX_MEDIAN_ERROR = 0.05
MIN_SHARE_INSIDE = 0.85
EVERYTHING = "all"


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """One measurement beside its prediction."""

    run: EpochTime
    predicted: Range
    """Seconds of an epoch after the first."""
    is_extrapolated: bool
    """Nobody measured the accelerator there: it is scaled by memory bandwidth."""

    @property
    def error(self) -> float:
        """(predicted - measured) / measured, of the expected value: above 0 where the epoch was faster than predicted."""
        return self.predicted.expected / self.run.epoch_seconds - 1

    @property
    def is_inside(self) -> bool:
        """Whether the range holds what was measured."""
        return self.run.epoch_seconds in self.predicted


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """Several measurements together; errors are absolute values of `Checked.error`."""

    name: str
    """A platform, or `EVERYTHING`."""
    num_rows: int
    mean_error: float
    median_error: float
    worst_error: float
    share_inside: float

    @classmethod
    def of(cls, name: str, rows: Sequence[Checked]) -> Self:
        """One row or more.

        >>> row = EpochTime(platform=epoch_times.Platform.GKE, accelerator="V100-16GB", num_ranks=8, num_nodes=1,
        ...     batch_per_rank=96, has_prefetch=True, epoch_seconds=500.0, first_epoch_seconds=None, source="")
        >>> one = Checked(run=row, predicted=Range(400, 450, 490), is_extrapolated=False)
        >>> round(one.error, 3), Summary.of("gke", [one]).share_inside
        (-0.1, 0.0)
        """
        errors = [abs(row.error) for row in rows]
        return cls(
            name=name,
            num_rows=len(rows),
            mean_error=fmean(errors),
            median_error=median(errors),
            worst_error=max(errors),
            share_inside=fmean(row.is_inside for row in rows),
        )

    @property
    def passes(self) -> bool:
        """Whether the model predicts these: the median error at most 5%, at least 85% of the rows inside their ranges."""
        return self.median_error <= MAX_MEDIAN_ERROR and self.share_inside >= MIN_SHARE_INSIDE


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """A file of measurements, checked."""

    rows: tuple[Checked, ...]
    """In the file's order."""
    platforms: tuple[Summary, ...]
    overall: Summary


def check(path: Path) -> Check:
    """Predict every measurement of a file with the columns of `burst/facts/epoch_times.csv`.

    What was measured is not looked at for the prediction; rows on which the model was fitted are not unseen, though. Refuses a
    file that cannot be read, and, all at once, rows with an accelerator that is not known.
    """
    return check_runs(epoch_times.read(path), name=path.name)


def check_runs(runs: Iterable[EpochTime], *, name: str) -> Check:
    """The same for measurements at hand; `name` says in a refusal where they are from."""
    rows: list[Checked] = []
    mistakes: list[Refusal] = []
    for number, run in enumerate(runs, start=1):
        try:
            rows.append(Checked(run=run, predicted=epochs.predict(run), is_extrapolated=epochs.is_extrapolated(run)))
        except Refusal as refusal:
            got = f"{name}, measurement {number}: {refusal.got}"
            mistakes.append(Refusal(got, expected=refusal.expected, remedy=refusal.remedy))
    if mistakes:
        raise ExceptionGroup("measurements", mistakes)
    platforms = dict.fromkeys(row.run.platform for row in rows)
    return Check(
        rows=tuple(rows),
        platforms=tuple(Summary.of(each, [row for row in rows if row.run.platform is each]) for each in platforms),
        overall=Summary.of(EVERYTHING, rows),
    )
