"""Google's catalog: machines put together from their parts, and only from parts that are what they seem."""

from __future__ import annotations

import pytest

from burst.facts.refresh import GCP_API_KEY_VARIABLE
from tests.burst.facts.refresh.conftest import AMERICAS, NETHERLANDS, World
from tests.burst.facts.refresh.lists import GCP_PATH, KEY, Item, gcp_sku


def test_the_parts_of_every_machine_add_up_to_the_prices_that_are_known(world: World) -> None:
    refreshed = world.refresh("gcp", gcp_api_key=KEY)
    assert not refreshed.changes
    assert not refreshed.refused
    assert not refreshed.gone
    [count] = refreshed.counts
    assert (count.num_refreshed, count.num_carried) == (5, 1)
    ultra = world.rows(refreshed)["gcp", "a2-ultragpu-1g", "us-central1"]
    assert (ultra["usd_per_hour"], ultra["as_of"]) == ("5.068798", "2026-11-24"), "with its local SSD"


def test_a_dearer_gpu_changes_every_zone_and_the_summary_says_it_once(world: World) -> None:
    sku = next(sku for sku in world.gcp.skus if sku["description"] == "Nvidia Tesla V100 GPU running in Americas")
    sku["pricingInfo"][0]["pricingExpression"]["tieredRates"][0]["unitPrice"] = {
        "currencyCode": "USD",
        "units": "2",
        "nanos": 600000000,
    }
    refreshed = world.refresh("gcp", gcp_api_key=KEY)
    rows = world.rows(refreshed)
    assert rows["gcp", "", "us-central1-a"]["usd_per_hour"] == rows["gcp", "", "us-central1-b"]["usd_per_hour"] == "20.8"
    assert rows["gcp", "", "us-central1-a"]["note"] == "unit price x count"
    expected = "gcp 8 x V100-16GB in us-central1 (2 zones), on-demand: $19.84 -> $20.8 an hour (+4.8 %)"
    assert expected in refreshed.summary()


def test_without_a_key_gcp_is_skipped_in_one_sentence_and_the_others_are_read(world: World) -> None:
    refreshed = world.refresh("gcp", "oci")
    assert refreshed.summary()[-1] == (
        "gcp: skipped, for its price list needs an API key, and neither the option nor HEPBURST_GCP_API_KEY gives one"
    )
    assert [count.provider for count in refreshed.counts] == ["oci"]
    assert all(asked.path != GCP_PATH for asked in world.server.asked)


