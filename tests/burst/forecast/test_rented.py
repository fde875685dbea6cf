"""A forecast of rented machines: ordered and finite whatever is asked for, made of its items, refused where it cannot run."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from burst import facts
from burst.facts import Offer, PhaseName
from burst.forecast import Cost, Rental, Work, estimate, fitting, rented
from burst.ranges import Case, Range
from burst.spec import Purchase
from tests.burst.forecast.rentals import by_shape, offers, place_of, rental, rentals
from trainer.refusal import Refusal

QUANTITIES = ("usd", "hours", "kwh", "kgco2e")


def assert_sound(cost: Cost) -> None:
    for quantity in QUANTITIES:
        value: Range = getattr(cost, quantity)
        assert 0 < value.low <= value.expected <= value.high < math.inf, quantity
    for quantity, items in cost.items.items():
        total: Range = getattr(cost, quantity)
        for case in Case:
            assert sum(part.at(case) for part in items.values()) == pytest.approx(total.at(case), rel=1e-9)
            assert all(0 <= part.at(case) < math.inf for part in items.values())


@settings(max_examples=150)
@given(one=rentals())
def test_any_burst_has_an_ordered_finite_cost_that_is_the_sum_of_its_items(one: Rental) -> None:
    assert_sound(rented.cost(one))


@settings(max_examples=60)
@given(one=rentals(max_nodes=2_000))
def test_so_has_a_burst_of_two_thousand_nodes(one: Rental) -> None:
    assert_sound(rented.cost(one))


@settings(max_examples=60)
@given(one=rentals(implementation=facts.CERN))
def test_so_has_cerns_trainer(one: Rental) -> None:
    assert_sound(rented.cost(one))


@pytest.mark.parametrize("offer", [group[0] for group in by_shape()], ids=lambda offer: f"{offer.shape.name}-{offer.purchase}")
def test_so_has_every_shape_alone_with_the_smallest_batch(offer: Offer) -> None:
    assert_sound(rented.cost(Rental.of(work=Work(num_epochs=1), offer=offer, num_nodes=1, batch_per_rank=2)))


@settings(max_examples=60)
@given(one=rentals())
def test_the_ends_of_a_range_are_those_of_their_own_passes(one: Rental) -> None:
    """An item that is smaller where all else is larger keeps its order, so that the ends may lie a little further out."""
    cost, nodes = rented.cost(one), np.array([float(one.num_nodes)])
    for case, sign in ((Case.LOW, -1), (Case.EXPECTED, 0), (Case.HIGH, 1)):
        times, place = rented.times(one, case), place_of(one.offer, case)
        usd = float(estimate.usd_total(place, times, nodes)[0])
        kwh = float(estimate.total(estimate.kwh_items(place, one.offer.shape, times, nodes, case=case))[0])
        for total, found in ((cost.usd, usd), (cost.kwh, kwh), (cost.hours, float(times.wall[0]) / 3600)):
            assert sign * (total.at(case) - found) >= -1e-9 * found
            assert total.at(case) == pytest.approx(found, rel=0.25 if sign else 1e-9)
    assert cost.usd.low < cost.usd.expected < cost.usd.high
    assert cost.hours.low < cost.hours.expected < cost.hours.high


def test_the_times_of_32_v100s_by_hand() -> None:
    """60 epochs with their validation, the first longer; a checkpoint after each; and Daly's interruptions of four nodes."""
    one = rental(purchase=Purchase.SPOT)
    times, model = rented.times(one, Case.EXPECTED), fitting.gke().models["V100-16GB"]
    steps = 124_987 // (32 * 96)
    overhead = model.seconds_per_step + 3 * model.seconds_per_step_and_node
    epoch = model.seconds_per_epoch + steps * (96 * model.seconds_per_sample + overhead) + 5
    assert times.epoch[0] == pytest.approx(epoch)
    training = 60 * epoch + (160 - 33.22)
    assert times.training[0] == pytest.approx(training)
    between_failures, restart, checkpoint = 3600 / (4 * 0.011), 785.0, 1.0
    pieces = training / epoch
    busy = (
        pieces * between_failures * math.exp(restart / between_failures) * math.expm1((epoch + checkpoint) / between_failures)
    )
    assert times.busy[0] == pytest.approx(busy)
    assert times.idle[0] == 240 + 270 + 230 + 45 + 150
    assert times.cluster[0] == pytest.approx(busy + times.idle[0] + 330 + 215)


