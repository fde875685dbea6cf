"""A price that cannot be true is not taken: the old row stays, with its old date, and is named."""

from __future__ import annotations

import pytest

from burst.spec import Purchase
from tests.burst.facts.refresh.conftest import A100, AZURE_REGIONS, D8, World
from tests.burst.facts.refresh.lists import KEY, azure_item, azure_spot

STAYS = "prices-2026-11-23.csv stays in use, untouched"


def lie(world: World, usd: float, *, region: str = "westeurope", shape: str = A100, spot: bool = False) -> None:
    for item in world.azure.items:
        if (item["armSkuName"], item["armRegionName"], item["skuName"].endswith(" Spot")) == (shape, region, spot):
            item["retailPrice"] = usd


@pytest.mark.parametrize(
    ("usd", "reason"),
    [
        (0, "$0 is a gap in the list, not a price"),
        (-3.6, "$-3.6 is a gap in the list, not a price"),
        (float("nan"), "$nan is a gap in the list, not a price"),
        (float("inf"), "$inf is a gap in the list, not a price"),
        (10**400, "$inf is a gap in the list, not a price"),
        (700.0, "$700 is the catalog's placeholder for a missing price"),
        (1.4, "spot at $1.5 is above on demand at $1.4: one of them belongs to another product"),
        (18.4, "a price of $18.4 is 5.01 times above the $3.673 that is known"),
    ],
)
def test_a_lie_is_not_taken(world: World, usd: float, reason: str) -> None:
    lie(world, usd)
    refreshed = world.refresh("azure")
    [refused] = refreshed.refused
    assert (refused.shape, refused.region, refused.reason, refused.stays_as_of) == (A100, "westeurope", reason, "2026-06-18")
    row = world.rows(refreshed)["azure", A100, "westeurope"]
    assert (row["usd_per_hour"], row["as_of"], row["source"], row["confidence"]) == (
        "3.673",
        "2026-06-18",
        "an older list",
        "medium",
    )
    others = [row for (_, _, region), row in world.rows(refreshed).items() if region == "eastus"]
    assert {row["as_of"] for row in others} == {"2026-11-24"}
    assert f"refused: azure {A100} in westeurope, {reason}; the row as of 2026-06-18 stays" in refreshed.summary()


def test_a_fall_to_less_than_a_fifth_is_a_lie(world: World) -> None:
    lie(world, 0.07, shape=D8)
    [refused] = world.refresh("azure").refused
    assert refused.reason == "a price of $0.07 is 5.49 times below the $0.384 that is known"


def test_a_spot_price_that_falls_to_less_than_a_fifth_is_a_lie(world: World) -> None:
    lie(world, 0.29, spot=True)
    [refused] = world.refresh("azure").refused
    assert refused.reason == "a spot price of $0.29 is 5.17 times below the $1.5 that is known"


@pytest.mark.parametrize("usd", [18.3, 1.6])
def test_a_large_move_within_a_factor_of_five_is_taken(world: World, usd: float) -> None:
    lie(world, usd)
    refreshed = world.refresh("azure")
    assert not refreshed.refused
    assert [change.new for change in refreshed.changes] == [usd]


def test_prices_that_disagree_are_a_lie(world: World) -> None:
    world.azure.items.append(azure_item(A100, "westeurope", 3.5))
    [refused] = world.refresh("azure").refused
    assert refused.reason == "listed more than once, at $3.5 and $3.673"


def test_a_price_per_another_unit_is_a_lie(world: World) -> None:
    for item in world.azure.items:
        if item["armRegionName"] == "westeurope" and item["armSkuName"] == D8:
            item["unitOfMeasure"] = "100 Hours"
    [refused] = world.refresh("azure").refused
    assert refused.reason == "listed per 100 Hours instead of per hour"


def test_a_new_region_is_measured_by_the_others(world: World) -> None:
    world.azure.items.append(azure_item(A100, "polandcentral", 0.7))
    refreshed = world.refresh("azure")
    [refused] = refreshed.refused
    assert (refused.region, refused.stays_as_of) == ("polandcentral", "")
    assert ("azure", A100, "polandcentral") not in world.rows(refreshed)
    assert refreshed.summary()[-1].endswith("5.25 times below the $3.673 that is known; no row is added")


def test_a_fifth_of_the_rows_may_be_refused_and_no_more(world: World) -> None:
    for region in AZURE_REGIONS[:2]:
        lie(world, 0, region=region)
    assert len(world.refresh("azure").refused) == 2
    lie(world, 0, region=AZURE_REGIONS[2])
    said = world.refusal("azure")
    assert "gave 3 prices of 12 that cannot be believed (azure Standard_NC24ads_A100_v4 in eastus: $0 is a gap" in said
    assert "expected at most 20% of them" in said
    assert "prices-2026-11-24.csv stays in use, untouched" in said


def test_a_fifth_of_the_rows_may_vanish_and_no_more(world: World) -> None:
    gone = set(AZURE_REGIONS[:2])
    world.azure.items = [item for item in world.azure.items if item["armSkuName"] == D8 or item["armRegionName"] not in gone]
    refreshed = world.refresh("azure")
    assert {place.region for place in refreshed.gone} == gone
    assert refreshed.path is not None
    refreshed.path.unlink()
    world.azure.items = [item for item in world.azure.items if item["armSkuName"] == A100 or item["armRegionName"] != "uksouth"]
    said = world.refusal("azure")
    assert "gave no price, or not both, for 3 rows of 12 that had one" in said
    assert STAYS in said


def test_a_list_that_forgets_all_spot_prices_is_refused(world: World) -> None:
    world.azure.items = [item for item in world.azure.items if not item["skuName"].endswith(" Spot")]
    assert "gave no price, or not both, for 6 rows of 12 that had one" in world.refusal("azure")


def test_a_spot_price_that_is_listed_no_more_leaves_the_row(world: World) -> None:
    world.azure.items.remove(azure_spot(A100, "uksouth", 1.5))
    refreshed = world.refresh("azure")
    assert world.rows(refreshed)["azure", A100, "uksouth"]["spot_usd_per_hour"] == ""
    assert [(change.purchase, change.old, change.new) for change in refreshed.changes] == [(Purchase.SPOT, 1.5, None)]
    assert "azure: 1 spot prices are no longer listed" in refreshed.summary()


def test_a_catalog_whose_names_all_changed_is_refused(world: World) -> None:
    for sku in world.gcp.skus:
        sku["description"] = f"Google {sku['description']}"
    assert "gave no price, or not both, for 5 rows of 5 that had one" in world.refusal("gcp", gcp_api_key=KEY)
