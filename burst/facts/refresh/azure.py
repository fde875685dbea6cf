"""Azure Retail Prices: one list a shape, over all regions; Linux, pay as you go and spot.

Sources: learn.microsoft.com/rest/api/cost-management/retail-prices/azure-retail-prices. In one list stand side by side what
must be told apart: Linux and Windows (`productName`), spot and low priority (`skuName`, `meterName`), consumption,
reservations and DevTest (`type`, `reservationTerm`), primary meters and copies of them (`isPrimaryMeterRegion`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import date

from burst.facts.refresh.api import Api
from burst.facts.refresh.quotes import Heard, Quote, Reading
from burst.facts.refresh.records import Record
from burst.facts.refresh.table import Product, by_product
from burst.facts.rows import Row
from burst.spec import Purchase

TITLE = "Azure Retail Prices API"
API_VERSION = "2023-01-01-preview"
CURRENCY = "USD"
UNIT = "1 Hour"
OTHER_PRODUCTS = ("Windows", "Dedicated")
"""Words of `productName`: Windows licences, and whole dedicated hosts."""
REGION = re.compile(r"[a-z][a-z0-9]+")


def read(api: Api, rows: Sequence[Row], *, today: date, progress: Callable[[str], None]) -> Reading:
    """All shapes of `rows`, one list after the other; refuses when not one of them is listed."""
    quotes: list[Quote] = []
    products = sorted(by_product(rows))
    for number, product in enumerate(products, start=1):
        progress(f"azure: {product.shape} ({number} of {len(products)})")
        quotes += _quotes(api, product, today)
    if not quotes:
        raise api.refusal(api.endpoint, f"no price for any of {len(products)} shapes")
    return Reading(source=api.source, quotes=tuple(quotes), covered=frozenset(products))


def _quotes(api: Api, product: Product, today: date) -> list[Quote]:
    conditions = {"serviceName": "Virtual Machines", "priceType": "Consumption", "armSkuName": product.shape}
    query = {
        "api-version": API_VERSION,
        "currencyCode": f"'{CURRENCY}'",
        "$filter": " and ".join(f"{name} eq '{value}'" for name, value in conditions.items()),
    }
    heard = Heard()
    for page in api.pages(query, lambda page, _: page.text_or_empty("NextPageLink")):
        items = page.records("Items")
        if page.number_or("Count", len(items)) != len(items):
            raise page.refuse(f"{len(items)} items on a page that counts {page.number('Count'):g}")
        _check_currency(page, page.text("BillingCurrency"))
        for item in items:
            _hear(heard, item, product.shape, today)
    return list(heard.quotes(product))


def _hear(heard: Heard, item: Record, shape: str, today: date) -> None:
    _check_currency(item, item.text("currencyCode"))
    region = item.text("armRegionName")
    purchase = purchase_of(item)
    if item.text("armSkuName") != shape or purchase is None or not REGION.fullmatch(region) or not _is_valid_on(item, today):
        return
    if item.text("unitOfMeasure") != UNIT:
        heard.doubt(region, f"listed per {item.text('unitOfMeasure')} instead of per hour")
    elif item.number_or("tierMinimumUnits", 0) == 0:
        heard.add(region, purchase, item.number("retailPrice"))


def purchase_of(item: Record) -> Purchase | None:
    """How an item of the list is bought; None for what a burst does not buy."""
    names = (item.text("skuName"), item.text("meterName"))
    if item.text("serviceName") != "Virtual Machines" or item.text("type") != "Consumption":
        return None
    if item.text_or_empty("reservationTerm") or any(word in item.text("productName") for word in OTHER_PRODUCTS):
        return None
    if item.fields.get("isPrimaryMeterRegion") is not True or any("Low Priority" in name for name in names):
        return None
    return Purchase.SPOT if any(name.endswith(" Spot") for name in names) else Purchase.ON_DEMAND


def _is_valid_on(item: Record, today: date) -> bool:
    """Whether the price holds today: lists also hold prices that are announced, and some that are past."""
    begin, end = (item.text_or_empty(name)[:10] for name in ("effectiveStartDate", "effectiveEndDate"))
    return begin <= today.isoformat() and (not end or end > today.isoformat())


def _check_currency(record: Record, currency: str) -> None:
    if currency != CURRENCY:
        raise record.refuse(f"prices in {currency[:12]} instead of {CURRENCY}")
