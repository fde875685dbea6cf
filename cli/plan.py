"""`burst plan`: the best ways to run a training, within limits."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from cli import clock
from cli.asked import Asked, taking_options
from cli.printing import print_json
from trainer.refusal import Refusal, closest

if TYPE_CHECKING:
    from burst.plan_view.answer import Answer, Row
    from burst.planner import Front
    from cli.question import Question

EXIT_IMPOSSIBLE = 1
SUFFIXES = (".png", ".svg", ".html")


@taking_options
def plan(asked: Asked) -> int:
    """Find the best plans: every shape, region, number of nodes, batch and purchase that can be rented.

    The table shows plans that no other beats in money, time and carbon at once, across all of them. Money, hours and carbon are
    expected values with their range (low: everything goes well; high: everything goes badly at once); everything counts, from
    the grant of the machines until nothing is left.

    Exit status 1: no plan is within the limits, and the nearest is shown.

    - **burst plan --hours 2 --usd 100**: what fits a deadline and a budget
    - **burst plan --provider gcp --purchase spot --accuracy 8.3**: the accuracy is held instead of the epochs
    - **burst plan --hours 2 --explain 3**: every item of row 3, with its source
    """
    from burst.plan_view.answer import answer
    from cli.mistakes import Mistakes
    from cli.question import Question

    mistakes = Mistakes()
    question = mistakes.attempt(lambda: Question.of(asked))
    for path in asked.plot or ():
        mistakes.attempt(partial(check_place, path))
    mistakes.end()
    assert question is not None
    found = answer(
        search(question), question.wanted, question.limits, count=question.count, sort=question.sort, today=clock.today()
    )
    row = None if asked.explain is None else row_of(found, asked.explain)
    for path in asked.plot or ():
        draw(found, path)
    if row is None:
        show(found, as_json=asked.as_json)
    else:
        explain(row, as_json=asked.as_json)
    return 0 if found.is_possible else EXIT_IMPOSSIBLE


def search(question: Question) -> Front:
    """The planner's front. Where old prices alone are left, the refusal says so."""
    from burst import planner

    today = clock.today()
    try:
        return planner.search(question.work, question.wanted, today=today)
    except Refusal as refusal:
        old = _oldest(question) if question.wanted.max_age_days is not None else None
        if old is None:
            raise
        got = refusal.got
    raise Refusal(
        f"{got}: every price of it is older than {question.wanted.max_age_days} days ({old})",
        expected="a price of late",
        remedy="burst facts refresh gets today's; --allow-old plans with these",
    )


def _oldest(question: Question) -> str | None:
    """Whose prices, and of when, there would be if old ones were allowed; None if still nothing."""
    from burst import planner

    try:
        front = planner.search(question.work, question.with_old_prices().wanted, today=clock.today())
    except Refusal:
        return None
    dates = {(offer.shape.provider, offer.as_of) for offer in front.offers}
    return ", ".join(f"{provider}: {as_of}" for provider, as_of in sorted(dates))


def row_of(found: Answer, number: int) -> Row:
    """The row to explain; refuses a number that the table has not."""
    row = found.row(number)
    if row is None:
        raise Refusal(
            f"--explain {number}",
            expected=f"a row of the table, 1 to {len(found.rows)}",
            remedy="see the table without --explain",
        )
    return row


def check_place(path: Path) -> None:
    """Refuse a plot that cannot be drawn: another kind of file, or a folder that is not there."""
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        raise Refusal(
            f"--plot {path}: no {suffix or 'suffix'}{closest(suffix, SUFFIXES)}",
            expected=" or ".join(SUFFIXES),
            remedy="name the file so",
        )
    if not path.parent.is_dir():
        raise Refusal(f"--plot {path}: no folder {path.parent}", expected="a folder that is there", remedy="make it first")


def draw(found: Answer, path: Path) -> None:
    """One plot or page, whole or not at all."""
    from burst.plan_view import figure, page
    from cli.printing import errors

    match path.suffix.lower():
        case ".html":
            page.write(found, path)
        case _:
            figure.write(found, path)
    errors().print(f"drawn: {path}", soft_wrap=True)


def show(found: Answer, *, as_json: bool) -> None:
    """Print the table and what belongs to it."""
    from burst.plan_view.document import plans_document
    from cli import plan_table
    from cli.printing import output

    if as_json:
        print_json(plans_document(found))
    else:
        plan_table.show(output(), found)


def explain(row: Row, *, as_json: bool) -> None:
    """Print one row, itemised."""
    from burst import advice
    from burst.forecast import age
    from burst.plan_view.document import explanation_document
    from cli import explanation
    from cli.printing import output

    warnings = age.warnings(row.rental, clock.today())
    if as_json:
        print_json(explanation_document(row, advice.settings(row.rental), warnings))
    else:
        explanation.show(output(), row, warnings)
