"""Google Cloud Billing catalog: a machine costs what its virtual CPUs, memory, GPUs and bundled local SSD cost together.

Sources: cloud.google.com/billing/docs/reference/rest/v1/services.skus/list; for bundled disks
cloud.google.com/compute/docs/disks/local-ssd. What the catalog does not price reliably is carried over, see `UNREAD`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date

from burst.facts.refresh.api import Api, with_query
from burst.facts.refresh.gcp_skus import Part, PartPrices
from burst.facts.refresh.quotes import Quote, Reading
from burst.facts.refresh.records import Record
from burst.facts.refresh.table import ATTACHABLE, Product, by_product
from burst.facts.rows import Row
from burst.spec import Purchase

TITLE = "Google Cloud Billing Catalog API"
KEY_HEADER = "X-Goog-Api-Key"
"""Not the query `key=`: so no address or log holds the key (cloud.google.com/docs/authentication/api-keys-use)."""
QUERY = {"currencyCode": "USD", "pageSize": "5000"}
SHAPES = ("e2-", "n1-", "n2-", "g2-standard-", "a2-highgpu-", "a2-megagpu-", "a2-ultragpu-", "a3-highgpu-")
UNREAD = (
    "TPU slices (the catalog lacks some regions and lists commitments as on demand), a3-megagpu, a3-ultragpu and a4 "
    "(their parts go by several names, most of them of reservations)"
)
GPU_NAMES = {
    "P100-16GB": "P100",
    "V100-16GB": "V100",
    "T4-16GB": "T4",
    "L4-24GB": "L4",
    "A100-40GB": "A100",
    "A100-80GB": "A100 80GB",
    "H100-80GB": "H100 80GB",
}
LOCAL_SSD_GIB_PER_GPU = {"a2-ultragpu": 375, "a3-highgpu": 750}
"""Comes with the machine, and is billed with it."""


def read(api: Api, rows: Sequence[Row], *, today: date, progress: Callable[[str], None]) -> Reading:
    """All shapes of `rows` that `SHAPES` names, and the accelerators that attach to n1."""
    prices = PartPrices()
    num_skus = 0
    for page in api.pages(QUERY, lambda page, _: _next_address(api, page)):
        skus = page.records("skus")
        for sku in skus:
            prices.hear(sku, today)
        num_skus += len(skus)
        progress(f"gcp: {num_skus} stock keeping units")
    if not num_skus:
        raise api.refusal(api.endpoint, "an empty list")
    products = by_product(rows)
    amounts = {product: amounts for product, same in products.items() if (amounts := _amounts(same[0]))}
    quotes = [quote for product, parts in amounts.items() for quote in _quotes(product, parts, prices)]
    num_unread = sum(len(same) for product, same in products.items() if product not in amounts)
    notes = (f"gcp: {num_unread} rows are carried over as they are: {UNREAD}",) if num_unread else ()
    return Reading(source=api.source, quotes=tuple(quotes), covered=frozenset(amounts), notes=notes)


def _next_address(api: Api, page: Record) -> str:
    token = page.text_or_empty("nextPageToken")
    return with_query(api.endpoint, {**QUERY, "pageToken": token}) if token else ""


def _amounts(row: Row) -> dict[Part, float]:
    """How much of each part a row's product has; empty for what is not read."""
    num_gpus = int(row["num_accelerators"] or 0)
    gpu = {Part("gpu", GPU_NAMES[row["accelerator"]]): float(num_gpus)} if row["accelerator"] in GPU_NAMES else {}
    if row["kind"] == ATTACHABLE:
        return gpu
    if not row["shape"].startswith(SHAPES) or bool(row["accelerator"]) != bool(gpu):
        return {}
    family, _, size = row["shape"].partition("-")
    host = {Part("core", family.upper()): float(row["vcpus"]), Part("ram", family.upper()): float(row["memory_gib"])}
    ssd_gib = LOCAL_SSD_GIB_PER_GPU.get(f"{family}-{size.split('-')[0]}", 0) * num_gpus
    return {**host, **gpu, **({Part("ssd", ""): float(ssd_gib)} if ssd_gib else {})}


def _quotes(product: Product, amounts: dict[Part, float], prices: PartPrices) -> list[Quote]:
    """A quote for each region in which all parts are listed, on demand or as spot."""
    quotes = []
    for region in prices.regions(next(iter(amounts))):
        on_demand, problem = prices.sum(amounts, Purchase.ON_DEMAND, region)
        spot, spot_problem = prices.sum(amounts, Purchase.SPOT, region)
        if on_demand is not None or spot is not None:
            quotes.append(
                Quote(
                    product=product,
                    region=region,
                    usd_per_hour=on_demand,
                    spot_usd_per_hour=spot,
                    problem=problem or spot_problem,
                )
            )
    return quotes
