"""What was claimed, and by whom."""

from __future__ import annotations

from dataclasses import dataclass

from burst import facts
from burst.facts import Accuracy, rows


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """A row of burst/facts/publications.csv."""

    value: str
    unit: str
    source: str
    as_of: str

    @property
    def number(self) -> float:
        """The value, where it is one."""
        return float(self.value.removeprefix("below "))

    @property
    def is_sourced(self) -> bool:
        """Whether a publication was found that says it; else it is as the project's description of the study has it."""
        return not self.source.startswith("assumption:")


def claim(name: str) -> Claim:
    """The row of this name.

    >>> claim("Higgs: data set").number, claim("Higgs: cost").is_sourced
    (70.0, False)
    """
    row = next(row for row in rows.rows("publications.csv") if row["claim"] == name)
    return Claim(value=row["value"], unit=row["unit"], source=row["source"], as_of=row["as_of"])


def best_published() -> Accuracy:
    """The published training with the least ECAL error: global batch 1,024."""
    return min(facts.accuracies(), key=lambda each: each.ecal_error_percent)


def largest_published() -> Accuracy:
    """The published training with the largest global batch: 12,288."""
    return max(facts.accuracies(), key=lambda each: each.global_batch)
