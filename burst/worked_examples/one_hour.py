"""Claim 2: a training in an hour."""

from __future__ import annotations

import datetime
from dataclasses import dataclass, replace

from burst import advice, facts, planner
from burst.facts.epoch_times import GPUS_PER_FULL_NODE
from burst.forecast import Rental, Work, accuracy, rented
from burst.forecast.estimate import SECONDS_PER_HOUR
from burst.forecast.fitting import GKE_ACCELERATOR
from burst.ranges import Case, Range
from burst.spec import Purchase
from burst.wanted import Wanted
from burst.worked_examples.claims import claim, largest_published
from burst.worked_examples.runs import CERN, REGION, V100_NODE, measured_batch, most_nodes, rental

BATCH_STEP = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Hour:
    """A training on full nodes of V100, on the clocks of machines on demand."""

    num_nodes: int
    batch_per_rank: int
    training_hours: Range
    """Epochs, checkpoints and interruptions: what the study's logs count."""
    set_up_hours: Range
    """Cluster, nodes, driver, image and start before; deletion after."""
    waiting_hours: Range
    """For capacity, before all this."""
    usd_on_demand: Range
    usd_spot: Range
    num_updates: int
    ecal_error_percent: float | None
    """None: fewer updates, or passes over the data, than any published training."""

    @property
    def whole_hours(self) -> Range:
        """From the grant of the machines to nothing left."""
        return self.training_hours + self.set_up_hours


def hour(num_nodes: int, batch: int, work: Work = CERN) -> Hour:
    """What a number of nodes takes."""
    plan = rental(V100_NODE, REGION, Purchase.ON_DEMAND, num_nodes, batch, work)
    cost = rented.cost(plan)
    items, spent = cost.items["hours"], rented.times(plan, Case.EXPECTED)
    num_updates, num_epochs = float(spent.num_updates[0]), float(spent.num_epochs[0])
    assert cost.waiting_hours is not None
    return Hour(
        num_nodes=num_nodes,
        batch_per_rank=batch,
        training_hours=items["training"] + items["first epoch, beyond the others"] + items["checkpoints and interruptions"],
        set_up_hours=items["set-up"] + items["teardown"],
        waiting_hours=cost.waiting_hours,
        usd_on_demand=cost.usd,
        usd_spot=rented.cost(rental(V100_NODE, REGION, Purchase.SPOT, num_nodes, batch, work)).usd,
        num_updates=round(num_updates),
        ecal_error_percent=accuracy.ecal_error_percent(num_updates, num_epochs),
    )


def hours_by_nodes() -> list[Hour]:
    """60 epochs on 1 to 16 nodes of eight, at CERN's largest batch."""
    return [hour(number, measured_batch(GKE_ACCELERATOR)) for number in range(1, most_nodes() + 1)]


def published_at_scale() -> Hour:
    """The published training of the largest global batch, on the V100s that it takes: 120 epochs on 128."""
    published, batch = largest_published(), measured_batch(GKE_ACCELERATOR)
    num_nodes = published.global_batch // batch // GPUS_PER_FULL_NODE
    return hour(num_nodes, batch, replace(CERN, num_epochs=published.num_epochs))


def measured_hours_at_scale() -> float:
    """What CERN's logs say of that run: its epochs alone, the first one among them."""
    row = max(facts.epoch_times.cern(), key=lambda row: row.num_ranks)
    assert row.first_epoch_seconds is not None
    return (row.first_epoch_seconds + (largest_published().num_epochs - 1) * row.epoch_seconds) / SECONDS_PER_HOUR


def most_updates_in_an_hour() -> Hour:
    """Of all nodes and batches, 60 epochs whose training is expected within the claim's hour with the most updates."""
    limit_seconds = claim("GAN: duration of a training at scale").number * SECONDS_PER_HOUR
    found: list[tuple[float, int, int]] = []
    for num_nodes in range(1, most_nodes() + 1):
        for batch in range(BATCH_STEP, measured_batch(GKE_ACCELERATOR) + 1, BATCH_STEP):
            spent = rented.times(rental(V100_NODE, REGION, Purchase.ON_DEMAND, num_nodes, batch), Case.EXPECTED)
            if spent.busy[0] <= limit_seconds:
                found.append((float(spent.num_updates[0]), num_nodes, batch))
    _, num_nodes, batch = max(found)
    return hour(num_nodes, batch)


def cheapest_whole_hour() -> Rental:
    """Of all that can be rented, what costs least with everything within an hour, by CERN's trainer: a search of its own."""
    front = planner.search(CERN, Wanted(max_age_days=None), today=datetime.date.max)
    limit = claim("GAN: duration of a training at scale").number
    return front.rental(advice.recommended(front, advice.Limits(max_hours=limit)))
