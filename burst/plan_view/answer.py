"""What a search has found, as one value: the terminal, the JSON document, the plot and the page all show this."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self

from burst import advice, facts
from burst.advice import Limits, Setting
from burst.forecast import accuracy, age, rented
from burst.forecast.cost import Cost
from burst.forecast.rented import Rental
from burst.planner import Front
from burst.ranges import Case
from burst.wanted import Wanted

SORTS = ("usd", "hours", "kgco2e")
"""By what rows can be sorted: their expected values."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One plan of the table, with its full forecast."""

    number: int
    """From 1, as the table shows it."""
    index: int
    """On the front."""
    rental: Rental
    cost: Cost
    num_epochs: int
    num_updates: int
    marks: tuple[str, ...]
    """What it is the best in: cheapest, fastest, least carbon, balanced; recommended."""

    @property
    def is_extrapolated(self) -> bool:
        """Whether nobody measured its accelerator, or so many of them."""
        return self.rental.is_extrapolated

    @property
    def ecal_error_percent(self) -> float | None:
        """After its updates, as published trainings reached it; None where it has fewer of them, or fewer epochs, than any."""
        return accuracy.ecal_error_percent(self.num_updates, self.num_epochs)

    @classmethod
    def of(cls, rental: Rental, *, number: int, index: int, marks: tuple[str, ...]) -> Self:
        """A plan, forecast in full. Refuses what the forecast refuses."""
        times = rented.times(rental, Case.EXPECTED)
        return cls(
            number=number,
            index=index,
            rental=rental,
            cost=rented.cost(rental),
            num_epochs=round(float(times.num_epochs[0])),
            num_updates=round(float(times.num_updates[0])),
            marks=marks,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """Plans within limits, and what to do with them."""

    wanted: Wanted
    limits: Limits
    front: Front
    num_within: int
    """So many plans of the front are within the limits."""
    rows: tuple[Row, ...]
    """Where no plan is within the limits: the nearest one alone."""
    best: Row
    """The recommended row, or the nearest."""
    settings: tuple[Setting, ...]
    """Of `best`."""
    savings: tuple[str, ...]
    exclusions: tuple[str, ...]
    """Empty where there are plans within the limits."""
    warnings: tuple[str, ...]
    """Of old prices."""

    @property
    def is_possible(self) -> bool:
        """Whether any plan is within the limits."""
        return self.num_within > 0

    def row(self, number: int) -> Row | None:
        """The row that the table shows under `number`."""
        return next((row for row in self.rows if row.number == number), None)


def answer(front: Front, wanted: Wanted, limits: Limits, *, count: int, sort: str, today: datetime.date) -> Answer:
    """Choose up to `count` plans within the limits, the recommended one among them, and forecast each in full.

    `today` is for the age of prices alone: it changes warnings and no figure.
    """
    kept = advice.within(front, limits)
    if len(kept):
        best_index = advice.recommended(front, limits)
        indices = [int(index) for index in kept] if count >= len(kept) else advice.shown(front, kept, count)
        if best_index not in indices:
            indices = [*indices[: count - 1], best_index]
        marks = _marks(front, limits)
    else:
        best_index = advice.nearest(front, limits)
        indices, marks = [best_index], {best_index: ("nearest",)}
    indices.sort(key=lambda index: (float(getattr(front, sort)[index]), index))
    rows = tuple(
        Row.of(front.rental(index), number=number, index=index, marks=marks.get(index, ()))
        for number, index in enumerate(indices, start=1)
    )
    best = next(row for row in rows if row.index == best_index)
    return Answer(
        wanted=wanted,
        limits=limits,
        front=front,
        num_within=len(kept),
        rows=rows,
        best=best,
        settings=tuple(advice.settings(best.rental)),
        savings=tuple(advice.savings(front, limits)) if len(kept) else (),
        exclusions=() if len(kept) else tuple(advice.exclusions(front, limits)),
        warnings=tuple(_warnings(rows, best, today)),
    )


def _marks(front: Front, limits: Limits) -> dict[int, tuple[str, ...]]:
    """The names of the notable plans within the limits, by index."""
    found: dict[int, tuple[str, ...]] = {}
    for name, index in advice.notable(front, advice.within(front, limits)).items():
        found[index] = (*found.get(index, ()), name)
    return found


def _warnings(rows: tuple[Row, ...], best: Row, today: datetime.date) -> Iterator[str]:
    """Of the best row in full, and which others rest on old prices of machines."""
    yield from age.warnings(best.rental, today)
    old = [str(row.number) for row in rows if facts.age_days(row.rental.offer.as_of, today) > facts.MAX_AGE_DAYS]
    if old:
        yield f"prices of machines older than {facts.MAX_AGE_DAYS} days: {'row' if len(old) == 1 else 'rows'} {', '.join(old)}"