def test_the_key_may_come_from_the_environment(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(GCP_API_KEY_VARIABLE, f"{KEY}\n")
    assert not world.refresh("gcp").skipped


@pytest.mark.parametrize(
    "description",
    [
        "Commitment v1: N1 Predefined Instance Core running in Americas for 1 Year",
        "Reserved N1 Predefined Instance Core running in Americas",
        "N1 Predefined Sole Tenancy Instance Core running in Americas",
        "N1 Custom Instance Core running in Americas",
        "DWS Defined Duration N1 Predefined Instance Core running in Americas",
        "N1 Predefined Instance Core running in Americas in Calendar Mode",
        "Committed Use Discount Premium for N1 Predefined Instance Core running in Americas",
        "N1 Predefined Instance Core",
        "Nvidia Tesla V100 GPU attached to DWS Defined Duration VMs running in Americas",
        "Nvidia Tesla V100 Virtual Workstation GPU running in Americas",
        "Capacity Optimized Nvidia Tesla V100 GPU running in Americas",
    ],
)
def test_an_offer_of_another_kind_is_no_part(world: World, description: str) -> None:
    world.gcp.skus.insert(0, gcp_sku(description, AMERICAS, 0.0001))
    refreshed = world.refresh("gcp", gcp_api_key=KEY)
    assert not refreshed.changes
    assert not refreshed.refused


@pytest.mark.parametrize("usage", ["Commit1Yr", "Commit3Yr", "Preemptible"])
def test_a_part_of_another_usage_is_no_on_demand_price(world: World, usage: str) -> None:
    world.gcp.skus.insert(0, gcp_sku("N1 Predefined Instance Core running in Americas", AMERICAS, 0.01, usage=usage))
    assert not world.refresh("gcp", gcp_api_key=KEY).refused


def test_tpus_and_machines_whose_parts_are_ambiguous_are_carried_over_and_the_summary_says_so(world: World) -> None:
    refreshed = world.refresh("gcp", gcp_api_key=KEY)
    tpu = world.rows(refreshed)["gcp", "v3-8", "us-central1-a"]
    assert (tpu["as_of"], tpu["source"]) == ("2026-06-18", "an older list")
    assert any(line.startswith("gcp: 1 rows are carried over as they are: TPU slices") for line in refreshed.summary())


def europe() -> list[Item]:
    return [
        gcp_sku("N1 Predefined Instance Core running in Netherlands", NETHERLANDS, 0.035),
        gcp_sku("N1 Predefined Instance Ram running in Netherlands", NETHERLANDS, 0.0045, unit="GiBy.h"),
        gcp_sku("Nvidia Tesla V100 GPU running in Netherlands", NETHERLANDS, 2.55),
    ]


def test_a_new_region_is_added_for_machines_and_not_for_accelerators_whose_zones_are_unknown(world: World) -> None:
    world.gcp.skus += europe()
    refreshed = world.refresh("gcp", gcp_api_key=KEY)
    rows = world.rows(refreshed)
    n1 = rows["gcp", "n1-standard-8", "europe-west4"]
    assert (n1["usd_per_hour"], n1["spot_usd_per_hour"], n1["vcpus"]) == ("0.415", "", "8")
    assert [place.shape for place in refreshed.added] == ["n1-standard-8"]
    assert any("1 prices of attachable accelerators in further regions are not added" in line for line in refreshed.summary())


def test_a_machine_with_a_part_that_is_not_listed_has_no_price_rather_than_a_lower_one(world: World) -> None:
    world.gcp.skus = [sku for sku in world.gcp.skus if "A100 80GB" not in sku["description"]]
    assert [place.shape for place in world.refresh("gcp", gcp_api_key=KEY).gone] == ["a2-ultragpu-1g"]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"usageUnit": "mo"}, "'Nvidia Tesla A100 80GB GPU running in Americas' is priced per mo"),
        ({"tieredRates": []}, "'Nvidia Tesla A100 80GB GPU running in Americas' has 0 tiers of prices"),
        (
            {"tieredRates": [{"unitPrice": {"currencyCode": "USD", "units": "0", "nanos": 0}}]},
            "'Nvidia Tesla A100 80GB GPU running in Americas': $0 is a gap in the list, not a price",
        ),
        (
            {"tieredRates": [{"unitPrice": {"currencyCode": "USD", "units": "700"}}]},
            "'Nvidia Tesla A100 80GB GPU running in Americas': $700 is the catalog's placeholder for a missing price",
        ),
    ],
)
def test_a_machine_with_a_doubtful_part_is_refused(world: World, change: Item, reason: str) -> None:
    sku = next(sku for sku in world.gcp.skus if sku["description"] == "Nvidia Tesla A100 80GB GPU running in Americas")
    sku["pricingInfo"][0]["pricingExpression"].update(change)
    [refused] = world.refresh("gcp", gcp_api_key=KEY).refused
    assert (refused.shape, refused.reason) == ("a2-ultragpu-1g", reason)


def test_two_units_for_one_part_must_agree(world: World) -> None:
    world.gcp.skus.append(gcp_sku("Nvidia A100 80GB GPU running in Iowa", AMERICAS[:1], 3.0))
    [refused] = world.refresh("gcp", gcp_api_key=KEY).refused
    assert refused.reason == "A100 80GB gpu is listed more than once, at $3 and $3.92808"


def test_the_price_in_force_is_taken_and_not_one_of_the_past_or_future(world: World) -> None:
    infos = world.gcp.skus[0]["pricingInfo"]
    cheap = {**infos[0]["pricingExpression"], "tieredRates": [{"unitPrice": {"currencyCode": "USD", "units": "0", "nanos": 1}}]}
    infos.insert(0, {"effectiveTime": "2025-01-01T00:00:00Z", "pricingExpression": cheap})
    infos.append({"effectiveTime": "2027-01-01T00:00:00Z", "pricingExpression": cheap})
    assert not world.refresh("gcp", gcp_api_key=KEY).changes