@settings(max_examples=60)
@given(one=rentals())
def test_without_a_failure_each_epoch_adds_its_checkpoint(one: Rental) -> None:
    """Low rates are none for machines that were bought."""
    if one.offer.purchase is Purchase.ON_DEMAND:
        times = rented.times(one, Case.LOW)
        checkpoint = facts.phases(one.offer.shape.target)[PhaseName.CHECKPOINT].seconds.low
        assert times.busy[0] == pytest.approx(times.training[0] * (1 + checkpoint / times.epoch[0]))


@settings(max_examples=60)
@given(one=rentals())
def test_the_hours_are_the_wall_clock_from_the_grant_to_nothing_left(one: Rental) -> None:
    cost, times = rented.cost(one), rented.times(one, Case.EXPECTED)
    assert cost.hours.expected == pytest.approx(float(times.wall[0]) / 3600, rel=1e-9)


@pytest.mark.parametrize("offer", [group[0] for group in by_shape()], ids=lambda offer: f"{offer.shape.name}-{offer.purchase}")
def test_waiting_for_capacity_stands_apart_and_costs_nothing(offer: Offer) -> None:
    cost = rented.cost(Rental.of(work=Work(num_epochs=1), offer=offer, num_nodes=1, batch_per_rank=2))
    queueing = facts.phases(offer.shape.target)[PhaseName.QUEUEING].seconds
    assert cost.waiting_hours is not None
    for case in Case:
        assert cost.waiting_hours.at(case) == pytest.approx(queueing.at(case) / 3600)
    assert not any("waiting" in item for items in cost.items.values() for item in items)


@settings(max_examples=60)
@given(one=rentals())
def test_a_burst_ends_when_both_its_epochs_and_its_updates_are_done(one: Rental) -> None:
    times, work = rented.times(one, Case.EXPECTED), one.work
    steps = times.num_updates[0] / times.num_epochs[0]
    assert times.num_epochs[0] >= (work.num_epochs or 0)
    assert times.num_updates[0] >= (work.num_updates or 0)
    fewer = times.num_epochs[0] - 1
    assert fewer < (work.num_epochs or 0) or fewer * steps < (work.num_updates or 0)


@settings(max_examples=60)
@given(one=rentals())
def test_the_times_of_a_burst_fit_into_each_other(one: Rental) -> None:
    for case in Case:
        times = rented.times(one, case)
        assert 0 < times.epoch <= times.training <= times.busy <= times.cluster <= times.wall
        assert times.rework >= 0
        assert times.busy == pytest.approx(times.training + times.rework)
        assert times.num_updates > 0


@settings(max_examples=60)
@given(one=rentals())
def test_low_expected_and_high_are_in_their_order_in_every_time(one: Rental) -> None:
    low, expected, high = (rented.times(one, case) for case in (Case.LOW, Case.EXPECTED, Case.HIGH))
    for less, more in pairwise((low, expected, high)):
        for name in ("epoch", "training", "busy", "cluster", "wall", "idle"):
            assert getattr(less, name)[0] <= getattr(more, name)[0]
        assert less.num_updates == more.num_updates


@settings(max_examples=40)
@given(one=rentals())
def test_a_forecast_names_its_facts_and_depends_on_nothing_else(one: Rental) -> None:
    cost = rented.cost(one)
    assert cost == rented.cost(one)
    assert cost.snapshot == facts.snapshot()
    basis = " ".join(cost.basis)
    assert one.offer.source in basis
    assert one.offer.as_of in basis
    assert one.offer.shape.name in basis


def test_an_accelerator_that_nobody_measured_is_called_extrapolated() -> None:
    said = {
        shape: " ".join(rented.cost(rental(shape, region, num_nodes=1, batch_per_rank=64)).basis)
        for shape, region in (("a2-highgpu-1g", "us-central1"), ("n1-standard-96+8xV100-16GB", "us-central1"))
    }
    assert "A100-40GB is extrapolated" in said["a2-highgpu-1g"]
    assert "extrapolated" not in said["n1-standard-96+8xV100-16GB"]


def test_more_of_an_accelerator_than_anybody_measured_is_called_extrapolated() -> None:
    most, more = (rental(num_nodes=number, batch_per_rank=16) for number in (16, 17))
    assert not most.is_extrapolated
    assert more.is_extrapolated
    assert any("136 ranks are extrapolated: nobody measured more than 128" in line for line in rented.cost(more).basis)


