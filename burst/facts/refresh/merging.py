"""What was read of a provider, put into its rows of the price table; or refused, where too little of it is believable."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from burst.facts.refresh import plausible
from burst.facts.refresh.api import Api
from burst.facts.refresh.changes import Change, Count, Place, RefusedRow
from burst.facts.refresh.quotes import Quote, Reading
from burst.facts.refresh.table import ATTACHABLE, PRICE_COLUMN, Product, by_product, price, product_of, written
from burst.facts.rows import Row

CONFIDENCE = "high"
ATTACHABLE_NOTE = "unit price x count"


@dataclass(frozen=True, slots=True, kw_only=True)
class Merged:
    """A provider's rows after the refresh, and what happened to them."""

    outcomes: tuple[Row | None, ...]
    """One for each known row, in their order: refreshed, as it was, or None where it is gone."""
    new_rows: Mapping[Product, tuple[Row, ...]]
    """Regions that a product did not have."""
    count: Count
    changes: tuple[Change, ...]
    added: tuple[Place, ...]
    gone: tuple[Place, ...]
    refused: tuple[RefusedRow, ...]
    notes: tuple[str, ...]


def merge(api: Api, rows: Sequence[Row], reading: Reading, today: date) -> Merged:
    """Judge and take what was read.

    Refuses an answer of which more than `plausible.MAX_SHARE` cannot be believed, or that lacks more than that of the known
    prices.
    """
    quotes = {(quote.product, quote.region): quote for quote in reading.quotes}
    merging = _Merging(source=reading.source, today=today)
    for row in rows:
        if product_of(row) in reading.covered:
            merging.replace(row, quotes.get((product_of(row), row["region"])))
        else:
            merging.outcomes.append(row)
    known = by_product(rows)
    regions = {product: {row["region"] for row in same} for product, same in known.items()}
    for quote in reading.quotes:
        if quote.region not in regions[quote.product]:
            merging.add(quote, known[quote.product])
    merging.check(api)
    return merging.merged(api.provider, reading.notes)


class _Merging:
    """The work of `merge`, row by row."""

    def __init__(self, *, source: str, today: date) -> None:
        self._fresh = {"source": source, "as_of": today.isoformat(), "confidence": CONFIDENCE}
        self.outcomes: list[Row | None] = []
        self._new_rows: dict[Product, list[Row]] = {}
        self._changes: list[Change] = []
        self._added: list[Place] = []
        self._gone: list[Place] = []
        self._refused: list[RefusedRow] = []
        self._num_asked = self._num_judged = self._num_lost = self._num_refreshed = self._num_unplaced = 0

    def replace(self, row: Row, quote: Quote | None) -> None:
        """A known row: with the prices of `quote`, as it was where that is refused, or gone where there is none."""
        self._num_asked += 1
        if quote is None:
            self._num_lost += 1
            self._gone.append(place_of(row))
            self.outcomes.append(None)
            return
        self._num_judged += 1
        problem = plausible.problem(quote, row, ())
        if problem:
            self._refuse(place_of(row), problem, row["as_of"])
            self.outcomes.append(row)
            return
        self._num_refreshed += 1
        self._note_changes(row, quote)
        note = ATTACHABLE_NOTE if row["kind"] == ATTACHABLE else row["note"]
        self.outcomes.append({**row, **_cells(row, quote), **self._fresh, "note": note})

    def add(self, quote: Quote, same_product: Sequence[Row]) -> None:
        """A region that a known product did not have; accelerators that attach stand in zones, which no list names."""
        model: Row = {**same_product[0], "region": quote.region, "zone": ""}
        if model["kind"] == ATTACHABLE:
            self._num_unplaced += 1
            return
        self._num_judged += 1
        problem = plausible.problem(quote, None, same_product)
        if problem:
            self._refuse(place_of(model), problem, "")
            return
        self._num_refreshed += 1
        self._added.append(place_of(model))
        self._new_rows.setdefault(quote.product, []).append({**model, **_cells(None, quote), **self._fresh})

    def check(self, api: Api) -> None:
        """Refuse the whole answer where too much of it cannot be believed or is missing."""
        num_refused, allowed = len(self._refused), f"at most {plausible.MAX_SHARE:.0%} of them"
        if num_refused > plausible.MAX_SHARE * self._num_judged:
            first = self._refused[0]
            came = f"{num_refused} prices of {self._num_judged} that cannot be believed ({first}: {first.reason})"
            raise api.refusal(api.endpoint, came, expected=allowed)
        if self._num_lost > plausible.MAX_SHARE * self._num_asked:
            came = f"no price, or not both, for {self._num_lost} rows of {self._num_asked} that had one"
            raise api.refusal(api.endpoint, came, expected=f"{allowed} to vanish at once")

    def merged(self, provider: str, notes: Sequence[str]) -> Merged:
        """The outcome."""
        if self._num_unplaced:
            further = f"{self._num_unplaced} prices of attachable accelerators in further regions are not added"
            notes = [*notes, f"{provider}: {further}, for the list names no zones"]
        return Merged(
            outcomes=tuple(self.outcomes),
            new_rows={product: tuple(rows) for product, rows in self._new_rows.items()},
            count=Count(
                provider=provider,
                num_refreshed=self._num_refreshed,
                num_changed=len({(change.shape, change.region, change.zone) for change in self._changes}),
                num_added=len(self._added),
                num_gone=len(self._gone),
                num_refused=len(self._refused),
                num_carried=len(self.outcomes) - len(self._gone) - (self._num_refreshed - len(self._added)),
            ),
            changes=tuple(self._changes),
            added=tuple(self._added),
            gone=tuple(self._gone),
            refused=tuple(self._refused),
            notes=tuple(notes),
        )

    def _note_changes(self, row: Row, quote: Quote) -> None:
        place, cells, num_lost = place_of(row), _cells(row, quote), 0
        for purchase, column in PRICE_COLUMN.items():
            old, new = price(row, purchase), quote.price(purchase)
            if cells[column] != row[column]:
                self._changes.append(Change(**place.names, purchase=purchase, old=old, new=new))
                num_lost += new is None
        self._num_lost += min(num_lost, 1)

    def _refuse(self, place: Place, reason: str, stays_as_of: str) -> None:
        self._refused.append(RefusedRow(**place.names, reason=reason, stays_as_of=stays_as_of))


def place_of(row: Row) -> Place:
    """What a row is called in a summary."""
    return Place(provider=row["provider"], shape=product_of(row).name, region=row["region"], zone=row["zone"])


def _cells(row: Row | None, quote: Quote) -> dict[str, str]:
    """Both prices as they are written; a cell that says the same number in another way stays."""
    cells = {}
    for purchase, column in PRICE_COLUMN.items():
        old, new = row[column] if row is not None else "", written(quote.price(purchase))
        cells[column] = old if old and new and written(float(old)) == new else new
    return cells
