"""From a burst to what it costs in dollars, hours, kWh and kgCO2e: before, as a forecast; after, from what was measured."""

from __future__ import annotations

import datetime
from typing import assert_never

from burst import facts
from burst.forecast import age, own_nodes, owned, rented
from burst.forecast.cost import Cost
from burst.forecast.rented import Rental
from burst.forecast.work import Work
from burst.ranges import Range
from burst.spec import Burst, Purchase, Target
from trainer.contract import RunResult
from trainer.refusal import Refusal

__all__ = ["Cost", "Range", "Rental", "Work", "actual", "forecast", "warnings"]


def forecast(burst: Burst) -> Cost:
    """What `burst` will cost, before anything is created. Depends on the burst and the facts alone, never on today."""
    match burst.pool.target:
        case Target.LOCAL:
            return owned.cost(burst)
        case Target.KUBERNETES:
            return own_nodes.cost(burst)
        case Target.GKE | Target.GCP_TPU | Target.AZURE_ML | Target.OCI:
            return rented.cost(rental_of(burst))
        case _:
            assert_never(burst.pool.target)


def actual(burst: Burst, result: RunResult) -> Cost:
    """What `burst` did cost on machines of one's own, from what its ranks measured."""
    assert burst.pool.purchase is Purchase.OWNED, burst.pool
    return owned.actual(burst, result) if burst.pool.target is Target.LOCAL else own_nodes.actual(burst, result)


def warnings(burst: Burst, today: datetime.date) -> list[str]:
    """What a preview warns of on a day: prices that have grown old. Nothing of it is in the forecast."""
    return [] if burst.pool.purchase is Purchase.OWNED else age.warnings(rental_of(burst), today)


def rental_of(burst: Burst) -> Rental:
    """A burst on rented machines, as the forecast sees it: our trainer, on the offer of its pool, one rank a device."""
    pool, run = burst.pool, burst.workload.run
    assert pool.shape is not None
    provider, _, region = pool.region.partition("/")
    rental = Rental(
        work=Work.of(burst.workload, owned.relative_compute(run.preset, burst.workload.dataset.image_shape)),
        offer=facts.find(provider, pool.shape.name, region, pool.purchase),
        num_nodes=pool.num_nodes,
        batch_per_rank=run.batch_per_rank,
    )
    if run.num_ranks != rental.num_ranks:
        raise Refusal(
            f"{run.num_ranks} ranks on {pool.num_nodes} x {pool.shape.name}",
            expected=f"{rental.num_ranks}, one for each GPU or TPU core",
            remedy="correct the ranks or the nodes",
        )
    return rental
