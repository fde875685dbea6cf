"""The search equals a loop over every candidate, keeps its limits, and says what it leaves out."""

from __future__ import annotations

import datetime
import math
import re
from collections import Counter
from dataclasses import dataclass, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from burst import facts
from burst.facts import Offer
from burst.forecast import Rental, Work, accuracy, estimate, rented
from burst.forecast.pace import pace
from burst.pareto import undominated
from burst.planner import Front, search
from burst.ranges import Case, Range
from burst.spec import Purchase
from burst.wanted import BATCHES, Wanted
from tests.burst.forecast.rentals import by_shape, forecastable, lengths, place_of
from trainer.refusal import Refusal

TODAY = datetime.date(2026, 11, 24)
SAME = 1e-9
"""Relative: values closer than this are one value, added up in another order."""
V100 = frozenset({"V100-16GB"})
Key = tuple[Offer, int, int]
Values = tuple[float, float, float]


@dataclass(frozen=True)
class Naive:
    """Every candidate, one by one: money, hours, kgCO2e."""

    candidates: dict[Key, Values]

    def front(self) -> dict[Key, Values]:
        """By brute force: nothing as good in all three, and better in one by more than rounding."""
        values = np.array(list(self.candidates.values()))
        kept = []
        for one in values:
            as_good = np.all(values <= one * (1 + SAME), axis=1)
            better = np.any(values < one * (1 - SAME), axis=1)
            kept.append(not np.any(as_good & better))
        return {key: value for (key, value), is_kept in zip(self.candidates.items(), kept, strict=True) if is_kept}


def plans(front: Front) -> list[Rental]:
    return [front.rental(index) for index in range(len(front.offers))]


def naive(work: Work, wanted: Wanted) -> Naive:
    """What the search claims to do, without arrays."""
    return Naive(
        {
            (offer, nodes, batch): values
            for offer in forecastable()
            if is_wanted(offer, wanted)
            for nodes in range(1, most_nodes(offer, wanted) + 1)
            for batch in sorted(set(wanted.batches))
            if (values := evaluated(Rental.of(work=work, offer=offer, num_nodes=nodes, batch_per_rank=batch), wanted))
        }
    )


def is_wanted(offer: Offer, wanted: Wanted) -> bool:
    shape = offer.shape
    return (
        (not wanted.providers or shape.provider in wanted.providers)
        and (not wanted.regions or offer.region in wanted.regions)
        and (not wanted.shapes or shape.name in wanted.shapes)
        and (not wanted.accelerators or shape.accelerator in wanted.accelerators)
        and (not wanted.purchases or offer.purchase in wanted.purchases)
        and (wanted.max_age_days is None or facts.age_days(offer.as_of, TODAY) <= wanted.max_age_days)
    )


def most_nodes(offer: Offer, wanted: Wanted) -> int:
    limit = min(wanted.max_accelerators, wanted.quota.get(offer.shape.accelerator, wanted.max_accelerators))
    most = limit // offer.shape.num_accelerators
    if wanted.measured_only:
        most = min(most, 0 if pace(Work(), offer.shape).is_extrapolated else most_measured(offer))
    return min(most, 1) if offer.shape.is_tpu else most


def most_measured(offer: Offer) -> int:
    """Nodes with no more ranks than CERN's largest run there: 128 GPUs on GKE, 32 on Azure, 32 cores of TPUs."""
    ranks = {"azure": 32}.get(offer.shape.provider, 32 if offer.shape.is_tpu else 128)
    return ranks // (offer.shape.num_accelerators * facts.ranks_per_chip(offer.shape.accelerator))


def evaluated(one: Rental, wanted: Wanted) -> Values | None:
    try:
        rented.check(one)
    except Refusal:
        return None
    times, nodes, place = rented.times(one, Case.EXPECTED), np.array([float(one.num_nodes)]), place_of(one.offer)
    fewest = accuracy.fewest_updates()
    least = min(fewest, one.work.num_updates or fewest) if wanted.min_updates is None else wanted.min_updates
    if times.num_updates[0] < least:
        return None
    usd = sum(float(item[0]) for item in estimate.usd_items(place, times, nodes).values())
    items = estimate.kwh_items(place, one.offer.shape, times, nodes, case=Case.EXPECTED)
    kwh = sum(float(item[0]) for item in items.values())
    grams = facts.grid_carbon(one.offer.place).gco2e_per_kwh
    return usd, float(times.wall[0]) / 3600, kwh * grams / 1000


