"""From a burst to what it costs in dollars, hours, kWh and kgCO2e: before, as a forecast; after, from what was measured."""

from __future__ import annotations

import datetime
from typing import assert_never

from burst.forecast import age, metered, own_nodes, owned, rented
from burst.forecast.cost import Cost
from burst.forecast.of_burst import rental_of
from burst.forecast.rented import Nodes, Rental
from burst.forecast.work import Work
from burst.ranges import Range
from burst.spec import Burst, Purchase, Target
from trainer.contract import RunResult

__all__ = ["Cost", "Nodes", "Range", "Rental", "Work", "actual", "forecast", "warnings"]


def forecast(burst: Burst) -> Cost:
    """What `burst` will cost, before anything is created. Depends on the burst and the facts alone, never on today."""
    match burst.target:
        case Target.LOCAL:
            return owned.cost(burst)
        case Target.KUBERNETES:
            return own_nodes.cost(burst)
        case Target.GKE | Target.GCP_TPU | Target.AZURE_ML | Target.OCI:
            return rented.cost(rental_of(burst))
        case _:
            assert_never(burst.target)


def actual(burst: Burst, result: RunResult) -> Cost:
    """What `burst` did cost, from what its ranks measured; of rented machines what was billed while they ran."""
    match burst.target:
        case Target.LOCAL:
            return owned.actual(burst, result)
        case Target.KUBERNETES:
            return own_nodes.actual(burst, result)
        case Target.GKE | Target.GCP_TPU | Target.AZURE_ML | Target.OCI:
            return metered.cost(rental_of(burst), result)
        case _:
            assert_never(burst.target)


def warnings(burst: Burst, today: datetime.date) -> list[str]:
    """What a preview warns of on a day: prices that have grown old. Nothing of it is in the forecast."""
    return [] if burst.pools[0].purchase is Purchase.OWNED else age.warnings(rental_of(burst), today)
