"""Prices of what is billed beside the machines."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from fnmatch import fnmatchcase

import pytest

from burst.facts import rows, service_price
from trainer.refusal import Refusal

TABLE = rows.rows("service_prices.csv")
FEE = service_price("gcp", "gke", "cluster management fee", "us-central1")


@pytest.mark.parametrize(
    ("unit", "hours"),
    [("cluster-hour", 1.0), ("hour", 1.0), ("day", 24.0), ("GB-month", 730.0), ("VPU-GB-month", 730.0), ("disk-month", 730.0)],
)
def test_a_price_of_a_month_or_a_day_is_spread_over_its_hours(unit: str, hours: float) -> None:
    assert replace(FEE, usd=7.3, unit=unit).usd_per_hour == pytest.approx(7.3 / hours)


def test_a_gb_month_is_published_and_a_gb_hour_is_reckoned() -> None:
    disk = service_price("gcp", "persistent_disk", "pd-standard", "us-central1")
    assert (disk.usd, disk.unit) == (0.04, "GB-month")
    assert disk.usd_per_hour * 730 * 100 == pytest.approx(4.0)


def test_a_region_with_a_row_of_its_own_has_that_price() -> None:
    for row in TABLE:
        if not set("*?[") & set(row["region"]):
            found = service_price(row["provider"], row["service"], row["item"], row["region"])
            assert found.usd == float(row["usd"]), row


def test_no_price_stands_twice() -> None:
    keys = Counter((row["provider"], row["service"], row["item"], row["region"]) for row in TABLE)
    assert [key for key, number in keys.items() if number > 1] == []


def test_no_price_is_negative() -> None:
    assert all(0 <= float(row["usd"]) < 1000 for row in TABLE)


def test_a_pattern_holds_where_a_region_has_no_row_of_its_own() -> None:
    (row,) = (row for row in TABLE if row["item"] == "egress Europe to Europe")
    assert fnmatchcase("europe-west4", row["region"])
    assert service_price("gcp", "artifact_registry", "egress Europe to Europe", "europe-west4").usd == float(row["usd"])
    with pytest.raises(Refusal, match=r"no price of gcp artifact_registry \(egress Europe to Europe\) in us-west1"):
        service_price("gcp", "artifact_registry", "egress Europe to Europe", "us-west1")


def test_a_service_without_a_price_is_refused_with_the_row_to_add() -> None:
    with pytest.raises(Refusal, match=r"in nowhere; expected a row in burst/facts/service_prices\.csv"):
        service_price("gcp", "persistent_disk", "pd-balanced", "nowhere")