def found(front: Front) -> dict[Key, Values]:
    keys = zip(front.offers, front.num_nodes.tolist(), front.batch_per_rank.tolist(), strict=True)
    values = zip(front.usd.tolist(), front.hours.tolist(), front.kgco2e.tolist(), strict=True)
    return dict(zip(keys, values, strict=True))


def assert_equal(search_front: Front, work: Work, wanted: Wanted) -> None:
    everything = naive(work, wanted)
    own, brute_force = found(search_front), everything.front()
    for key, values in own.items():
        assert values == pytest.approx(everything.candidates[key], rel=SAME)
        assert key in brute_force, key
    for key, values in brute_force.items():
        alike = [other for other in own.values() if other == pytest.approx(values, rel=2 * SAME)]
        assert key in own or alike, key
    assert search_front.num_candidates - search_front.num_too_few_updates >= len(everything.candidates)


@st.composite
def wishes(draw: st.DrawFn) -> Wanted:
    """Few enough shapes and places for a loop."""
    groups = draw(st.lists(st.sampled_from(by_shape()), min_size=1, max_size=3))
    offers = [draw(st.sampled_from(group)) for group in groups]
    accelerators = sorted({offer.shape.accelerator for offer in offers})
    largest = max(offer.shape.num_accelerators for offer in offers)
    quota = st.dictionaries(st.sampled_from(accelerators), st.integers(largest // 2, largest + 24), min_size=1, max_size=1)
    return Wanted(
        providers=frozenset(draw(st.sampled_from([set(), {offer.shape.provider for offer in offers}]))),
        regions=frozenset(offer.region for offer in offers),
        shapes=frozenset(offer.shape.name for offer in offers),
        accelerators=frozenset(draw(st.sampled_from([set(), accelerators]))),
        purchases=frozenset(draw(st.sampled_from([set(), {offers[0].purchase}, {offer.purchase for offer in offers}]))),
        batches=tuple(sorted(draw(st.sets(st.sampled_from(BATCHES[:8]), min_size=1, max_size=3)))),
        max_accelerators=largest + draw(st.integers(8, 20)),
        quota=draw(st.one_of(st.just({}), quota)),
        measured_only=draw(st.sampled_from([False, False, True])),
        min_updates=draw(st.sampled_from([0, None, 2_000])),
        max_age_days=draw(st.sampled_from([None, None, facts.MAX_AGE_DAYS])),
    )


@st.composite
def works(draw: st.DrawFn) -> Work:
    """Small enough, now and then, that large pools have no whole batch of it."""
    num_epochs, num_updates = draw(lengths())
    return Work(
        num_samples=draw(st.sampled_from([124_987, 20_000, 1_500])),
        num_epochs=num_epochs,
        num_updates=num_updates,
        implementation=draw(st.sampled_from([facts.OURS, facts.CERN])),
        compute=draw(st.sampled_from([Range(1.0, 1.0, 1.0), Range(0.01, 0.02, 0.04)])),
    )


@settings(max_examples=80)
@given(work=works(), wanted=wishes())
def test_the_search_equals_a_loop_over_every_candidate(work: Work, wanted: Wanted) -> None:
    try:
        front = search(work, wanted, today=TODAY)
    except Refusal:
        assert not naive(work, wanted).candidates
        return
    assert_equal(front, work, wanted)


def test_the_search_over_all_v100s_of_three_regions_equals_the_loop() -> None:
    wanted = Wanted(
        accelerators=V100 | {"TPU-v3"}, regions=frozenset({"us-central1", "europe-west4", "us-west1"}), batches=(16, 96)
    )
    assert_equal(search(Work(), wanted, today=TODAY), Work(), wanted)


def test_what_is_on_the_front_costs_what_the_forecast_says() -> None:
    front = search(Work(), Wanted(accelerators=V100), today=TODAY)
    for index, one in enumerate(plans(front)):
        cost = rented.cost(one)
        assert front.usd[index] == pytest.approx(cost.usd.expected, rel=SAME)
        assert front.hours[index] == pytest.approx(cost.hours.expected, rel=SAME)
        assert front.kgco2e[index] == pytest.approx(cost.kgco2e.expected, rel=SAME)


def test_every_plan_of_the_whole_market_can_be_forecast() -> None:
    for one in plans(search(Work(), Wanted(), today=TODAY))[::5]:
        assert math.isfinite(rented.cost(one).usd.high)


@pytest.mark.parametrize("implementation", [facts.OURS, facts.CERN])
@pytest.mark.parametrize("num_samples", [300, 2_000, 10_000])
def test_a_global_batch_beyond_the_data_is_never_planned(num_samples: int, implementation: str) -> None:
    work = Work(num_samples=num_samples, implementation=implementation)
    for one in plans(search(work, Wanted(min_updates=0), today=TODAY)):
        rented.check(one)


def test_the_front_is_in_order_of_money_and_finite() -> None:
    front = search(Work(), Wanted(), today=TODAY)
    assert np.all(np.diff(front.usd) >= 0)
    for values in (front.usd, front.hours, front.kgco2e):
        assert np.all(np.isfinite(values))
        assert np.all(values > 0)


def test_plans_of_equal_worth_are_all_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    one = facts.find("gcp", "n1-standard-96+8xV100-16GB", "europe-west4", Purchase.SPOT)
    twin = replace(one, shape=replace(one.shape, name="n1-standard-96+8xV100-16GB-twin"))
    monkeypatch.setattr(facts, "market", lambda: facts.Market(sound=(one, twin), unsound=()))
    front = search(Work(), Wanted(max_accelerators=16), today=TODAY)
    names = Counter(offer.shape.name for offer in front.offers)
    assert names[one.shape.name] == names[twin.shape.name] > 0


def test_no_plan_is_beaten_by_another() -> None:
    front = search(Work(), Wanted(), today=TODAY)
    values = np.column_stack([front.usd, front.hours, front.kgco2e])
    assert undominated(values).tolist() == list(range(len(values)))


@pytest.mark.parametrize("max_accelerators", [1, 4, 8, 37, 128])
def test_no_more_accelerators_than_asked_for(max_accelerators: int) -> None:
    front = search(Work(), Wanted(max_accelerators=max_accelerators), today=TODAY)
    rented_accelerators = [one.num_nodes * one.offer.shape.num_accelerators for one in plans(front)]
    assert max(rented_accelerators) <= max_accelerators


def test_a_quota_holds_for_its_accelerator_alone() -> None:
    quota = {"V100-16GB": 16, "TPU-v3": 4}
    front = search(Work(), Wanted(accelerators=V100 | {"TPU-v3", "T4-16GB"}, quota=quota, max_accelerators=64), today=TODAY)
    most = Counter[str]()
    for one in plans(front):
        number = one.num_nodes * one.offer.shape.num_accelerators
        most[one.offer.shape.accelerator] = max(most[one.offer.shape.accelerator], number)
    assert most["V100-16GB"] <= 16
    assert most["TPU-v3"] <= 4
    assert most["T4-16GB"] > 16


def test_a_quota_of_nothing_leaves_the_accelerator_out() -> None:
    front = search(Work(), Wanted(accelerators=V100 | {"T4-16GB"}, quota={"V100-16GB": 0}), today=TODAY)
    assert {offer.shape.accelerator for offer in front.offers} == {"T4-16GB"}


def test_no_batch_is_larger_than_the_memory() -> None:
    for one in plans(search(Work(), Wanted(), today=TODAY)):
        assert one.batch_per_rank <= one.pace.max_batch_per_rank


def test_a_batch_that_fits_nowhere_is_refused_with_that_reason() -> None:
    with pytest.raises(Refusal, match=r"batch|memory"):
        search(Work(), Wanted(accelerators=V100, batches=(512,), max_age_days=None), today=TODAY)


@pytest.mark.parametrize("batch", [0, -4])
def test_a_batch_of_nothing_is_refused(batch: int) -> None:
    with pytest.raises(Refusal):
        search(Work(), Wanted(accelerators=V100, batches=(batch,)), today=TODAY)


@pytest.mark.parametrize(
    ("wanted", "meant"),
    [
        (Wanted(providers=frozenset({"gpc"})), "gcp"),
        (Wanted(regions=frozenset({"europe-wast4"})), "europe-west4"),
        (Wanted(shapes=frozenset({"v3-9"})), "v3-8"),
        (Wanted(accelerators=frozenset({"V100-16"})), "V100-16GB"),
        (Wanted(quota={"TPUv3": 4}), "TPU-v3"),
    ],
)
def test_a_mistyped_name_is_refused_with_the_closest(wanted: Wanted, meant: str) -> None:
    with pytest.raises(Refusal, match=rf"did you mean {re.escape(meant)}\?"):
        search(Work(), wanted, today=TODAY)


def test_a_retired_shape_asked_for_by_name_is_refused_with_what_replaces_it() -> None:
    with pytest.raises(Refusal, match=r"retired on 2025-09-30.*take Standard_NC24ads_A100_v4"):
        search(Work(), Wanted(shapes=frozenset({"Standard_NC6s_v3"})), today=TODAY)


def test_names_that_go_together_nowhere_are_refused() -> None:
    with pytest.raises(Refusal, match="nothing to rent is left"):
        search(Work(), Wanted(shapes=frozenset({"v3-8"}), regions=frozenset({"us-west1"})), today=TODAY)


def test_old_prices_are_set_aside_and_said_to_be() -> None:
    oracle = next(offer for offer in facts.market().sound if offer.shape.name == "BM.GPU3.8")
    day = datetime.date.fromisoformat(oracle.as_of) + datetime.timedelta(days=facts.MAX_AGE_DAYS)
    wanted = Wanted(accelerators=frozenset({"V100-16GB"}), min_updates=1)
    before, after = (search(Work(), wanted, today=today) for today in (day, day + datetime.timedelta(days=1)))
    reason = f"prices of oci from {oracle.as_of}, older than {facts.MAX_AGE_DAYS} days"
    assert before.set_aside[reason] == 0
    assert after.set_aside[reason] == sum(
        offer.shape.provider == "oci" and offer.shape.accelerator == "V100-16GB" for offer in facts.market().sound
    )
    assert after.num_candidates < before.num_candidates


def test_where_all_prices_are_old_the_refusal_says_so() -> None:
    with pytest.raises(Refusal, match=r"prices of gcp from 2026-07-\d\d, older than 180 days \(\d+ offers\)"):
        search(Work(), Wanted(providers=frozenset({"gcp"})), today=datetime.date(2031, 1, 1))


def test_old_prices_can_be_allowed() -> None:
    old = search(Work(), Wanted(accelerators=V100, max_age_days=None), today=datetime.date(2031, 1, 1))
    new = search(Work(), Wanted(accelerators=V100, max_age_days=None), today=TODAY)
    assert found(old) == found(new)


def test_every_offer_that_was_wanted_is_searched_or_counted_as_set_aside() -> None:
    wanted = Wanted(providers=frozenset({"gcp"}), purchases=frozenset({Purchase.SPOT}), batches=(8,), max_accelerators=1)
    front = search(Work(), wanted, today=TODAY)
    market = facts.market()
    everything = [*market.sound, *(unsound.offer for unsound in market.unsound)]
    asked = sum(
        offer.shape.provider == "gcp" and offer.purchase is Purchase.SPOT and bool(offer.shape.accelerator)
        for offer in everything
    )
    searched = front.num_candidates  # one node and one batch for each
    assert searched + front.set_aside.total() == asked


def test_what_is_set_aside_is_told_with_its_reason() -> None:
    set_aside = search(Work(), Wanted(), today=TODAY).set_aside
    assert set_aside["retired on 2025-09-30"] == 92
    for accelerator in ("TPU-v5e", "TPU-v5p", "TPU-v6e"):
        assert set_aside[f"nobody has published the power of {accelerator}"] > 0


def test_what_nobody_measured_can_be_left_out() -> None:
    front = search(Work(), Wanted(measured_only=True), today=TODAY)
    assert {offer.shape.accelerator for offer in front.offers} <= {"V100-16GB", "V100-32GB", "TPU-v2", "TPU-v3"}
    assert front.set_aside["accelerators that nobody measured, or not so many"] > 0


def test_no_plan_makes_fewer_updates_than_any_published_training() -> None:
    front = search(Work(), Wanted(), today=TODAY)
    updates = [float(rented.times(one, Case.EXPECTED).num_updates[0]) for one in plans(front)]
    assert min(updates) >= accuracy.fewest_updates()
    assert front.num_too_few_updates > 0


def test_fewer_updates_are_planned_where_they_are_asked_for() -> None:
    few = search(Work(), Wanted(accelerators=V100, min_updates=100), today=TODAY)
    many = search(Work(), Wanted(accelerators=V100), today=TODAY)
    assert few.hours.min() < many.hours.min()
    assert few.num_too_few_updates < many.num_too_few_updates


@pytest.mark.parametrize("num_updates", [7_320, 1_200])
def test_updates_that_are_held_fixed_are_made_whatever_the_batch(num_updates: int) -> None:
    front = search(Work(num_epochs=None, num_updates=num_updates), Wanted(accelerators=V100), today=TODAY)
    for one in plans(front):
        times = rented.times(one, Case.EXPECTED)
        assert num_updates <= times.num_updates[0] < num_updates + times.num_updates[0] / times.num_epochs[0]
