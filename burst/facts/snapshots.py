"""Which facts are in use: a date and a digest, so that two forecasts can be told to rest on the same."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from burst.facts import rows, speeds
from trainer.refusal import Refusal


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """All tables of facts as they are used together."""

    date: str
    """Of the price table: the day on which it was put together, as its name says. Each row has a date of its own."""
    sha256: str
    """Over the name and content of every table in use."""
    prices_file: str

    def __str__(self) -> str:
        return f"{self.date} (sha256 {self.sha256[:12]})"


def current() -> Snapshot:
    """The newest price table in `burst/facts`, with all other tables and the user's own measurements as they are now."""
    own = speeds.OWN
    return _current(own, own.stat().st_mtime_ns if own.is_file() else 0)


@cache
def _current(own: Path, written_ns: int) -> Snapshot:
    return of_folder(rows.FOLDER, own=own)


def of_folder(folder: Path, own: Path | None = None) -> Snapshot:
    """The facts in a folder, and in a table of the user's own if there is one; refuses a folder without prices."""
    price_tables = sorted(folder.glob("prices-*.csv"))
    if not price_tables:
        raise Refusal(
            f"no prices-<date>.csv in {folder}",
            expected="a price table",
            remedy="git checkout burst/facts, or burst facts refresh",
        )
    prices = price_tables[-1]
    digest = hashlib.sha256()
    for table in sorted({*folder.glob("*.csv")} - {*price_tables[:-1]}):
        digest.update(f"{table.name}\0".encode() + hashlib.sha256(table.read_bytes()).digest())
    if own is not None and own.is_file():
        digest.update(own.read_bytes())
    return Snapshot(date=prices.stem.removeprefix("prices-")[:10], sha256=digest.hexdigest(), prices_file=prices.name)
