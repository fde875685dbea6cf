"""Listed prices that are none, and shapes that cannot be had."""

from __future__ import annotations

import datetime
import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from burst import facts
from burst.facts import guard, rows
from burst.spec import Purchase
from trainer.refusal import Refusal

PRICES = st.floats(min_value=1e-4, max_value=1e4).filter(lambda price: price != guard.PLACEHOLDER_USD)
RENTED = (Purchase.ON_DEMAND, Purchase.SPOT)


@given(on_demand=PRICES, discount=st.floats(min_value=0, max_value=0.99), purchase=st.sampled_from(RENTED))
def test_a_price_with_spot_below_it_is_one(on_demand: float, discount: float, purchase: Purchase) -> None:
    spot = on_demand * (1 - discount)
    if spot != guard.PLACEHOLDER_USD:
        assert guard.price_problem(on_demand, spot, purchase) is None


@given(price=PRICES, purchase=st.sampled_from(RENTED))
def test_what_is_sold_in_one_way_only_has_no_problem(price: float, purchase: Purchase) -> None:
    assert guard.price_problem(price, None, purchase) is None
    assert guard.price_problem(None, price, purchase) is None


@pytest.mark.parametrize("price", [0.0, -0.0, -1.0, math.nan, math.inf])
@pytest.mark.parametrize("purchase", RENTED)
def test_a_price_of_nothing_is_a_gap(price: float, purchase: Purchase) -> None:
    on_demand, spot = (price, None) if purchase is Purchase.ON_DEMAND else (None, price)
    assert "is a gap in the list" in str(guard.price_problem(on_demand, spot, purchase))


@pytest.mark.parametrize("purchase", RENTED)
def test_seven_hundred_dollars_are_a_placeholder(purchase: Purchase) -> None:
    on_demand, spot = (700.0, None) if purchase is Purchase.ON_DEMAND else (None, 700.0)
    assert "placeholder" in str(guard.price_problem(on_demand, spot, purchase))


@given(spot=PRICES, share=st.floats(min_value=0.01, max_value=0.99), purchase=st.sampled_from(RENTED))
def test_spot_above_on_demand_spoils_both(spot: float, share: float, purchase: Purchase) -> None:
    on_demand = spot * share
    if on_demand != guard.PLACEHOLDER_USD:
        assert "is above on demand" in str(guard.price_problem(on_demand, spot, purchase))


@pytest.mark.parametrize(("on", "is_retired"), [("2025-09-29", False), ("2025-09-30", True), ("2030-01-01", True)])
def test_a_shape_is_retired_from_its_day_on(on: str, is_retired: bool) -> None:
    assert (guard.retirement_of("azure", "Standard_NC24rs_v3", on=on) is not None) is is_retired


def test_a_retirement_is_of_one_provider() -> None:
    assert guard.retirement_of("gcp", "Standard_NC24rs_v3", on="2030-01-01") is None


@pytest.mark.parametrize(
    "shape", ["Standard_NC24ads_A100_v4", "Standard_ND40rs_v2", "Standard_NV36ads_A10_v5", "Standard_NC4as_T4_v3"]
)
def test_a_pattern_withdraws_no_shape_that_lives(shape: str) -> None:
    assert guard.retirement_of("azure", shape, on="2026-11-24") is None


def test_every_retirement_has_a_day_and_a_source() -> None:
    for retirement in guard.retirements():
        assert datetime.date.fromisoformat(retirement.retired_on)
        assert retirement.source


def test_a_retirement_without_a_source_does_not_go_in(tmp_path: Path) -> None:
    header, *lines = (rows.FOLDER / "retirements.csv").read_text(encoding="utf-8").splitlines()
    columns = header.split(",")
    row = ["" if name == "source" else "2025-01-01" for name in columns]
    path = tmp_path / "retirements.csv"
    path.write_text("\n".join([header, *lines, ",".join(row)]) + "\n", encoding="utf-8")
    with pytest.raises(Refusal, match=rf"retirements\.csv, line {len(lines) + 2}, has no source"):
        rows.read_rows(path)


@pytest.mark.parametrize("pattern", [retirement.shape_pattern for retirement in guard.retirements() if retirement.replacement])
def test_what_microsoft_names_instead_of_what_the_market_lost_can_be_rented(pattern: str) -> None:
    retirement = next(each for each in guard.retirements() if each.shape_pattern == pattern)
    lost = {unsound.offer.shape.name for unsound in facts.market().unsound if unsound.reason.startswith("retired")}
    if pattern in lost:
        assert retirement.replacement in {offer.shape.name for offer in facts.market().sound}


@pytest.mark.parametrize(
    ("shape", "region", "purchase", "is_restricted"),
    [
        ("v3-8", "us-east1", Purchase.SPOT, True),
        ("v3-8", "europe-west4", Purchase.SPOT, False),
        ("a3-highgpu-1g", "us-central1", Purchase.ON_DEMAND, True),
        ("a3-highgpu-1g", "us-central1", Purchase.SPOT, False),
        ("a3-highgpu-8g", "us-central1", Purchase.ON_DEMAND, False),
    ],
)
def test_a_restriction_holds_for_its_shapes_region_and_purchase(
    shape: str, region: str, purchase: Purchase, is_restricted: bool
) -> None:
    assert (guard.restriction_of("gcp", shape, region, purchase) is not None) is is_restricted
