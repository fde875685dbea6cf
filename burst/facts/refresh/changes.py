"""What a refresh did, for people: which prices moved, which rows came, went or were refused."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from burst.facts.refresh.table import written
from burst.spec import Purchase

MAX_LINES = 10
"""Of one kind in a summary; the rest is counted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A row of the price table: a product in one region."""

    provider: str
    shape: str
    """Its name, or `8 x V100-16GB` for accelerators that attach to a host."""
    region: str
    """`*` where the provider has one price for all."""
    zone: str = ""

    @property
    def names(self) -> dict[str, str]:
        """The fields of a place, for what happened there."""
        return {"provider": self.provider, "shape": self.shape, "region": self.region, "zone": self.zone}

    def __str__(self) -> str:
        where = "all regions" if self.region == "*" else self.zone or self.region
        return f"{self.provider} {self.shape} in {where}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Change(Place):
    """A price that is another now. USD per hour; None: not sold that way."""

    purchase: Purchase
    old: float | None
    new: float | None

    @property
    def percent(self) -> float | None:
        """How far the price moved; None where there is no old or no new one.

        >>> Change(provider="oci", shape="a", region="*", purchase=Purchase.SPOT, old=2.0, new=1.5).percent
        -25.0
        """
        return None if not self.old or self.new is None else 100 * (self.new / self.old - 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class RefusedRow(Place):
    """A price that came and was not taken."""

    reason: str
    stays_as_of: str
    """Date of the old row, which stays; empty where there is none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Skipped:
    """A provider that was not asked."""

    provider: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Count:
    """Rows of one provider."""

    provider: str
    num_refreshed: int
    """Taken from the API: as of today now, changed or not."""
    num_changed: int
    num_added: int
    num_gone: int
    num_refused: int
    num_carried: int
    """As they were: refused, or not asked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Refreshed:
    """The outcome of a refresh."""

    path: Path | None
    """The new price table; None where it would have been the one in use, dates included."""
    previous: Path
    """The table that was in use, untouched."""
    counts: tuple[Count, ...] = ()
    changes: tuple[Change, ...] = ()
    added: tuple[Place, ...] = ()
    gone: tuple[Place, ...] = ()
    refused: tuple[RefusedRow, ...] = ()
    skipped: tuple[Skipped, ...] = ()
    notes: tuple[str, ...] = ()
    """What else a user should know, a sentence each."""

    def summary(self) -> list[str]:
        """Lines for people, the largest changes first."""
        if self.path is None:
            first = f"nothing is new: {self.previous.name} stays in use"
        else:
            first = f"{self.path.name} is written, from {self.previous.name}, and in use from now on"
        return [
            first,
            *map(_counted, self.counts),
            *_moved(self.changes),
            *_appeared(self.changes),
            *_listed("new", self.added),
            *_listed("no longer listed", self.gone),
            *_refused(self.refused),
            *self.notes,
            *(f"{skipped.provider}: skipped, {skipped.reason}" for skipped in self.skipped),
        ]


def _counted(count: Count) -> str:
    return (
        f"{count.provider}: {count.num_refreshed} rows as of today ({count.num_changed} with another price, "
        f"{count.num_added} new), {count.num_gone} gone, {count.num_refused} refused, {count.num_carried} as they were"
    )


def _moved(changes: Sequence[Change]) -> list[str]:
    """The largest moves; zones of a region that move alike are one line."""
    alike: dict[tuple[object, ...], list[Change]] = {}
    for change in changes:
        if change.percent is not None:
            alike.setdefault(
                (change.provider, change.shape, change.region, change.purchase, change.old, change.new), []
            ).append(change)
    groups = sorted(alike.values(), key=lambda group: -abs(group[0].percent or 0))
    lines = []
    for change, *others in groups[:MAX_LINES]:
        zones = f" ({len(others) + 1} zones)" if others else ""
        place = f"{change.provider} {change.shape} in {change.region}" if others else str(change)
        moved = f"${written(change.old)} -> ${written(change.new)} an hour ({change.percent:+.1f} %)"
        lines.append(f"{place}{zones}, {change.purchase}: {moved}")
    return lines + _more(len(groups), "smaller changes")


def _appeared(changes: Iterable[Change]) -> list[str]:
    """Prices that have no percentage: listed for the first time, or no longer."""
    first = Counter((change.provider, change.purchase) for change in changes if not change.old)
    last = Counter((change.provider, change.purchase) for change in changes if change.new is None)
    return [
        *(f"{provider}: {num} {purchase} prices for the first time" for (provider, purchase), num in sorted(first.items())),
        *(f"{provider}: {num} {purchase} prices are no longer listed" for (provider, purchase), num in sorted(last.items())),
    ]


def _listed(title: str, places: Sequence[Place]) -> list[str]:
    """One line a shape."""
    regions: dict[tuple[str, str], list[str]] = {}
    for place in places:
        regions.setdefault((place.provider, place.shape), []).append(place.zone or place.region)
    lines = []
    for (provider, shape), where in list(regions.items())[:MAX_LINES]:
        shown = ", ".join(where[:3]) + (f" and {len(where) - 3} more" if len(where) > 3 else "")
        lines.append(f"{title}: {provider} {shape} in {shown}")
    return lines + _more(len(regions), f"shapes {title}")


def _refused(refused: Sequence[RefusedRow]) -> list[str]:
    lines = []
    for row in refused[:MAX_LINES]:
        stays = f"the row as of {row.stays_as_of} stays" if row.stays_as_of else "no row is added"
        lines.append(f"refused: {row}, {row.reason}; {stays}")
    return lines + _more(len(refused), "refused rows")


def _more(num_all: int, what: str) -> list[str]:
    return [f"... and {num_all - MAX_LINES} more {what}"] if num_all > MAX_LINES else []
