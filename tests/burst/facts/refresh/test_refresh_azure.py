"""Azure Retail Prices: what stands side by side in one list is told apart."""

from __future__ import annotations

from datetime import timedelta

import pytest

from burst.spec import Purchase
from tests.burst.facts.refresh.conftest import A100, AZURE_REGIONS, D8, TODAY, World
from tests.burst.facts.refresh.lists import AZURE_PATH, Item, azure_item, azure_spot

PLACE = ("azure", A100, "westeurope")


def test_a_lower_price_is_taken_with_its_date_and_source(world: World) -> None:
    world.azure.items[4]["retailPrice"] = 3.2
    refreshed = world.refresh("azure")
    assert refreshed.path == world.folder / "prices-2026-11-24.csv"
    row = world.rows(refreshed)[PLACE]
    assert (row["usd_per_hour"], row["spot_usd_per_hour"]) == ("3.2", "1.5")
    assert row["source"] == f"Azure Retail Prices API {world.server.address}{AZURE_PATH}"
    assert (row["as_of"], row["confidence"]) == ("2026-11-24", "high")
    [change] = refreshed.changes
    assert (change.shape, change.region, change.purchase) == (A100, "westeurope", Purchase.ON_DEMAND)
    assert (change.old, change.new) == (3.673, 3.2)
    assert change.percent == pytest.approx(-12.878, abs=0.001)


def test_pages_are_followed_to_the_last_and_one_list_is_asked_for_each_shape(world: World) -> None:
    world.refresh("azure")
    shapes = [asked.query["$filter"].rpartition("armSkuName eq ")[2] for asked in world.server.asked]
    assert shapes == [f"'{D8}'"] * 2 + [f"'{A100}'"] * 3
    assert world.said == [f"azure: {D8} (1 of 2)", f"azure: {A100} (2 of 2)"]


@pytest.mark.parametrize(
    "others",
    [
        {"productName": "Virtual Machines NCads A100 v4 Series Windows"},
        {"skuName": "NC24ads A100 v4 Low Priority", "meterName": "NC24ads A100 v4 Low Priority"},
        {"meterName": "NC24ads A100 v4 Low Priority"},
        {"type": "Reservation", "reservationTerm": "1 Year"},
        {"reservationTerm": "3 Years"},
        {"type": "DevTestConsumption"},
        {"isPrimaryMeterRegion": False},
        {"serviceName": "Cloud Services"},
        {"productName": "NCads A100 v4 Series Dedicated Host"},
        {"armSkuName": "Standard_NC48ads_A100_v4"},
        {"effectiveStartDate": (TODAY + timedelta(days=7)).isoformat()},
        {"effectiveEndDate": "2026-11-01T00:00:00Z"},
        {"armRegionName": ""},
        {"armRegionName": "Global"},
        {"tierMinimumUnits": 1000.0},
    ],
)
def test_an_item_of_another_kind_is_no_price_of_the_shape(world: World, others: Item) -> None:
    world.azure.items.insert(0, azure_item(A100, "westeurope", 1.11, **{"armSkuName": A100, **others}))
    refreshed = world.refresh("azure")
    assert not refreshed.changes
    assert not refreshed.refused
    assert len([key for key in world.rows(refreshed) if key[1] == A100]) == len(AZURE_REGIONS)


def test_a_spot_price_is_told_by_either_of_its_names(world: World) -> None:
    for item in world.azure.items:
        if item["skuName"].endswith(" Spot"):
            item["skuName"] = item["skuName"].removesuffix(" Spot")
    assert not world.refresh("azure").changes


def test_spot_prices_are_listed_for_the_first_time(world: World) -> None:
    world.azure.items += [azure_spot(D8, region, 0.08) for region in AZURE_REGIONS]
    refreshed = world.refresh("azure")
    assert world.rows(refreshed)["azure", D8, "uksouth"]["spot_usd_per_hour"] == "0.08"
    assert {(change.old, change.percent) for change in refreshed.changes} == {(None, None)}
    assert "azure: 6 spot prices for the first time" in refreshed.summary()


def test_a_new_region_of_a_known_shape_is_added_after_its_other_regions(world: World) -> None:
    world.azure.items.append(azure_item(A100, "polandcentral", 4.0))
    refreshed = world.refresh("azure")
    row = world.rows(refreshed)["azure", A100, "polandcentral"]
    assert (row["usd_per_hour"], row["spot_usd_per_hour"], row["as_of"]) == ("4", "", "2026-11-24")
    assert (row["vcpus"], row["memory_gib"], row["accelerator"], row["num_accelerators"]) == (
        "24",
        "220",
        "A100-80GB-PCIe",
        "1",
    )
    regions = [region for provider, shape, region in world.rows(refreshed) if shape == A100]
    assert regions == [*AZURE_REGIONS, "polandcentral"]
    assert "new: azure Standard_NC24ads_A100_v4 in polandcentral" in refreshed.summary()


def test_a_shape_nobody_asked_for_is_not_added(world: World) -> None:
    world.azure.items.append(azure_item("Standard_M416ms_v2", "westeurope", 100.0))
    assert ("azure", "Standard_M416ms_v2", "westeurope") not in world.rows(world.refresh("azure"))


def test_a_region_that_is_listed_no_more_is_gone(world: World) -> None:
    world.azure.items = [item for item in world.azure.items if item["armRegionName"] != "uksouth" or item["armSkuName"] == D8]
    refreshed = world.refresh("azure")
    assert ("azure", A100, "uksouth") not in world.rows(refreshed)
    assert [str(place) for place in refreshed.gone] == [f"azure {A100} in uksouth"]
    assert f"no longer listed: azure {A100} in uksouth" in refreshed.summary()


def test_two_lists_that_say_the_same_twice_are_one_price(world: World) -> None:
    world.azure.items.append(azure_item(A100, "westeurope", 3.673))
    assert not world.refresh("azure").refused
