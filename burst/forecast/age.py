"""Prices that have grown old: a forecast says so, and a plan does without them."""

from __future__ import annotations

import datetime

from burst import facts
from burst.forecast.estimate import NODES
from burst.forecast.rented import Rental, cost
from burst.forecast.tariff import tariff


def warnings(rental: Rental, today: datetime.date) -> list[str]:
    """A sentence for each price older than `facts.MAX_AGE_DAYS` on `today`; never part of a stack's outputs.

    The machines' own price is most of the bill. What is billed beside them is told together, with its share.
    """
    found = []
    for offer in dict.fromkeys(nodes.offer for nodes in rental.nodes):
        age = facts.age_days(offer.as_of, today)
        if age > facts.MAX_AGE_DAYS:
            found.append(f"the price of {offer.shape.name} in {offer.region} is {age} days old: burst facts refresh")
    first = rental.nodes[0].offer
    ssds = dict.fromkeys(nodes.local_ssd_price for nodes in rental.nodes)
    beside_nodes = (*ssds, rental.volume_price)
    prices = [*tariff(first.shape.target, first.region).prices, *(each for each in beside_nodes if each is not None)]
    old = [each for each in prices if facts.age_days(each.as_of, today) > facts.MAX_AGE_DAYS]
    if old:
        items = cost(rental).items["usd"]
        beside = 1 - items[NODES].expected / sum(part.expected for part in items.values())
        names = ", ".join(sorted({each.service for each in old}))
        found.append(
            f"older than {facts.MAX_AGE_DAYS} days beside the machines' own: {len(old)} of {len(prices)} prices ({names}); "
            f"all that is beside the machines is {beside:.1%} of the money"
        )
    return found
