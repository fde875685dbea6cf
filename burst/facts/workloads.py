"""What is trained: implementations beside CERN's, and what published trainings reached."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from burst.facts import rows
from burst.facts.names import check_name
from burst.ranges import Range

CERN, OURS = "cern-tensorflow", "hepburst"


@dataclass(frozen=True, slots=True, kw_only=True)
class Implementation:
    """A trainer of 3DGAN, by its time over that of CERN's on equal machines."""

    name: str
    factor: Range
    source: str
    as_of: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Accuracy:
    """What a training of so many updates reached: errors of 3DGAN against Geant4."""

    global_batch: int
    num_epochs: int
    ecal_error_percent: float
    """Mean relative error of the energy deposited in the cells' profile."""
    energy_error_percent: float
    angle_mae_rad: float
    is_stable: bool
    source: str
    as_of: str


@cache
def implementation(name: str) -> Implementation:
    """The implementation of a name; refuses others with the closest."""
    known = {row["implementation"]: row for row in rows.rows("implementations.csv")}
    check_name("implementation", name, set(known))
    row = known[name]
    return Implementation(
        name=name,
        factor=Range(float(row["low_factor"]), float(row["expected_factor"]), float(row["high_factor"])),
        source=row["source"],
        as_of=row["as_of"],
    )


@cache
def accuracies() -> tuple[Accuracy, ...]:
    """The published ones, fewest updates last."""
    return tuple(
        Accuracy(
            global_batch=int(row["global_batch"]),
            num_epochs=int(row["num_epochs"]),
            ecal_error_percent=float(row["ecal_error_percent"]),
            energy_error_percent=float(row["energy_error_percent"]),
            angle_mae_rad=float(row["angle_mae_rad"]),
            is_stable=row["is_stable"] == "yes",
            source=row["source"],
            as_of=row["as_of"],
        )
        for row in rows.rows("accuracy.csv")
    )
