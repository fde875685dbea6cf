"""An offer by its names: flex-start, zones, hosts of the user's choice."""

from __future__ import annotations

import pytest

from burst import facts
from burst.ranges import Case
from burst.spec import Purchase
from trainer.refusal import Refusal

V100 = "n1-standard-96+8xV100-16GB"


def test_flex_start_costs_what_on_demand_costs_or_as_little_as_google_says() -> None:
    flex, listed = (
        facts.find("gcp", "a2-highgpu-8g", "us-central1", purchase) for purchase in (Purchase.FLEX_START, Purchase.ON_DEMAND)
    )
    assert flex.purchase is Purchase.FLEX_START
    assert flex.usd_per_hour_at(Case.EXPECTED) == flex.usd_per_hour_at(Case.HIGH) == listed.usd_per_hour
    assert flex.usd_per_hour_at(Case.LOW) == pytest.approx(0.47 * listed.usd_per_hour)
    assert {listed.usd_per_hour_at(case) for case in Case} == {listed.usd_per_hour}


def test_what_is_listed_but_not_sold_on_demand_may_be_sold_flex_start() -> None:
    with pytest.raises(Refusal, match="spot and flex-start only"):
        facts.find("gcp", "a3-highgpu-1g", "us-central1", Purchase.ON_DEMAND)
    assert facts.find("gcp", "a3-highgpu-1g", "us-central1", Purchase.FLEX_START).usd_per_hour > 0


@pytest.mark.parametrize(
    ("provider", "shape", "region"),
    [
        ("gcp", V100, "us-central1"),
        ("gcp", "n1-highmem-96+8xV100-16GB", "us-central1"),
        ("gcp", "v3-8", "us-central1"),
        ("gcp", "e2-standard-4", "us-central1"),
        ("gcp", "a4-highgpu-8g", "us-central1"),
        ("azure", "Standard_NC24ads_A100_v4", "westeurope"),
        ("oci", "BM.GPU3.8", "eu-zurich-1"),
    ],
)
def test_flex_start_is_refused_where_nobody_confirms_it_or_nothing_bounds_its_price(
    provider: str, shape: str, region: str
) -> None:
    with pytest.raises(Refusal, match="flex-start") as refused:
        facts.find(provider, shape, region, Purchase.FLEX_START)
    assert refused.value.remedy == "set the purchase to spot or on-demand"


def test_the_planner_is_offered_no_flex_start() -> None:
    assert not any(offer.purchase is Purchase.FLEX_START for offer in facts.market().sound)


def test_an_offer_stands_in_the_zones_that_the_price_list_tells() -> None:
    assert "us-central1-f" in facts.find("gcp", V100, "us-central1", Purchase.SPOT, zone="us-central1-f").zones
    with pytest.raises(Refusal, match="did you mean us-central1-"):
        facts.find("gcp", V100, "us-central1", Purchase.SPOT, zone="us-central1-d")
    assert facts.find("gcp", "a2-highgpu-8g", "us-central1", Purchase.SPOT, zone="us-central1-d").zones == ()


@pytest.mark.parametrize("shape", ["n1-highmem-97+8xV100-16GB", "n1-standard-96+1xV100-16GB", "n1-standard-96+8xV101-16GB"])
def test_a_host_that_is_none_or_too_large_is_refused(shape: str) -> None:
    with pytest.raises(Refusal, match="no shape"):
        facts.find("gcp", shape, "us-central1", Purchase.SPOT)
