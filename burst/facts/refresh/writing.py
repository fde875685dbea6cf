"""The new price table as a file: whole or not at all, and never over another."""

from __future__ import annotations

import contextlib
import csv
import os
from collections.abc import Sequence
from datetime import date
from pathlib import Path

from burst.facts.refresh.table import COLUMNS
from burst.facts.rows import Row
from trainer.refusal import Refusal

MAX_TABLES_A_DAY = 99


def next_path(in_use: Path, today: date) -> Path:
    """`prices-<today>.csv`, or `prices-<today>_02.csv` where that is there: sorted by name, the newest is last.

    (`-2` would not do: it sorts before the table without a number.) Refuses where the table in use would still be the last.
    """
    names = [f"prices-{today}.csv", *(f"prices-{today}_{number:02}.csv" for number in range(2, MAX_TABLES_A_DAY + 1))]
    for name in names:
        path = in_use.with_name(name)
        if path.name > in_use.name and not path.exists():
            return path
    raise Refusal(
        f"{in_use.name} in use, and today is {today}",
        expected="a table of an earlier day, or fewer than a hundred of today",
        remedy="check the clock of this machine, or remove that table",
    )


def write(rows: Sequence[Row], in_use: Path, today: date) -> Path:
    """Write a table beside the one in use. A reader sees nothing of it, or all; a table that exists is never replaced."""
    path = next_path(in_use, today)
    unfinished = path.with_name(f".{path.stem}.{os.getpid()}.unfinished")
    try:
        with unfinished.open("x", encoding="utf-8", newline="") as file:
            table = csv.DictWriter(file, COLUMNS, lineterminator="\n")
            table.writeheader()
            table.writerows(rows)
            file.flush()
            os.fsync(file.fileno())
        _name(unfinished, path)
    except OSError as error:
        raise Refusal(
            f"{path} cannot be written ({error.strerror or error})",
            expected="a folder with room that can be written to",
            remedy=f"make room or ask for the right to write; {in_use.name} stays in use, untouched",
        ) from None
    finally:
        with contextlib.suppress(OSError):
            unfinished.unlink()
    return path


def _name(unfinished: Path, path: Path) -> None:
    """Give a finished file its name, which nobody may have taken meanwhile."""
    try:
        path.hardlink_to(unfinished)
    except FileExistsError:
        raise
    except OSError:  # a file system without hard links
        unfinished.rename(path)
