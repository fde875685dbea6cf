"""An offer by its names, for a user who asks for it: what is not listed is refused, and what is listed but not sold."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from functools import cache

from burst.facts import guard, offers, rows, snapshots
from burst.facts.gke_accelerators import gke_accelerator
from burst.facts.names import check_name
from burst.facts.offers import Market, Offer, compose
from burst.spec import Purchase
from trainer.refusal import Refusal


def find(provider: str, shape: str, region: str, purchase: Purchase, *, zone: str = "") -> Offer:
    """The offer of these names, the cheapest of several; refuses what is not listed, with the closest names, and what is listed
    but no offer. `zone`: where the price list tells zones, only what stands in this one.
    """
    found = _market_with(provider, shape)
    everything = [*found.sound, *(unsound.offer for unsound in found.unsound)]
    check_name("provider", provider, {offer.shape.provider for offer in everything})
    check_name("shape", shape, {offer.shape.name for offer in everything if offer.shape.provider == provider})
    check_name("region", region, {offer.region for offer in everything if offer.shape.name == shape})
    if purchase is Purchase.FLEX_START:
        return _flex_start(found, shape, region, zone)
    asked = (shape, region, purchase)
    alike = [offer for offer in found.sound if (offer.shape.name, offer.region, offer.purchase) == asked]
    if alike:
        return _cheapest(alike, zone)
    for unsound in found.unsound:
        offer = unsound.offer
        if (offer.shape.name, offer.region, offer.purchase) == asked:
            raise unsound.refusal()
    raise Refusal(
        f"{shape} in {region} has no {purchase} price", expected="another purchase", remedy="buy it another way, or refresh"
    )


def _cheapest(alike: Iterable[Offer], zone: str) -> Offer:
    there = [offer for offer in alike if not (zone and offer.zones) or zone in offer.zones]
    if not there:
        one = next(iter(alike))
        zones = {known for offer in alike for known in offer.zones}
        check_name(f"{one.shape.name}, {one.purchase}, in zone", zone, zones)
    return min(there, key=lambda offer: offer.usd_per_hour)


def _flex_start(found: Market, shape: str, region: str, zone: str) -> Offer:
    """By the price on demand, which it does not exceed; some machines have one in the list and are not sold on demand."""
    restriction = guard.restriction_of("gcp", shape, region, Purchase.ON_DEMAND)
    reasons = {restriction.reason} if restriction is not None else set()
    listed = [*found.sound, *(unsound.offer for unsound in found.unsound if unsound.reason in reasons)]
    asked = (shape, region, Purchase.ON_DEMAND)
    alike = [offer for offer in listed if (offer.shape.name, offer.region, offer.purchase) == asked]
    if alike and alike[0].shape.provider == "gcp" and not alike[0].shape.is_tpu:
        one = alike[0].shape
        if not one.accelerator or not gke_accelerator(one).is_sold_flex_start:
            raise Refusal(
                f"{shape}, flex-start: nobody confirms that it is sold so (burst/facts/gke_accelerators.csv)",
                expected="spot or on-demand, or an A2, A3, A4 or G2 machine",
                remedy="set the purchase to spot or on-demand",
            )
        return replace(_cheapest(alike, zone), purchase=Purchase.FLEX_START)
    raise Refusal(
        f"{shape} in {region} is not sold flex-start, or has no price on demand to bound its price by",
        expected="a GPU machine of Google's with a price on demand",
        remedy="set the purchase to spot or on-demand",
    )


def _market_with(provider: str, shape: str) -> Market:
    """The market; for accelerators on a host that is not the default one, with the offers on that host."""
    usual = offers.market()
    host, plus, _ = shape.partition("+")
    is_usual = any(offer.shape.name == shape for offer in usual.sound)
    if is_usual or provider != "gcp" or not plus:
        return usual
    chosen = _on_host(host)
    return Market(sound=(*usual.sound, *chosen.sound), unsound=(*usual.unsound, *chosen.unsound))


@cache
def _on_host(host: str) -> Market:
    in_use = snapshots.current()
    table = [
        row
        for row in rows.rows(in_use.prices_file)
        if row["kind"] == offers.ATTACHABLE or (row["provider"], row["shape"]) == ("gcp", host)
    ]
    found = compose(table, on=in_use.date, host=host)
    return Market(
        sound=tuple(offer for offer in found.sound if offer.shape.accelerator),
        unsound=tuple(unsound for unsound in found.unsound if unsound.offer.shape.accelerator),
    )
