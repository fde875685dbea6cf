"""One self-contained HTML page about plans: no scripts, nothing loaded from elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from burst import advice, facts
from burst.numerals import number
from burst.plan_view import figure, sentences, words
from burst.plan_view.answer import Answer, Row
from burst.plan_view.document import phases, service_prices
from burst.plan_view.words import NAMES, unit_of
from burst.ranges import Range
from burst.whole_file import write_whole

_FOLDER = Path(__file__).parent


def write(answer: Answer, path: Path) -> None:
    """Write the page to `path`, whole or not at all. Equal answers give equal bytes."""
    write_whole(path, render(answer).encode())


def render(answer: Answer) -> str:
    """The page as text."""
    environment = Environment(
        loader=FileSystemLoader(_FOLDER), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters.update({"number": number, "between": words.between, "count": words.count})
    return environment.get_template("page.html.j2").render(
        style=Markup(figure.CSS.read_text(encoding="utf-8")),  # noqa: S704 - our own file
        answer=answer,
        front=answer.front,
        best=answer.best,
        best_name=advice.name(answer.best.rental),
        why=sentences.why_recommended(answer.limits),
        work=sentences.work(answer.front.work),
        limits=sentences.limits(answer.limits),
        plot=figure.inline(answer),
        ecal_error=sentences.ecal_error,
        waiting=sentences.waiting(row.rental.offer.shape.target for row in answer.rows),
        bill=list(_bill(answer.best)),
        phases=phases(answer.best),
        services=service_prices(answer.best),
        set_aside=answer.front.set_aside.most_common(),
        snapshot=facts.snapshot(),
        max_age_days=facts.MAX_AGE_DAYS,
    )


class Line(NamedTuple):
    """One line of the itemised forecast, ready to print; a total has no indentation."""

    name: str
    low: str
    expected: str
    high: str
    unit: str
    is_total: bool


def _bill(row: Row) -> Iterator[Line]:
    """Every quantity and its items, each quantity in a unit that fits."""
    for name, title in NAMES.items():
        total: Range | None = getattr(row.cost, name)
        if total is None:
            yield Line(title, "", "not published", "", "", is_total=True)
            continue
        unit, factor = unit_of(name, [total])
        yield _line(title, total * factor, unit, is_total=True)
        for item, value in row.cost.items.get(name, {}).items():
            yield _line(item, value * factor, unit, is_total=False)


def _line(name: str, value: Range, unit: str, *, is_total: bool) -> Line:
    return Line(name, number(value.low), number(value.expected), number(value.high), unit, is_total)
