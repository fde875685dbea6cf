"""Price lists in the form of each provider's API, small and strict: a question in another form is answered with 400."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

from tests.burst.facts.refresh.loopback import Asked, Reply, as_json

Item = dict[str, Any]
AZURE_PATH, OCI_PATH, GCP_PATH = "/api/retail/prices", "/cetools/api/v1/products/", "/v1/services/6F81-5844-456A/skus"
KEY = "AIzaSy-a-key-of-nobody-0123456789"
FILTER = re.compile(r"serviceName eq 'Virtual Machines' and priceType eq 'Consumption' and armSkuName eq '(\w+)'")
BAD_REQUEST = Reply(status=400, body=b"this is not how this list is asked")


def azure_item(shape: str, region: str, usd: float, **others: Any) -> Item:
    """A Linux, pay-as-you-go item; `others` replace fields."""
    size = shape.removeprefix("Standard_").replace("_", " ")
    return {
        "currencyCode": "USD",
        "tierMinimumUnits": 0.0,
        "retailPrice": usd,
        "unitPrice": usd,
        "armRegionName": region,
        "location": region.upper(),
        "effectiveStartDate": "2024-01-01T00:00:00Z",
        "meterId": f"meter-{shape}-{region}",
        "meterName": size,
        "productName": "Virtual Machines Series",
        "skuName": size,
        "serviceName": "Virtual Machines",
        "serviceFamily": "Compute",
        "unitOfMeasure": "1 Hour",
        "type": "Consumption",
        "isPrimaryMeterRegion": True,
        "armSkuName": shape,
        **others,
    }


def azure_spot(shape: str, region: str, usd: float) -> Item:
    size = shape.removeprefix("Standard_").replace("_", " ")
    return azure_item(shape, region, usd, skuName=f"{size} Spot", meterName=f"{size} Spot")


class AzureList:
    """Azure Retail Prices: one shape a list, a few items a page, a next page by its link."""

    def __init__(self, items: Iterable[Item], *, page_size: int = 4) -> None:
        self.items, self.page_size = list(items), page_size
        self.currency = "USD"

    def __call__(self, asked: Asked) -> Reply:
        found = FILTER.fullmatch(asked.query.get("$filter", ""))
        if not found or asked.query.get("api-version") != "2023-01-01-preview" or asked.query.get("currencyCode") != "'USD'":
            return BAD_REQUEST
        items = [item for item in self.items if item["armSkuName"] == found[1]]
        start = int(asked.query.get("$skip", "0"))
        page, following = items[start : start + self.page_size], start + self.page_size
        query = asked.whole.partition("?")[2].partition("&$skip")[0]
        host = asked.headers["Host"]
        link = f"http://{host}{AZURE_PATH}?{query}&$skip={following}" if following < len(items) else None
        return as_json({"BillingCurrency": self.currency, "Items": page, "NextPageLink": link, "Count": len(page)})


def oci_item(part: str, name: str, metric: str, usd: float, **others: Any) -> Item:
    return {
        "partNumber": part,
        "displayName": name,
        "metricName": metric,
        "serviceCategory": "Compute - GPU",
        "currencyCodeLocalizations": [{"currencyCode": "USD", "prices": [{"model": "PAY_AS_YOU_GO", "value": usd}]}],
        **others,
    }


class OciList:
    """Oracle's list: all products on one page, whatever is asked."""

    def __init__(self, items: Iterable[Item]) -> None:
        self.items = list(items)

    def __call__(self, asked: Asked) -> Reply:
        if asked.query.get("currencyCode") != "USD":
            return BAD_REQUEST
        return as_json({"lastUpdated": "2026-11-20T09:09:55.872Z", "items": self.items})


def gcp_sku(description: str, regions: Sequence[str], usd: float, *, unit: str = "h", usage: str = "", **others: Any) -> Item:
    """One stock keeping unit; spot where its description says so."""
    whole, nanos = divmod(round(usd * 1e9), 10**9)
    return {
        "name": f"services/6F81-5844-456A/skus/{abs(hash(description)):X}",
        "description": description,
        "category": {
            "serviceDisplayName": "Compute Engine",
            "resourceFamily": "Compute",
            "resourceGroup": "CPU",
            "usageType": usage or ("Preemptible" if "Spot" in description else "OnDemand"),
        },
        "serviceRegions": list(regions),
        "pricingInfo": [
            {
                "effectiveTime": "2026-11-24T07:00:00.123Z",
                "pricingExpression": {
                    "usageUnit": unit,
                    "tieredRates": [
                        {"startUsageAmount": 0, "unitPrice": {"currencyCode": "USD", "units": str(whole), "nanos": nanos}}
                    ],
                },
            }
        ],
        **others,
    }


class GcpList:
    """Google's catalog: a key in a header, pages by token."""

    def __init__(self, skus: Iterable[Item], *, page_size: int = 5) -> None:
        self.skus, self.page_size = list(skus), page_size

    def __call__(self, asked: Asked) -> Reply:
        if KEY in asked.whole or asked.headers.get("X-Goog-Api-Key") != KEY:
            return Reply(status=403, body=f"the key {asked.headers.get('X-Goog-Api-Key')} may not".encode())
        if asked.query.get("currencyCode") != "USD" or asked.query.get("pageSize") != "5000":
            return BAD_REQUEST
        start = int(asked.query.get("pageToken", "p0")[1:])
        following = start + self.page_size
        token = f"p{following}" if following < len(self.skus) else ""
        return as_json({"skus": self.skus[start:following], "nextPageToken": token})
