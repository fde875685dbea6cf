"""`burst facts`: the tables that forecasts rest on, and live prices for them."""

from __future__ import annotations

import csv
import os
import sys
from collections import Counter
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli import clock
from cli.mistakes import Mistakes, above_zero, one_of
from trainer.refusal import Refusal, closest

if TYPE_CHECKING:
    from burst.facts.refresh import Endpoints
    from burst.facts.rows import Row

FOLDER_VARIABLE = "HEPBURST_FACTS_FOLDER"
"""Another folder of tables than the project's own, for tests and trials."""
GCP_API_KEY_VARIABLE = "HEPBURST_GCP_API_KEY"
PROVIDERS = ("azure", "gcp", "oci")
PRICES = "prices"
MAX_SOURCE = 60

app = typer.Typer(help="The dated tables that every forecast rests on, and live prices for them.")


@app.command(name="show")
def show(
    table: Annotated[
        str | None, typer.Option(help="Print the rows of this table (CSV where it goes to a file or pipe).", metavar="NAME")
    ] = None,
) -> None:
    """List the tables of facts: rows, dates, sources; or print one."""
    from burst.facts import rows
    from burst.facts.snapshots import of_folder

    folder = facts_folder()
    in_use = of_folder(folder)
    tables = {path.stem: path for path in tables_in_use(folder, in_use.prices_file)}
    if table is not None:
        print_rows(rows.read_rows(named(table, tables)))
        return
    from cli.cost_table import plain_table
    from cli.printing import output

    console = output()
    console.print(f"Facts of {in_use.date}, sha256 {in_use.sha256}", soft_wrap=True)
    found = plain_table("table", figures=("rows", "oldest", "newest", "sources"), texts=("most rows from",))
    for name, path in tables.items():
        found.add_row(name, *summary(rows.read_rows(path)))
    console.print(found)
    console.print("More: burst facts show --table NAME prints a table; burst facts refresh gets live prices", style="dim")


def facts_folder() -> Path:
    """Where the tables are."""
    from burst.facts import rows

    return Path(os.environ.get(FOLDER_VARIABLE) or rows.FOLDER)


def tables_in_use(folder: Path, prices_file: str) -> list[Path]:
    """All tables but superseded prices, by name."""
    return [path for path in sorted(folder.glob("*.csv")) if not path.name.startswith("prices-") or path.name == prices_file]


def named(table: str, tables: dict[str, Path]) -> Path:
    """The table of a name, with or without its suffix; `prices` are those in use."""
    name = table.removesuffix(".csv")
    if name == PRICES:
        name = next(known for known in tables if known.startswith("prices-"))
    if name not in tables:
        raise Refusal(
            f"no table {table}{closest(name, [PRICES, *tables])}", expected=", ".join(tables), remedy="correct --table"
        )
    return tables[name]


def summary(table: tuple[Row, ...]) -> list[str]:
    """Number of rows, oldest and newest date, number of sources, and the source of most rows."""
    dates, sources = [row["as_of"] for row in table], Counter(row["source"] for row in table)
    if not table:
        return ["0", "", "", "0", ""]
    most = " ".join(sources.most_common(1)[0][0].split())
    shown = most if len(most) <= MAX_SOURCE else f"{most[:MAX_SOURCE]}..."
    return [f"{len(table):,}", min(dates, key=end_of), max(dates, key=end_of), str(len(sources)), shown]


def end_of(as_of: str) -> str:
    """A row's date; of a year, its last day.

    >>> end_of("2024"), end_of("2026-07-30")
    ('2024-12-31', '2026-07-30')
    """
    return f"{as_of}-12-31" if as_of.isdecimal() else as_of


def print_rows(table: tuple[Row, ...]) -> None:
    """As a table on a terminal, else as CSV."""
    from rich.table import Table

    from cli.printing import output

    columns = list(table[0]) if table else []
    console = output()
    if not console.is_terminal:
        writer = csv.DictWriter(sys.stdout, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(table)
        return
    found = Table(padding=(0, 1, 0, 0), pad_edge=False, box=None)
    for column in columns:
        found.add_column(column, overflow="fold")
    for row in table:
        found.add_row(*(row[column] for column in columns))
    console.print(found)


@app.command(name="refresh")
def refresh(
    provider: Annotated[
        list[str] | None, typer.Option(help="azure, gcp or oci; repeatable.", metavar="NAME", show_default="all")
    ] = None,
    gcp_api_key: Annotated[
        str | None,
        typer.Option(
            help="For Google's price list, which needs one; without it gcp is skipped. Better in the environment.",
            metavar="KEY",
            envvar=GCP_API_KEY_VARIABLE,
            show_envvar=True,
        ),
    ] = None,
    timeout: Annotated[float, typer.Option(help="Seconds that a server may be silent.", metavar="SECONDS")] = 30.0,
    endpoint: Annotated[
        list[str] | None,
        typer.Option(
            help="Another address of a price list, such as azure=https://mirror/prices; repeatable.", metavar="NAME=URL"
        ),
    ] = None,
) -> None:
    """Get live prices from the providers' public lists (Azure and OCI need no account), as a new dated price table.

    The table in use is never changed: the new one is written whole beside it and is in use from then on. Whatever goes wrong
    (no network, a bad answer) leaves the old one in use and says so.
    """
    from burst.facts.refresh import refresh as refreshed
    from cli.printing import errors

    mistakes = Mistakes()
    for name in provider or ():
        mistakes.attempt(partial(one_of, "--provider", name, PROVIDERS))
    endpoints = mistakes.attempt(lambda: endpoints_of(endpoint or []))
    mistakes.attempt(lambda: above_zero("--timeout", timeout, "seconds"))
    mistakes.end()
    assert endpoints is not None
    console = errors()
    done = refreshed(
        providers=provider or PROVIDERS,
        today=clock.today(),
        folder=facts_folder(),
        endpoints=endpoints,
        gcp_api_key=gcp_api_key,
        timeout_seconds=timeout,
        progress=lambda line: console.print(line, style="dim", soft_wrap=True),
    )
    for line in done.summary():
        print(line)


def endpoints_of(given: list[str]) -> Endpoints:
    """Addresses of price lists, those that are not given as they are known."""
    from burst.facts.refresh import Endpoints

    addresses: dict[str, str] = {}
    for text in given:
        name, _, address = text.partition("=")
        one_of("--endpoint", name, PROVIDERS)
        if not address:
            raise Refusal(f"--endpoint {text} has no address", expected=f"{name}=https://...", remedy="correct --endpoint")
        addresses[name] = address
    return Endpoints(**addresses)