def test_a_larger_tpu_slice_than_anybody_measured_has_a_wider_range() -> None:
    work = Work(implementation=facts.CERN)
    known, larger = (rental(name, "europe-west4", num_nodes=1, batch_per_rank=128, work=work) for name in ("v3-32", "v3-256"))
    assert not known.is_extrapolated
    assert larger.is_extrapolated
    narrow, wide = (rented.cost(one).items["hours"]["training"] for one in (known, larger))
    assert wide.high / wide.expected > narrow.high / narrow.expected


def test_our_trainer_has_a_wider_range_than_cerns_until_it_is_measured() -> None:
    ours, cerns = (rented.cost(rental(work=Work(implementation=name))).hours for name in (facts.OURS, facts.CERN))
    assert ours.high / ours.low > cerns.high / cerns.low
    assert ours.expected == pytest.approx(cerns.expected, rel=0.1)


def test_an_assumption_about_the_trainer_is_said_to_be_one() -> None:
    assert any("of CERN's trainer (an assumption" in line for line in rented.cost(rental()).basis)


@given(offer=offers(), more=st.integers(1, 1000))
def test_a_batch_beyond_the_memory_is_refused_with_the_largest(offer: Offer, more: int) -> None:
    one = Rental.of(work=Work(), offer=offer, num_nodes=1, batch_per_rank=2)
    largest = one.pace.max_batch_per_rank
    with pytest.raises(Refusal, match=f"expected {largest} or less"):
        rented.cost(replace(one, batch_per_rank=largest + more))


def test_a_global_batch_beyond_the_data_is_refused() -> None:
    just, beyond = (rental(work=Work(num_samples=3_072 - fewer)) for fewer in (0, 1))
    assert_sound(rented.cost(just))
    with pytest.raises(Refusal, match=r"a global batch of 3,072 for 3,071 showers"):
        rented.cost(beyond)


@pytest.mark.parametrize(("num_nodes", "batch_per_rank"), [(0, 96), (-1, 96), (4, 0), (4, -8)])
def test_a_pool_of_nothing_is_refused(num_nodes: int, batch_per_rank: int) -> None:
    with pytest.raises(Refusal):
        rented.cost(rental(num_nodes=num_nodes, batch_per_rank=batch_per_rank))


def test_several_tpu_slices_are_not_one_machine() -> None:
    with pytest.raises(Refusal):
        rented.cost(rental("v3-8", "us-central1", num_nodes=4, batch_per_rank=128))


def test_a_machine_without_accelerators_is_refused_by_its_name() -> None:
    with pytest.raises(Refusal, match="e2-standard-4"):
        rented.cost(rental("e2-standard-4", "europe-west4", num_nodes=1))


def test_cerns_128_v100s_come_out_as_cern_measured_them() -> None:
    """33.22 s an epoch, the first 160 s, 120 epochs: the training as CERN ran it, without its validation."""
    work = Work(num_epochs=120, implementation=facts.CERN)
    times = rented.times(rental(num_nodes=16, work=work), Case.EXPECTED)
    validation = 5.0
    assert times.epoch[0] - validation == pytest.approx(33.22, rel=0.02)
    assert times.training[0] - 120 * validation == pytest.approx(120 * 33.22 + 126.78, rel=0.02)
    assert times.num_updates[0] == 1320


def test_the_outputs_hold_what_the_cost_holds() -> None:
    cost = rented.cost(rental())
    output = cost.to_output()
    assert output["facts"] == {"date": cost.snapshot.date, "sha256": cost.snapshot.sha256}
    assert output["usd"] == cost.usd.to_output()
    assert output["basis"] == list(cost.basis)
    assert set(QUANTITIES) < output.keys()
    assert rented.cost(rental("BM.GPU3.8", "eu-zurich-1", num_nodes=1)).to_output()["kgco2e_market"] is None


def test_a_region_of_another_price_has_its_own_bill() -> None:
    both = [rental(region=region) for region in ("europe-west4", "us-central1")]
    here, there = (rented.cost(one).items["usd"]["nodes with accelerators"].expected for one in both)
    assert here / there == pytest.approx(both[0].offer.usd_per_hour / both[1].offer.usd_per_hour)
    assert here != there
