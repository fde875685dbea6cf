"""The price table in use, as a refresh sees it: its rows, and which products they are of."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from burst.facts import snapshots
from burst.facts.rows import Row, optional_number, read_rows
from burst.spec import Purchase
from trainer.refusal import Refusal

COLUMNS = (
    "provider",
    "region",
    "zone",
    "shape",
    "kind",
    "vcpus",
    "memory_gib",
    "accelerator",
    "num_accelerators",
    "usd_per_hour",
    "spot_usd_per_hour",
    "source",
    "as_of",
    "confidence",
    "note",
)
PRICE_COLUMN = {Purchase.ON_DEMAND: "usd_per_hour", Purchase.SPOT: "spot_usd_per_hour"}
ATTACHABLE = "attachable_accelerator"


class Product(NamedTuple):
    """What a provider sells under one name in all its regions."""

    provider: str
    shape: str
    """Empty for accelerators that attach to a host."""
    accelerator: str
    num_accelerators: str

    @property
    def name(self) -> str:
        """`Standard_NC24ads_A100_v4`, or `8 x V100-16GB` where there is no shape."""
        return self.shape or f"{self.num_accelerators} x {self.accelerator}"


def product_of(row: Row) -> Product:
    """The product that a row prices."""
    return Product(row["provider"], row["shape"], row["accelerator"], row["num_accelerators"])


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceTable:
    """A `prices-<date>.csv`."""

    path: Path
    rows: tuple[Row, ...]

    def of_provider(self, provider: str) -> tuple[Row, ...]:
        """A provider's rows, in their order."""
        return tuple(row for row in self.rows if row["provider"] == provider)


def in_use(folder: Path) -> PriceTable:
    """The newest price table of a folder, as `burst.facts.snapshots` chooses it; refuses one with other columns or prices."""
    path = folder / snapshots.of_folder(folder).prices_file
    rows = read_rows(path)
    for number, row in enumerate(rows, start=2):
        if tuple(row) != COLUMNS or None in row.values():
            raise Refusal(
                f"{path.name}, line {number}, has other columns", expected=", ".join(COLUMNS), remedy="restore the table"
            )
        for purchase in PRICE_COLUMN:
            _check_price(path, number, row[PRICE_COLUMN[purchase]])
    if not rows:
        raise Refusal(f"{path.name} has no rows", expected="prices", remedy="restore the table")
    return PriceTable(path=path, rows=rows)


def _check_price(path: Path, number: int, cell: str) -> None:
    try:
        optional_number(cell)
    except ValueError:
        raise Refusal(
            f"{path.name}, line {number}, asks {cell}", expected="USD per hour, or nothing", remedy="correct it"
        ) from None


def price(row: Row, purchase: Purchase) -> float | None:
    """USD per hour; None where the row is not sold that way."""
    return optional_number(row[PRICE_COLUMN[purchase]])


def by_product(rows: Iterable[Row]) -> dict[Product, Sequence[Row]]:
    """Rows grouped by what they price, in their order."""
    grouped: dict[Product, list[Row]] = {}
    for row in rows:
        grouped.setdefault(product_of(row), []).append(row)
    return dict(grouped)


def written(usd_per_hour: float | None) -> str:
    """A price as a cell: a millionth of a dollar is the last digit.

    >>> written(24.4), written(3.673385), written(80.0), written(None)
    ('24.4', '3.673385', '80', '')
    """
    return "" if usd_per_hour is None else f"{usd_per_hour:.6f}".rstrip("0").rstrip(".")
