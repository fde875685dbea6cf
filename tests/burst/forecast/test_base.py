"""What a base costs as long as it stands."""

from __future__ import annotations

import pytest

from burst import facts
from burst.forecast.base import base_forecast
from burst.ranges import Case
from trainer.refusal import Refusal


def test_a_month_of_a_base_by_hand() -> None:
    """32.5 GB of showers and 0.1 GB of results at 0.02 USD, an image of 7 GB at 0.1 USD."""
    cost = base_forecast("us-central1")
    assert {name: value.expected for name, value in cost.items.items()} == pytest.approx(
        {"data in the bucket": 0.65, "results in the bucket": 0.002, "images in the registry": 0.7}
    )
    assert cost.usd_per_month.expected == pytest.approx(1.352)


def test_the_items_add_up_in_every_case() -> None:
    cost = base_forecast("europe-west6", num_runs=40, num_images=3)
    for case in Case:
        assert cost.usd_per_month.at(case) == pytest.approx(sum(value.at(case) for value in cost.items.values()))
    assert cost.usd_per_month.low < cost.usd_per_month.expected < cost.usd_per_month.high


def test_runs_and_images_are_kept_and_paid_for() -> None:
    one, ten = base_forecast("us-central1"), base_forecast("us-central1", num_runs=10, num_images=10)
    for item in ("results in the bucket", "images in the registry"):
        assert ten.items[item].expected == pytest.approx(10 * one.items[item].expected)
    assert ten.items["data in the bucket"] == one.items["data in the bucket"]


def test_the_output_has_prices_sizes_and_the_digest_of_the_facts() -> None:
    shown = base_forecast("us-central1").to_output()
    assert shown["facts"] == {"date": facts.snapshot().date, "sha256": facts.snapshot().sha256}
    basis = str(shown["basis"])
    for part in ("0.02 USD", "0.1 USD", "32.5 GB", "in its own forecast"):
        assert part in basis
    assert shown["usd_per_month"] == {"low": 1.15, "expected": 1.35, "high": 1.47}


def test_a_region_without_prices_is_refused() -> None:
    with pytest.raises(Refusal, match="no price of gcp gcs"):
        base_forecast("atlantis-north1")
