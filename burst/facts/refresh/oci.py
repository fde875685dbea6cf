"""Oracle's public price list: one price for all regions, per GPU, OCPU or gigabyte hour, found by part number.

Sources: the list itself, of which public repositories keep answers (getcomputable/gpu-index, 2026-08-14; opencost, 2024);
`oci_part_numbers.csv`. A part number alone is not trusted: Oracle sells licences and appliances per GPU hour too, so a part
must also still carry the name and the metric that it had.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import date

from burst.facts import rows as facts
from burst.facts.refresh.api import Api
from burst.facts.refresh.quotes import Heard, Quote, Reading
from burst.facts.refresh.records import Record
from burst.facts.refresh.table import Product, by_product, price
from burst.facts.rows import Row
from burst.spec import Purchase

TITLE = "Oracle list pricing API"
CURRENCY = "USD"
EVERYWHERE = "*"
PAY_AS_YOU_GO = "PAY_AS_YOU_GO"
PREEMPTIBLE_SHARE = 0.5
"""Of the on-demand price: docs.oracle.com/iaas/Content/Compute/Concepts/preemptible.htm."""
PREFIX = re.compile(r"^(OCI|Oracle Cloud Infrastructure) ?- ?")


def read(api: Api, rows: Sequence[Row], *, today: date, progress: Callable[[str], None]) -> Reading:
    """All shapes of `rows` whose part number is known; refuses a list without items, or in another currency."""
    progress("oci: the list of all products")
    items: dict[str, list[Record]] = {}
    for page in api.pages({"currencyCode": CURRENCY}, _next_address):
        for item in page.records("items"):
            items.setdefault(item.text("partNumber"), []).append(item)
    if not items:
        raise api.refusal(api.endpoint, "an empty list")
    part_of = {part["shape"]: part for part in facts.rows("oci_part_numbers.csv")}
    quotes: list[Quote] = []
    products = by_product(rows)
    covered = frozenset(product for product in products if product.shape in part_of)
    for product in sorted(covered):
        has_spot = any(price(row, Purchase.SPOT) is not None for row in products[product])
        quotes += _quotes(product, part_of[product.shape], items, has_spot=has_spot)
    unknown = ", ".join(sorted(product.shape for product in products.keys() - covered))
    notes = (f"oci: carried over, for their part numbers are not in oci_part_numbers.csv: {unknown}",) if unknown else ()
    return Reading(source=api.source, quotes=tuple(quotes), covered=covered, notes=notes)


def _next_address(page: Record, _: str) -> str:
    """Oracle's list was one page whenever it was seen; its framework (ORDS) pages with links, formerly with `next.$ref`."""
    if page.fields.get("next") is not None:
        return page.record("next").text("$ref")
    links = page.records("links") if page.fields.get("links") is not None else []
    following = next((link.text("href") for link in links if link.text_or_empty("rel") == "next"), "")
    if page.fields.get("hasMore") is True and not following:
        raise page.refuse("a list that has more and does not say where")
    return following


def _quotes(product: Product, part: Row, items: dict[str, list[Record]], *, has_spot: bool) -> Sequence[Quote]:
    num_units = int(product.num_accelerators or 1)
    heard = Heard()
    for item in items.get(part["part_number"], []):
        if plain_name(item.text("displayName")) != part["product_name"]:
            heard.doubt(EVERYWHERE, f"part {part['part_number']} is now called {item.text('displayName')[:80]}")
        if item.text("metricName") not in part["metric"].split("|"):
            heard.doubt(EVERYWHERE, f"part {part['part_number']} is now priced as {item.text('metricName')[:40]}")
        for usd_per_unit_hour in _pay_as_you_go(item):
            heard.add(EVERYWHERE, Purchase.ON_DEMAND, usd_per_unit_hour * num_units)
            if has_spot:
                heard.add(EVERYWHERE, Purchase.SPOT, usd_per_unit_hour * num_units * PREEMPTIBLE_SHARE)
    return list(heard.quotes(product))


def _pay_as_you_go(item: Record) -> list[float]:
    """The pay-as-you-go prices of an item in USD: one, unless the list is not what it was."""
    localizations = item.records("currencyCodeLocalizations")
    currencies = [localization.text("currencyCode") for localization in localizations]
    if CURRENCY not in currencies:
        raise item.refuse(f"prices in {', '.join(currencies)[:40] or 'no currency'} instead of {CURRENCY}")
    prices = localizations[currencies.index(CURRENCY)].records("prices")
    return [entry.number("value") for entry in prices if entry.text("model") == PAY_AS_YOU_GO]


def plain_name(display_name: str) -> str:
    """A product's name without the prefixes and double spaces that it has now and then.

    >>> plain_name("Oracle Cloud Infrastructure - Compute  - GPU - H100")
    'Compute - GPU - H100'
    """
    return PREFIX.sub("", " ".join(display_name.split()))
