"""What a run on rented nodes did cost while its ranks ran: their measured time, at the prices of the forecast."""

from __future__ import annotations

import numpy as np

from burst import facts
from burst.forecast import energy, layout, rented
from burst.forecast.cost import Cost
from burst.forecast.estimate import SECONDS_PER_HOUR, Times
from burst.forecast.rented import Rental
from burst.ranges import Case, Range
from trainer.contract import RunResult


def cost(rental: Rental, result: RunResult) -> Cost:
    """What the measured time of all segments costs: every item that is billed by the hour, for all nodes.

    Set-up, waiting between segments, teardown and what is billed once are not in it: of those only the provider's bill tells.
    Nobody has measured watts: those of nodes that train, as in the forecast.
    """
    seconds = sum(segment.seconds for segment in result.segments)
    spent, place = _times(seconds), rental.nodes[0].offer.place
    items = {
        "usd": layout.ranges({case: _by_the_hour(rented.usd_items(rental, spent, case), rental, case) for case in Case}),
        "kwh": layout.ranges({case: rented.kwh_items(rental, spent, case) for case in Case}),
    }
    kwh = layout.total(items["kwh"].values())
    return Cost(
        usd=layout.total(items["usd"].values()),
        hours=Range.exactly(seconds / SECONDS_PER_HOUR),
        kwh=kwh,
        kgco2e=energy.grid_kgco2e(kwh, place),
        kgco2e_market=energy.market_kgco2e(kwh, place),
        waiting_hours=None,
        basis=(
            f"time: measured from the ranks' start, {seconds:.0f} s in {len(result.segments)} segment(s)",
            "money: what is billed while the ranks run; set-up and teardown are in the provider's bill alone",
            *rented.money_basis(rental),
            "energy: measured time, watts as in docs/forecast.md",
            layout.grid_basis(place),
        ),
        snapshot=facts.snapshot(),
        items=items,
    )


def _by_the_hour(items: dict[str, float], rental: Rental, case: Case) -> dict[str, float]:
    once = rental.nodes[0].place(case).tariff["once"]
    return {name: usd for name, usd in items.items() if name not in once}


def _times(seconds: float) -> Times:
    """Nodes that train for so long and do nothing else."""
    measured, nothing = np.array([seconds]), np.zeros(1)
    return Times(
        num_epochs=nothing,
        num_updates=nothing,
        epoch=nothing,
        training=measured,
        rework=nothing,
        busy=measured,
        idle=nothing,
        cluster=measured,
        wall=measured,
    )
