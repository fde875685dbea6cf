"""Energy and carbon: watts by hand, items that add up, and the two ways to count a grid."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from burst import facts
from burst.facts import Offer
from burst.forecast import Rental, energy, estimate, rented
from burst.ranges import Case, Range
from burst.spec import Shape
from tests.burst.forecast.rentals import GCP_V100, by_shape, hours_of_life, place_of, rental, rentals
from trainer.refusal import Refusal

RANGES = st.lists(st.floats(0, 1e6), min_size=3, max_size=3).map(lambda ends: Range(*sorted(ends)))
GRIDS = st.sampled_from(sorted(facts.grids()))


def shape_of(name: str) -> Shape:
    return next(offer.shape for offer in facts.market().sound if offer.shape.name == name)


@given(one=rentals())
def test_the_total_is_the_sum_of_the_items(one: Rental) -> None:
    nodes, times, place = np.array([float(one.num_nodes)]), rented.times(one, Case.EXPECTED), place_of(one.offer)
    items = estimate.kwh_items(place, one.offer.shape, times, nodes, case=Case.EXPECTED)
    assert estimate.kwh_total(place, one.offer.shape, times, nodes) == pytest.approx(estimate.total(items), rel=1e-12)
    assert all(np.all(np.isfinite(kwh)) and np.all(kwh >= 0) for kwh in items.values())


def test_a_node_of_eight_v100s_by_hand() -> None:
    """300 W x 0.65 each; 96 threads at 0.35 between 0.68 and 4.11 W; 360 GiB at 0.392 W. Idle: 35 W, 0.68 W, the same."""
    power = energy.node_power(shape_of(GCP_V100))
    busy, idle = ({part: watts.expected for part, watts in parts.items()} for parts in (power.busy_w, power.idle_w))
    assert busy == pytest.approx({"accelerators": 8 * 195.0, "CPUs": 96 * (0.68 + 0.35 * 3.43), "memory": 360 * 0.392})
    assert idle == pytest.approx({"accelerators": 8 * 35.0, "CPUs": 96 * 0.68, "memory": 360 * 0.392})


def test_an_hour_of_four_such_nodes_in_the_netherlands_by_hand() -> None:
    offer = rental().offer
    items = estimate.kwh_items(place_of(offer), offer.shape, hours_of_life(1.0), np.array([4.0]), case=Case.EXPECTED)
    kwh = {part: float(value[0]) for part, value in items.items()}
    assert kwh["accelerators"] == pytest.approx(4 * 8 * 0.195)
    system = 4 * (0.68 + 0.35 * 3.43) + 16 * 0.392
    assert kwh["system node"] == pytest.approx(system / 1000)
    beside = sum(value for part, value in kwh.items() if part != "building (PUE)")
    assert kwh["building (PUE)"] == pytest.approx(0.07 * beside)


@pytest.mark.parametrize("offer", [group[0] for group in by_shape()], ids=lambda offer: offer.shape.name)
def test_a_node_at_work_never_draws_less_than_at_rest(offer: Offer) -> None:
    power = energy.node_power(offer.shape)
    assert power.busy_w.keys() == power.idle_w.keys()
    for part, busy in power.busy_w.items():
        for case in Case:
            assert 0 <= power.idle_w[part].at(case) <= busy.at(case)
    assert sum(watts.expected for watts in power.busy_w.values()) > 50


@pytest.mark.parametrize("offer", [group[0] for group in by_shape()], ids=lambda offer: offer.shape.name)
def test_no_accelerator_draws_more_than_was_published(offer: Offer) -> None:
    if not offer.shape.is_tpu:
        tdp_w = facts.accelerator(offer.shape.accelerator).tdp_w
        assert tdp_w is not None
        assert energy.node_power(offer.shape).busy_w["accelerators"].high <= tdp_w * offer.shape.num_accelerators


def test_a_tpu_v3_8_draws_its_four_chips_with_their_host() -> None:
    (system,) = energy.node_power(shape_of("v3-8")).busy_w.values()
    assert system == Range(4 * 245, 4 * 289, 4 * 310)


@pytest.mark.parametrize("accelerator", ["TPU-v5e", "TPU-v5p", "TPU-v6e"])
def test_an_accelerator_without_published_power_is_refused_with_the_row_to_add(accelerator: str) -> None:
    shape = next(offer.shape for offer in facts.market().sound if offer.shape.accelerator == accelerator)
    with pytest.raises(Refusal, match=rf"power of {accelerator}.*burst/facts/accelerators\.csv or coefficients\.csv"):
        energy.node_power(shape)


@given(watts=st.floats(0.1, 1e4), hours=st.floats(0.01, 1e4))
def test_a_kilowatt_for_an_hour_is_a_kilowatt_hour(watts: float, hours: float) -> None:
    assert watts * hours * 3600 / energy.JOULES_PER_KWH == pytest.approx(watts / 1000 * hours)


@given(kwh=RANGES, region=GRIDS)
def test_a_kilowatt_hour_emits_the_grams_of_its_grid(kwh: Range, region: str) -> None:
    grams = facts.grid_carbon(region).gco2e_per_kwh
    emitted = energy.grid_kgco2e(kwh, region)
    for case in Case:
        assert emitted.at(case) == pytest.approx(kwh.at(case) * grams / 1000)


@given(kwh=RANGES, region=GRIDS)
def test_what_is_bought_carbon_free_is_never_added(kwh: Range, region: str) -> None:
    location, market = energy.grid_kgco2e(kwh, region), energy.market_kgco2e(kwh, region)
    if facts.grid_carbon(region).carbon_free_share is None:
        assert market is None
    else:
        assert market is not None
        assert all(market.at(case) <= location.at(case) for case in Case)


def test_a_provider_that_publishes_no_share_has_no_market_based_figure() -> None:
    assert rented.cost(rental("BM.GPU3.8", "eu-zurich-1", num_nodes=1)).kgco2e_market is None
    market, location = (getattr(rented.cost(rental()), name) for name in ("kgco2e_market", "kgco2e"))
    share = facts.grid_carbon("gcp/europe-west4").carbon_free_share
    assert share is not None
    assert market.expected == pytest.approx(location.expected * (1 - share))


def test_the_same_burst_emits_as_its_grids_do() -> None:
    clean, dirty = (rented.cost(rental(region=region)) for region in ("europe-west4", "asia-east1"))
    grids = [facts.grid_carbon(f"gcp/{region}").gco2e_per_kwh for region in ("europe-west4", "asia-east1")]
    pues = [facts.pue("gcp", region).value.expected for region in ("europe-west4", "asia-east1")]
    assert dirty.kgco2e.expected / clean.kgco2e.expected == pytest.approx(grids[1] * pues[1] / (grids[0] * pues[0]))


def test_busy_threads_of_an_unknown_cpu_draw_the_median() -> None:
    kwh = energy.busy_cpu_kwh(Range.exactly(3600.0))
    assert kwh.expected == pytest.approx(4.11 / 1000)
    assert kwh.low < kwh.expected < kwh.high
