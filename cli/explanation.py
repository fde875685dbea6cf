"""What `burst plan --explain` prints: one plan, item by item, with what each figure rests on."""

from __future__ import annotations

from collections.abc import Iterable

from rich.console import Console
from rich.table import Table

from burst import advice
from burst.numerals import number
from burst.plan_view import sentences
from burst.plan_view.answer import Row
from burst.plan_view.document import phases, service_prices
from burst.plan_view.words import DASH, between
from cli import plan_table
from cli.cost_table import cost_table, plain_table
from cli.plan_table import STRONG, listed


def show(console: Console, row: Row, warnings: Iterable[str]) -> None:
    """Print all of it."""
    rental = row.rental
    console.print(f"Row {row.number}: {advice.name(rental)}", style=STRONG)
    console.print(
        f"{sentences.work(rental.work)}: {row.num_epochs:,} epochs, {row.num_updates:,} updates at global batch "
        f"{rental.global_batch:,}{'; extrapolated, for nobody measured it' if row.is_extrapolated else ''}"
    )
    console.print()
    console.print(cost_table(row.cost))
    console.print(life(row))
    console.print(services(row))
    console.print("How to run it:", style=STRONG)
    plan_table.settings(console, advice.settings(rental))
    console.print("Rests on:", style=STRONG)
    listed(console, row.cost.basis)
    for sentence in warnings:
        console.print(f"warning: {sentence}", style="yellow")


def life(row: Row) -> Table:
    """The phases of the plan's life, each with its source."""
    table = plain_table("phase", figures=("seconds", f"low{DASH}high"), texts=("billed", "source"))
    for phase in phases(row):
        source = f"{phase.source} ({phase.as_of}, {phase.confidence} confidence)"
        table.add_row(
            phase.name.replace("_", " "), number(phase.seconds.expected), between(phase.seconds, 3), str(phase.billed), source
        )
    return table


def services(row: Row) -> Table:
    """Prices of what is billed beside the machines."""
    table = plain_table("service", figures=("USD",), texts=("unit", "source"))
    for price in service_prices(row):
        table.add_row(f"{price.service}: {price.item}", number(price.usd), f"a {price.unit}", f"{price.source} ({price.as_of})")
    return table
