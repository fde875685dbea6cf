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
from burst.facts.finding import find
from burst.facts.gke_accelerators import GkeAccelerator, gke_accelerator, gke_accelerators
from burst.facts.gke_shapes import gke_shape, zones_of
from burst.facts.local_ssds import GB_PER_LOCAL_SSD, LocalSsds, local_ssds, num_billed_local_ssds
from burst.facts.names import check_name
from burst.facts.offers import FLEX_START_PRICE, Market, Offer, Unsound, compose, market
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
    "FLEX_START_PRICE",
    "GB_PER_LOCAL_SSD",
    "MAX_AGE_DAYS",
    "OURS",
    "Accelerator",
    "Accuracy",
    "Billed",
    "Coefficient",
    "CpuPower",
    "GkeAccelerator",
    "GridCarbon",
    "Implementation",
    "LocalSsds",
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
    "gke_accelerator",
    "gke_accelerators",
    "gke_shape",
    "grid_carbon",
    "grids",
    "has_coefficient",
    "implementation",
    "local_ssds",
    "market",
    "num_billed_local_ssds",
    "phases",
    "preemption",
    "pue",
    "ranks_per_chip",
    "service_price",
    "size",
    "snapshot",
    "zones_of",
]
