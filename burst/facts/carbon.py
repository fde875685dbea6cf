"""What a kilowatt-hour emits."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from burst.facts import rows
from trainer.refusal import Refusal, closest


@dataclass(frozen=True, slots=True, kw_only=True)
class GridCarbon:
    """What a kilowatt-hour from the grid of one region emits (location-based yearly average)."""

    region: str
    """`provider/region`."""
    location: str
    gco2e_per_kwh: float
    carbon_free_share: float | None
    """Share of the hours' energy that the provider buys carbon-free (market-based), 0 to 1; none where it is not published."""
    source: str
    as_of: str


@cache
def grids() -> dict[str, GridCarbon]:
    """All grids, by `provider/region`."""
    found = {}
    for row in rows.rows("grid_carbon.csv"):
        percent = rows.optional_number(row["cfe_percent"])
        region = f"{row['provider']}/{row['region']}"
        found[region] = GridCarbon(
            region=region,
            location=row["location"],
            gco2e_per_kwh=float(row["gco2eq_per_kwh"]),
            carbon_free_share=None if percent is None else percent / 100,
            source=row["source"],
            as_of=row["as_of"],
        )
    return found


def grid_carbon(region: str) -> GridCarbon:
    """The grid of `provider/region`; refuses a region that has no row.

    >>> grid_carbon("gcp/europe-west6").location
    'Zürich'
    """
    known = grids()
    if region not in known:
        raise Refusal(
            f"no grid factor for region {region}{closest(region, known)}",
            expected="a provider/region of burst/facts/grid_carbon.csv, e.g. gcp/europe-west6 (Zurich)",
            remedy="choose the region nearest to the machine, or add a row with its source",
        )
    return known[region]
