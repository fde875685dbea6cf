"""Rentals as hypothesis draws them: any shape, place, purchase, node count and batch that can run."""

from __future__ import annotations

from collections import defaultdict
from functools import cache

import numpy as np
from hypothesis import strategies as st

from burst import facts
from burst.facts import Offer
from burst.forecast import Rental, Work, energy, estimate
from burst.forecast.pace import pace
from burst.forecast.tariff import tariff
from burst.ranges import Case
from burst.spec import Purchase
from trainer.refusal import Refusal

GCP_V100 = "n1-standard-96+8xV100-16GB"


@cache
def forecastable() -> tuple[Offer, ...]:
    """The sound offers of accelerators whose power is published, where all that a burst needs has a price."""
    found = []
    for offer in facts.market().sound:
        if offer.shape.accelerator:
            try:
                energy.node_power(offer.shape)
                tariff(offer.shape.target, offer.region)
            except Refusal:
                continue
            found.append(offer)
    return tuple(found)


@cache
def by_shape() -> tuple[tuple[Offer, ...], ...]:
    """The same, the places of each shape and purchase together, so that a rare shape is drawn as often as a common one."""
    grouped = defaultdict(list)
    for offer in forecastable():
        grouped[offer.shape, offer.purchase].append(offer)
    return tuple(tuple(offers) for offers in grouped.values())


def offers() -> st.SearchStrategy[Offer]:
    """Any of them."""
    return st.sampled_from(by_shape()).flatmap(st.sampled_from)


def lengths() -> st.SearchStrategy[tuple[int | None, int | None]]:
    """How long to train: epochs, updates, or both."""
    epochs, updates, neither = st.integers(1, 200), st.integers(1, 20_000), st.none()
    return st.one_of(st.tuples(epochs, neither), st.tuples(neither, updates), st.tuples(epochs, updates))


@st.composite
def rentals(draw: st.DrawFn, *, max_nodes: int = 128, implementation: str = facts.OURS) -> Rental:
    """A rental whose batch fits the memory and whose global batch fits the data: `rented.check` lets it through."""
    offer = draw(offers())
    num_epochs, num_updates = draw(lengths())
    work = Work(num_epochs=num_epochs, num_updates=num_updates, implementation=implementation)
    speed = pace(work, offer.shape)
    batch = draw(st.integers(2, speed.max_batch_per_rank))
    most = 1 if offer.shape.is_tpu else max(1, min(max_nodes, work.num_samples // (batch * speed.ranks_per_node)))
    batch = min(batch, work.num_samples // speed.ranks_per_node)
    return Rental.of(work=work, offer=offer, num_nodes=draw(st.integers(1, most)), batch_per_rank=batch)


def rental(
    shape: str = GCP_V100,
    region: str = "europe-west4",
    purchase: Purchase = Purchase.ON_DEMAND,
    *,
    num_nodes: int = 4,
    batch_per_rank: int = 96,
    work: Work | None = None,
) -> Rental:
    """CERN's layout of 32 V100s, with changes."""
    provider = next(offer.shape.provider for offer in facts.market().sound if offer.shape.name == shape)
    return Rental.of(
        work=Work() if work is None else work,
        offer=facts.find(provider, shape, region, purchase),
        num_nodes=num_nodes,
        batch_per_rank=batch_per_rank,
    )


def place_of(offer: Offer, case: Case = Case.EXPECTED) -> estimate.Place:
    """Its prices and grid, in arrays of one."""
    return estimate.place([offer], [tariff(offer.shape.target, offer.region, case)], case=case)


def hours_of_life(num_hours: float) -> estimate.Times:
    """A burst that trains for so long and does nothing else."""
    seconds, nothing = np.array([num_hours * 3600.0]), np.zeros(1)
    return estimate.Times(
        num_epochs=np.ones(1),
        num_updates=np.ones(1),
        epoch=seconds,
        training=seconds,
        rework=nothing,
        busy=seconds,
        idle=nothing,
        cluster=seconds,
        wall=seconds,
    )
