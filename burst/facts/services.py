"""Prices of what is billed beside the machines: disks, control planes, registries, storage, NAT, egress."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache

from burst.facts import rows
from trainer.refusal import Refusal

HOURS_PER_MONTH = 730.0
"""As the clouds' price lists reckon a month."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServicePrice:
    """One line of a price list."""

    provider: str
    service: str
    item: str
    usd: float
    unit: str
    source: str
    as_of: str
    confidence: str

    @property
    def usd_per_hour(self) -> float:
        """Of what is billed by time; GB-months and disk-months become GB-hours and disk-hours."""
        period = self.unit.rpartition("-")[2]
        return self.usd / {"hour": 1.0, "day": 24.0, "month": HOURS_PER_MONTH}[period]


@cache
def service_price(provider: str, service: str, item: str, region: str) -> ServicePrice:
    """The price of a service in a region: the region's own row, else the narrowest pattern that holds it.

    >>> service_price("gcp", "gke", "cluster management fee", "us-central1").usd
    0.1
    """
    fitting = [row for row in _by_item().get((provider, service, item), ()) if fnmatchcase(region, row["region"])]
    if not fitting:
        raise Refusal(
            f"no price of {provider} {service} ({item}) in {region}",
            expected="a row in burst/facts/service_prices.csv",
            remedy="add it with its source and date",
        )
    row = max(fitting, key=lambda row: len(row["region"]))
    return ServicePrice(
        provider=provider,
        service=service,
        item=item,
        usd=float(row["usd"]),
        unit=row["unit"],
        source=row["source"],
        as_of=row["as_of"],
        confidence=row["confidence"],
    )


@cache
def _by_item() -> dict[tuple[str, str, str], list[rows.Row]]:
    found: dict[tuple[str, str, str], list[rows.Row]] = defaultdict(list)
    for row in rows.rows("service_prices.csv"):
        found[row["provider"], row["service"], row["item"]].append(row)
    return found
