"""What `burst plan` prints: the table, the recommended plan with its reasons, what limits cost, what was left out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich import box
from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from burst import advice, facts
from burst.advice import Setting
from burst.numerals import number
from burst.plan_view import sentences
from burst.plan_view.answer import Answer, Row
from burst.plan_view.words import DASH, between, count, with_range

WIDE = 190
"""Columns from which on a plan takes one line; below, two."""
MAX_SET_ASIDE = 6
DIM, STRONG = "dim", "bold"


def show(console: Console, found: Answer) -> None:
    """Print all of it."""
    header(console, found)
    if not found.is_possible:
        console.print("No plan is within the limits:", style=STRONG)
        listed(console, found.exclusions)
        console.print("The nearest:", style=STRONG)
    console.print(table(found.rows, is_wide=console.width >= WIDE))
    console.print(sentences.waiting(row.rental.offer.shape.target for row in found.rows), style=DIM)
    if any(row.is_extrapolated for row in found.rows):
        console.print("E: extrapolated, for nobody measured that accelerator or so many of them (--measured-only)", style=DIM)
    recommendation(console, found)
    if found.savings:
        console.print("What the limits cost:", style=STRONG)
        listed(console, found.savings)
    set_aside(console, found)
    for sentence in found.warnings:
        console.print(f"warning: {sentence}", style="yellow")
    more(console, found)


def header(console: Console, found: Answer) -> None:
    """What was asked and searched, in a line."""
    front = found.front
    within = f", {found.num_within:,} of them within the limits" if _is_limited(found) else ""
    console.print(
        f"{sentences.work(front.work)}: {count(front.num_candidates, 'candidate')}, "
        f"{count(len(front.offers), 'plan')} that no other beats{within}; facts of {facts.snapshot()}"
    )


def _is_limited(found: Answer) -> bool:
    return found.limits != advice.Limits()


def table(rows: Sequence[Row], *, is_wide: bool) -> Table:
    """The plans: a line each, or two where the terminal is narrow."""
    return _one_line(rows) if is_wide else _two_lines(rows)


def _two_lines(rows: Sequence[Row]) -> Table:
    found = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False, show_edge=False)
    found.add_column("#", justify="right")
    found.add_column("shape x nodes\nregion, purchase", overflow="fold")
    found.add_column("batch\nupdates", justify="right")
    for title in ("hours", "USD", "kgCO2e"):
        found.add_column(f"{title}\nlow{DASH}high", justify="right")
    found.add_column("ECAL error\nbest in")
    for row in rows:
        style = STRONG if row.marks else ""
        cost = row.cost
        found.add_row(
            str(row.number),
            _stacked(f"{row.rental.offer.shape.name} x {row.rental.num_nodes}", _place(row), style),
            _stacked(str(row.rental.batch_per_rank), f"{row.num_updates:,}", ""),
            *(_stacked(number(value.expected), between(value), style) for value in (cost.hours, cost.usd, cost.kgco2e)),
            _stacked(_error(row), ", ".join(row.marks), "", below=STRONG),
        )
    return found


def _one_line(rows: Sequence[Row]) -> Table:
    found = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False)
    for title in ("#", "shape x nodes", "region", "purchase", "batch", "updates"):
        found.add_column(title, justify="left" if title in ("shape x nodes", "region", "purchase") else "right", no_wrap=True)
    for title in ("hours", "USD", "kgCO2e"):
        found.add_column(f"{title} (low{DASH}high)", justify="right", no_wrap=True)
    found.add_column("ECAL error", justify="right", no_wrap=True)
    found.add_column("", no_wrap=True)
    found.add_column("best in", no_wrap=True)
    for row in rows:
        offer, cost = row.rental.offer, row.cost
        found.add_row(
            str(row.number),
            f"{offer.shape.name} x {row.rental.num_nodes}",
            offer.region,
            str(offer.purchase),
            str(row.rental.batch_per_rank),
            f"{row.num_updates:,}",
            *(with_range(value) for value in (cost.hours, cost.usd, cost.kgco2e)),
            sentences.ecal_error(row.num_updates, row.num_epochs),
            "E" if row.is_extrapolated else "",
            ", ".join(row.marks),
        )
    return found


def _stacked(above: str, under: str, style: str, *, below: str = DIM) -> Text:
    return Text.assemble((above, style), "\n", (under, below))


def _error(row: Row) -> str:
    return f"{sentences.ecal_error(row.num_updates, row.num_epochs)}{'  E' if row.is_extrapolated else ''}"


def _place(row: Row) -> str:
    return f"{row.rental.offer.region}, {row.rental.offer.purchase}"


def recommendation(console: Console, found: Answer) -> None:
    """The plan to take, and how to run it."""
    row = found.best
    if found.is_possible:
        console.print(f"Recommended, {sentences.why_recommended(found.limits)}: row {row.number}", style=STRONG)
    else:
        console.print("How to run it:", style=STRONG)
    console.print(f"  {advice.name(row.rental)}")
    settings(console, found.settings)


def settings(console: Console, given: Iterable[Setting]) -> None:
    """Each setting with its reason beside it."""
    grid = Table(box=None, show_header=False, padding=(0, 2, 0, 0), pad_edge=False)
    grid.add_column(no_wrap=True)
    grid.add_column(no_wrap=True)
    grid.add_column(style=DIM)
    for each in given:
        grid.add_row(f"  {each.name}", each.value, each.reason)
    console.print(grid)


def listed(console: Console, sentences: Iterable[str]) -> None:
    """Sentences, indented."""
    for sentence in sentences:
        console.print(Padding(sentence, (0, 0, 0, 2), expand=False))


def set_aside(console: Console, found: Answer) -> None:
    """What was not evaluated, and why."""
    reasons = found.front.set_aside.most_common()
    if not reasons:
        return
    console.print(f"Set aside, {count(sum(found.front.set_aside.values()), 'offer')}:", style=STRONG)
    listed(console, [f"{number_of:,} - {reason}" for reason, number_of in reasons[:MAX_SET_ASIDE]])
    if len(reasons) > MAX_SET_ASIDE:
        rest = sum(number_of for _, number_of in reasons[MAX_SET_ASIDE:])
        listed(console, [f"{rest:,} - for {len(reasons) - MAX_SET_ASIDE} other reasons (--json lists them)"])


def more(console: Console, found: Answer) -> None:
    """What else can be asked."""
    rows = f"--count {found.num_within} shows all {found.num_within}; " if found.num_within > len(found.rows) else ""
    explain = f"--explain {found.best.number} itemises a row; " if found.is_possible else ""
    console.print(f"More: {explain}{rows}--plot plans.html draws them; --json for programs", style=DIM)
