"""Dated facts with their sources, as typed rows. A row without a source or a date is refused."""

from burst.facts import epoch_times
from burst.facts.burst_life import (
    AFTER,
    BEFORE,
    Billed,
    Phase,
    PhaseName,
    Preemption,
    Size,
    phases,
    preemption,
    size,
)
from burst.facts.carbon import GridCarbon, grid_carbon, grids
from burst.facts.offers import Market, Offer, Unsound, check_name, compose, find, market
from burst.facts.power import (
    Accelerator,
    Coefficient,
    CpuPower,
    Pue,
    accelerator,
    accelerators,
    coefficient,
    cpu_power,
    has_coefficient,
    pue,
    ranks_per_chip,
)
from burst.facts.rows import MAX_AGE_DAYS, age_days
from burst.facts.services import ServicePrice, service_price
from burst.facts.snapshots import Snapshot
from burst.facts.snapshots import current as snapshot
from burst.facts.workloads import CERN, OURS, Accuracy, Implementation, accuracies, implementation

__all__ = [
    "AFTER",
    "BEFORE",
    "CERN",
    "MAX_AGE_DAYS",
    "OURS",
    "Accelerator",
    "Accuracy",
    "Billed",
    "Coefficient",
    "CpuPower",
    "GridCarbon",
    "Implementation",
    "Market",
    "Offer",
    "Phase",
    "PhaseName",
    "Preemption",
    "Pue",
    "ServicePrice",
    "Size",
    "Snapshot",
    "Unsound",
    "accelerator",
    "accelerators",
    "accuracies",
    "age_days",
    "check_name",
    "coefficient",
    "compose",
    "cpu_power",
    "epoch_times",
    "find",
    "grid_carbon",
    "grids",
    "has_coefficient",
    "implementation",
    "market",
    "phases",
    "preemption",
    "pue",
    "ranks_per_chip",
    "service_price",
    "size",
    "snapshot",
]
