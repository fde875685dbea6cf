"""What can be rented, where, and for how much: the price table, composed, with what is no offer set aside and why."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import NamedTuple

from burst.facts import carbon, guard, rows, snapshots
from burst.facts.hosts import attached, default_host, named_host
from burst.facts.power import coefficient
from burst.facts.rows import Row, optional_number
from burst.ranges import Case
from burst.spec import Purchase, Shape
from trainer.refusal import Refusal

ATTACHABLE, FLEXIBLE, PLAIN = "attachable_accelerator", "flexible_unit", "vm"
FLEX_START_PRICE = "flex_start_price"
"""A row of `coefficients.csv`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """One shape in one region, bought one way."""

    shape: Shape
    region: str
    """As the provider writes it: `europe-west4`."""
    zones: tuple[str, ...]
    """Where the shape stands at this price; empty where the source does not say."""
    purchase: Purchase
    usd_per_hour: float
    """Of one node, accelerators and host together; for a TPU slice, of the slice."""
    source: str
    as_of: str
    confidence: str

    def usd_per_hour_at(self, case: Case) -> float:
        """The price, or what is known of it: Google's list has none for flex-start, which costs on demand or less."""
        share = coefficient(FLEX_START_PRICE).value.at(case) if self.purchase is Purchase.FLEX_START else 1.0
        return self.usd_per_hour * share

    @property
    def place(self) -> str:
        """`provider/region`, the key of the carbon table."""
        return f"{self.shape.provider}/{self.region}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Unsound:
    """A listed price that is refused."""

    offer: Offer
    reason: str
    replacement: str
    """The nearest that lives; empty where there is none."""
    source: str

    def refusal(self) -> Refusal:
        """For a user who asked for it by name."""
        there = f"{self.offer.shape.name} in {self.offer.region}, {self.offer.purchase}"
        remedy = f"take {self.replacement}" if self.replacement else "choose another shape"
        return Refusal(f"{there}: {self.reason} ({self.source})", expected="a shape that can be rented", remedy=remedy)


@dataclass(frozen=True, slots=True, kw_only=True)
class Market:
    """All offers of a price table."""

    sound: tuple[Offer, ...]
    unsound: tuple[Unsound, ...]


@cache
def market() -> Market:
    """The offers of the price snapshot in use."""
    in_use = snapshots.current()
    return compose(rows.rows(in_use.prices_file), on=in_use.date)


def compose(table: Sequence[Row], *, on: str, host: str = "") -> Market:
    """Offers from the rows of a price table, judged as of the ISO date `on`.

    `host`: the N1 machine type that attached accelerators get; empty: the one that CERN's size of node has.
    """
    merged: dict[tuple[Shape, str, Purchase, float, Problem | None], Offer] = {}
    for row in _composed(table, host):
        for offer, spot, listed in _listed(row):
            problem = _problem(offer, listed, spot, on=on)
            key = (offer.shape, offer.region, offer.purchase, offer.usd_per_hour, problem)
            merged[key] = replace(offer, zones=tuple(sorted({*merged[key].zones, *offer.zones}))) if key in merged else offer
    sound = tuple(offer for (*_, problem), offer in merged.items() if problem is None)
    unsound = tuple(
        Unsound(
            offer=offer, reason=problem.reason, replacement=problem.replacement or _nearest(offer, sound), source=problem.source
        )
        for (*_, problem), offer in merged.items()
        if problem is not None
    )
    return Market(sound=sound, unsound=unsound)


class Problem(NamedTuple):
    """Why a listed price is no offer."""

    reason: str
    replacement: str
    """That the provider names; empty where it names none."""
    source: str


def _problem(offer: Offer, listed: float | None, spot: float | None, *, on: str) -> Problem | None:
    shape = offer.shape
    retirement = guard.retirement_of(shape.provider, shape.name, on=on)
    if retirement is not None:
        return Problem(f"retired on {retirement.retired_on}", retirement.replacement, retirement.source)
    price_problem = guard.price_problem(listed, spot, offer.purchase)
    if price_problem is not None:
        return Problem(price_problem, "", offer.source)
    restriction = guard.restriction_of(shape.provider, shape.name, offer.region, offer.purchase)
    return Problem(restriction.reason, "", restriction.source) if restriction is not None else None


def _nearest(gone: Offer, sound: Sequence[Offer]) -> str:
    """The sound offer most like one that is none: same accelerator before same region, then the like count, then the price."""

    def distance(offer: Offer) -> tuple[bool, bool, bool, int, float]:
        shape = offer.shape
        return (
            shape.accelerator.removeprefix("TPU-").split("-")[0] != gone.shape.accelerator.removeprefix("TPU-").split("-")[0],
            shape.provider != gone.shape.provider,
            offer.region != gone.region,
            abs(shape.num_accelerators - gone.shape.num_accelerators),
            offer.usd_per_hour,
        )

    alike = [
        offer
        for offer in sound
        if offer.purchase is gone.purchase and bool(offer.shape.accelerator) == bool(gone.shape.accelerator)
    ]
    best = min(alike, key=distance, default=None)
    return f"{best.shape.name} in {best.region}" if best else ""


def _listed(row: Mapping[str, str]) -> Iterator[tuple[Offer, float | None, float | None]]:
    """The offers of one complete row, with the row's spot and on-demand price."""
    listed, spot = optional_number(row["usd_per_hour"]), optional_number(row["spot_usd_per_hour"])
    shape = Shape(
        provider=row["provider"],
        name=row["shape"],
        accelerator=row["accelerator"],
        num_accelerators=int(row["num_accelerators"] or 0),
        vcpus=float(row["vcpus"] or 0),
        memory_gib=float(row["memory_gib"] or 0),
    )
    for region in _regions(row):
        for purchase, price in ((Purchase.ON_DEMAND, listed), (Purchase.SPOT, spot)):
            if price is not None:
                offer = Offer(
                    shape=shape,
                    region=region,
                    zones=(row["zone"],) if row["zone"] else (),
                    purchase=purchase,
                    usd_per_hour=price,
                    source=row["source"],
                    as_of=row["as_of"],
                    confidence=row["confidence"],
                )
                yield offer, spot, listed


def _regions(row: Mapping[str, str]) -> Sequence[str]:
    """A uniform price list names no region: it holds in all that the provider has."""
    if row["region"] != "*":
        return (row["region"],)
    places = (place.partition("/") for place in carbon.grids())
    return [region for provider, _, region in places if provider == row["provider"]]


def _composed(table: Sequence[Row], host: str) -> Iterator[Row]:
    """Complete rows: accelerators that attach to a host become shapes with one."""
    hosts: dict[str, dict[str, Row]] = defaultdict(dict)
    for row in table:
        if row["kind"] == PLAIN and row["provider"] == "gcp":
            hosts[row["region"]][row["shape"]] = row
    for row in table:
        if row["kind"] == ATTACHABLE:
            there = hosts[row["region"]]
            chosen = named_host(there, row, host) if host else default_host(there, row)
            if chosen is not None:
                yield attached(chosen, row)
        elif row["kind"] != FLEXIBLE:
            yield row
