"""Google's stock keeping units: which of them is a part of a machine that we know, bought how, and at what price.

Source of the names: the list itself (cloud.google.com/skus), as public code reads it. Only whole descriptions count, for the
list holds many that look alike: commitments, reservations, sole tenancy, custom machines, DWS and calendar modes.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping
from datetime import date, timedelta
from typing import NamedTuple

from burst.facts import guard
from burst.facts.refresh.quotes import disagreement
from burst.facts.refresh.records import Record
from burst.spec import Purchase

CURRENCY = "USD"
HOURS_PER_MONTH = 730.0
"""Google's month, cloud.google.com/compute/vm-instance-pricing."""
OTHER_OFFERS = re.compile(
    r"commit|reserved|reservation|sole tenancy|custom|\bdws\b|defined duration|calendar|flex|premium|suspended|optimized", re.I
)
HOST = re.compile(r"(Spot Preemptible )?(N1 Predefined|N2|E2|G2|A2|A3) Instance (Core|Ram) running in .+")
GPU = re.compile(
    r"(?:Nvidia )?(?:Tesla )?(P100|V100|T4|L4|A100|A100 80GB|H100 80GB) GPU (attached to Spot Preemptible VMs )?running in .+"
)
LOCAL_SSD = re.compile(r"SSD backed Local Storage( attached to Spot Preemptible VMs?)?(?: (?:running )?in .+)?")
REGION = re.compile(r"[a-z]+-[a-z]+[0-9]+")
HOURS_PER_UNIT = {
    "core": {"h": 1.0},
    "ram": {"GiBy.h": 1.0},
    "gpu": {"h": 1.0},
    "ssd": {"GiBy.h": 1.0, "GiBy.mo": HOURS_PER_MONTH},
}
"""By kind of part: hours in the unit that a price is for."""


class Part(NamedTuple):
    """What a machine is priced by: one virtual CPU or GiB of a family, one GPU, one GiB of local SSD."""

    kind: str
    """`core`, `ram`, `gpu` or `ssd`."""
    name: str
    """Family (`N1`) or GPU (`A100 80GB`)."""


def part_of(sku: Record) -> tuple[Part, Purchase] | None:
    """Which part a unit is, and how it is bought; None for all that we do not use."""
    description = sku.text("description")
    if OTHER_OFFERS.search(description):
        return None
    if found := HOST.fullmatch(description):
        spot, family, kind = found.groups()
        part = Part(kind.lower(), family.split()[0])
    elif found := GPU.fullmatch(description):
        gpu, spot = found.groups()
        part = Part("gpu", gpu)
    elif found := LOCAL_SSD.fullmatch(description):
        spot, part = found.group(1), Part("ssd", "")
    else:
        return None
    usage = sku.record("category").text("usageType")
    if usage not in ("OnDemand", "Preemptible") or (usage == "Preemptible" and not spot):
        return None
    return part, Purchase.SPOT if spot else Purchase.ON_DEMAND


def regions_of(sku: Record) -> list[str]:
    """The regions in which a unit holds."""
    return [region for region in sku.texts("serviceRegions") if REGION.fullmatch(region)]


class PartPrices:
    """Prices of parts by purchase and region, USD per hour, as the catalog lists them: several must agree."""

    def __init__(self) -> None:
        self._prices: dict[tuple[Part, Purchase, str], set[float]] = defaultdict(set)
        self._doubts: dict[tuple[Part, Purchase, str], str] = {}

    def hear(self, sku: Record, today: date) -> None:
        """Take up one unit of the catalog, if it is a part of ours."""
        found = part_of(sku)
        expression = _in_force(sku, today) if found is not None else None
        if found is None or expression is None:
            return
        usd, problem = _usd_per_hour(sku, expression, found[0])
        for region in regions_of(sku):
            if problem:
                self._doubts[*found, region] = problem
            else:
                self._prices[*found, region].add(usd)

    def regions(self, part: Part) -> list[str]:
        """Where a part is listed."""
        return sorted({region for known, _, region in (*self._prices, *self._doubts) if known == part})

    def sum(self, amounts: Mapping[Part, float], purchase: Purchase, region: str) -> tuple[float | None, str]:
        """What the parts cost together and why that is doubtful; None where one of them is not listed."""
        keys = {(part, purchase, region): amount for part, amount in amounts.items()}
        if any(key not in self._prices and key not in self._doubts for key in keys):
            return None, ""
        for key in keys:
            if key in self._doubts:
                return 0.0, self._doubts[key]
            if said := disagreement(self._prices[key]):
                return 0.0, f"{key[0].name} {key[0].kind} is {said}"
        return sum(amount * min(self._prices[key]) for key, amount in keys.items()), ""


def _in_force(sku: Record, today: date) -> Record | None:
    """The newest price that is not of the future (the catalog's clock may be a day ahead of the user's)."""
    tomorrow = (today + timedelta(days=1)).isoformat()
    past = [info for info in sku.records("pricingInfo") if info.text_or_empty("effectiveTime")[:10] <= tomorrow]
    newest = max(past, key=lambda info: info.text_or_empty("effectiveTime"), default=None)
    return newest.record("pricingExpression") if newest is not None else None


def _usd_per_hour(sku: Record, expression: Record, part: Part) -> tuple[float, str]:
    """The price of a unit, and what makes it unusable (empty where nothing does)."""
    name = f"'{sku.text('description')[:80]}'"
    hours = HOURS_PER_UNIT[part.kind].get(expression.text("usageUnit"))
    rates = expression.records("tieredRates")
    if hours is None:
        return 0.0, f"{name} is priced per {expression.text('usageUnit')[:20]}"
    if len(rates) != 1:
        return 0.0, f"{name} has {len(rates)} tiers of prices"
    usd = _usd(rates[0].record("unitPrice"))
    problem = guard.price_problem(usd, None, Purchase.ON_DEMAND)
    return usd / hours, f"{name}: {problem}" if problem else ""


def _usd(money: Record) -> float:
    """Whole dollars and billionths: cloud.google.com/billing/docs/reference/rest/v1/services.skus/list."""
    if money.text("currencyCode") != CURRENCY:
        raise money.refuse(f"prices in {money.text('currencyCode')[:12]} instead of {CURRENCY}")
    units = money.text_or_empty("units") or "0"
    if not re.fullmatch(r"-?[0-9]{1,9}", units):
        raise money.refuse(f"{units[:20]!r} where `units` should be whole dollars")
    return int(units) + money.number_or("nanos", 0) * 1e-9
