"""What more GPUs bring, as a table: the stack output `speedup` for people."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rich.table import Table

from burst.numerals import number
from cli.cost_table import plain_table


def speedup_table(rows: Sequence[dict[str, Any]]) -> Table:
    """One line a number of GPUs, with expected values; what a number rests on stands once, where it changes."""
    table = plain_table("GPUs", figures=("nodes", "hours", "USD", "s an epoch", "speed-up", "efficiency"), texts=("rests on",))
    before = ""
    for row in rows:
        basis = row["basis"] if row["basis"] != before else ""
        before = row["basis"]
        expected = (number(row[name]["expected"]) for name in ("hours", "usd", "epoch_seconds"))
        figures = (*expected, number(row["speedup"]), f"{row['efficiency']:.0%}")
        table.add_row(str(row["num_gpus"]), str(row["num_nodes"]), *figures, basis)
    return table
