"""The bill: its items add up to it, it grows with what is rented, and by hand it comes out the same."""

from __future__ import annotations

import csv
from dataclasses import replace
from fnmatch import fnmatchcase
from itertools import product

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from burst import facts
from burst.facts import Offer, rows
from burst.forecast import Nodes, Rental, estimate, rented
from burst.forecast.pace import pace
from burst.forecast.tariff import MAX_NAT_VMS, tariff
from burst.ranges import Case, Range
from burst.spec import Purchase
from tests.burst.forecast.rentals import by_shape, forecastable, hours_of_life, offers, place_of, rental, rentals

HOURS_PER_MONTH = 730


def usd_of_an_hour(offer: Offer, num_nodes: int) -> float:
    """What a pool costs in an hour in which nothing but time passes."""
    return float(estimate.usd_total(place_of(offer), hours_of_life(1.0), np.array([float(num_nodes)]))[0])


def listed(service: str, item: str, region: str) -> float:
    """A price as it stands in the table, read anew."""
    with (rows.FOLDER / "service_prices.csv").open(encoding="utf-8", newline="") as file:
        found = [row for row in csv.DictReader(file) if (row["service"], row["item"]) == (service, item)]
    return float(next(row["usd"] for row in found if fnmatchcase(region, row["region"])))


@given(one=rentals())
def test_the_total_is_the_sum_of_the_items(one: Rental) -> None:
    nodes, times, place = np.array([float(one.num_nodes)]), rented.times(one, Case.EXPECTED), place_of(one.offer)
    items = estimate.usd_items(place, times, nodes)
    assert estimate.usd_total(place, times, nodes) == pytest.approx(estimate.total(items), rel=1e-12)
    assert all(np.all(np.isfinite(usd)) and np.all(usd >= 0) for usd in items.values())


@settings(max_examples=40)
@given(group=st.sampled_from(by_shape()), batches=st.lists(st.integers(2, 60), min_size=1, max_size=3), most=st.integers(1, 4))
def test_the_bills_of_many_candidates_are_the_bills_of_each(group: tuple[Offer, ...], batches: list[int], most: int) -> None:
    chosen, work = list(group[:3]), rental().work
    tariffs = [tariff(offer.shape.target, offer.region) for offer in chosen]
    shape, purchase = chosen[0].shape, chosen[0].purchase
    speed = pace(work, shape)
    most = 1 if shape.is_tpu else most
    assume(max(batches) * most * speed.ranks_per_node <= work.num_samples)
    nodes = np.arange(1.0, most + 1)[None, :, None]
    times = estimate.times(
        work,
        shape,
        speed,
        num_nodes=nodes,
        num_ranks=nodes * speed.ranks_per_node,
        failures_per_hour=nodes * facts.preemption(shape, purchase).per_node_hour.expected,
        batch_per_rank=np.array([float(batch) for batch in batches])[None, None, :],
        case=Case.EXPECTED,
        epoch_factor=1.0,
    )
    place = estimate.place(chosen, tariffs, case=Case.EXPECTED, axes=2)
    usd, kwh = estimate.usd_total(place, times, nodes), estimate.kwh_total(place, shape, times, nodes)
    for (i, offer), j, (k, batch) in product(enumerate(chosen), range(most), enumerate(batches)):
        one = Rental.of(work=work, offer=offer, num_nodes=j + 1, batch_per_rank=batch)
        alone, number = rented.times(one, Case.EXPECTED), np.array([j + 1.0])
        assert usd[i, j, k] == pytest.approx(estimate.usd_total(place_of(offer), alone, number)[0], rel=1e-9)
        assert kwh[i, j, k] == pytest.approx(estimate.kwh_total(place_of(offer), shape, alone, number)[0], rel=1e-9)


@given(offer=offers(), nodes=st.integers(1, 200))
def test_more_nodes_never_cost_less_per_hour(offer: Offer, nodes: int) -> None:
    assert usd_of_an_hour(offer, nodes) < usd_of_an_hour(offer, nodes + 1)


@pytest.mark.parametrize("offer", [group[0] for group in by_shape()], ids=lambda offer: offer.shape.name)
def test_the_next_node_costs_more_though_the_gateway_is_flat_from_there(offer: Offer) -> None:
    for number in (MAX_NAT_VMS - 1, MAX_NAT_VMS):
        assert usd_of_an_hour(offer, number) < usd_of_an_hour(offer, number + 1)


@pytest.mark.parametrize(("nodes", "usd_per_hour"), [(1, 2 * 0.0014), (31, 32 * 0.0014), (32, 0.044), (400, 0.044)])
def test_a_nat_gateway_is_paid_by_the_machine_up_to_32_with_the_system_node(nodes: int, usd_per_hour: float) -> None:
    items = estimate.usd_items(place_of(rental().offer), hours_of_life(2.0), np.array([float(nodes)]))
    assert items["NAT gateway"][0] == pytest.approx(2 * usd_per_hour)


@settings(max_examples=60)
@given(one=rentals(), more=st.integers(1, 100))
def test_longer_is_never_cheaper(one: Rental, more: int) -> None:
    work = one.work
    longer = replace(work, **{name: value + more for name in ("num_epochs", "num_updates") if (value := getattr(work, name))})
    short, long = rented.cost(one), rented.cost(replace(one, work=longer))
    for quantity in ("usd", "hours", "kwh", "kgco2e"):
        less, greater = getattr(short, quantity), getattr(long, quantity)
        for case in Case:
            assert less.at(case) <= greater.at(case) * (1 + 1e-12)


@settings(max_examples=60)
@given(one=rentals())
def test_spot_is_never_dearer_than_on_demand_if_nothing_is_taken_back(one: Rental) -> None:
    alike = [offer for offer in forecastable() if (offer.shape, offer.region) == (one.offer.shape, one.offer.region)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(facts, "preemption", _never_taken_back)
        usd = {
            offer.purchase: _usd_expected(replace(one, nodes=(Nodes(offer=offer, num_nodes=one.num_nodes),))) for offer in alike
        }
    if len(usd) == 2:
        assert usd[Purchase.SPOT] <= usd[Purchase.ON_DEMAND]


def _never_taken_back(*_: object) -> facts.Preemption:
    return facts.Preemption(per_node_hour=Range.exactly(0.0), source="a test", as_of="2026-11-24", confidence="low")


def _usd_expected(one: Rental) -> float:
    times = rented.times(one, Case.EXPECTED)
    return float(estimate.usd_total(place_of(one.offer), times, np.array([float(one.num_nodes)]))[0])


def test_a_higher_rate_of_pre_emption_costs_more_in_every_quantity() -> None:
    spot = rental("v3-8", "us-central1", Purchase.SPOT, num_nodes=1, batch_per_rank=128)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(facts, "preemption", _never_taken_back)
        calm = rented.cost(spot)
    rough = rented.cost(spot)
    for quantity in ("usd", "hours", "kwh", "kgco2e"):
        assert getattr(calm, quantity).expected < getattr(rough, quantity).expected


def test_the_bill_of_32_v100s_by_hand() -> None:
    """Four nodes of eight V100s in the Netherlands, every line from the table to the dollar."""
    one, region = rental(), "europe-west4"
    times = rented.times(one, Case.EXPECTED)
    items = estimate.usd_items(place_of(one.offer), times, np.array([4.0]))
    node_hours = 4 * float(times.busy[0] + times.idle[0]) / 3600
    cluster_hours, wall_hours = float(times.cluster[0]) / 3600, float(times.wall[0]) / 3600
    disk = listed("persistent_disk", "pd-balanced", region) * 100 / HOURS_PER_MONTH
    system = facts.find("gcp", "e2-standard-4", region, Purchase.ON_DEMAND).usd_per_hour
    by_hand = {
        "nodes with accelerators": one.offer.usd_per_hour * node_hours,
        "boot disks": disk * node_hours,
        "control plane": 0.1 * cluster_hours,
        "system node": (system + disk) * cluster_hours,
        "NAT address": listed("external_ip", "address used by a NAT gateway", region) * cluster_hours,
        "NAT gateway": (4 + 1) * 0.0014 * cluster_hours,
        "data in the bucket": listed("gcs", "standard", region) * 32.5 / HOURS_PER_MONTH * wall_hours,
        "image in the registry": 0.1 * 7 / HOURS_PER_MONTH * wall_hours,
        "deadline (Cloud Scheduler)": 2 * 0.1 / HOURS_PER_MONTH * wall_hours,
        "egress of results": 0.1
        * facts.service_price(
            "gcp", "internet_egress", "premium tier, worldwide excl. China/Australia, 0-1 TB/month", region
        ).usd,
    }
    assert {name: float(usd[0]) for name, usd in items.items()} == pytest.approx(by_hand)
    assert 0.9 < by_hand["nodes with accelerators"] / sum(by_hand.values()) < 1


def test_what_lies_beside_an_azure_node_by_hand() -> None:
    items = hour_of("Standard_NC24ads_A100_v4", "westeurope", num_nodes=3)
    assert items["OS disks"] == pytest.approx(3 * 19.71 / HOURS_PER_MONTH)
    assert items["registry, Basic"] == pytest.approx(0.167 / 24)
    assert items["data in the storage account"] == pytest.approx(0.0208 * 32.5 / HOURS_PER_MONTH)


def test_what_lies_beside_an_oracle_node_by_hand() -> None:
    """A balanced volume has ten performance units a GB: 0.0425 USD a GB and month."""
    items = hour_of("BM.GPU3.8", "eu-zurich-1", num_nodes=3)
    assert items["boot volumes"] == pytest.approx(3 * 0.0425 * 100 / HOURS_PER_MONTH)
    assert items["data and image in object storage"] == pytest.approx(0.0255 * (32.5 + 7) / HOURS_PER_MONTH)
    assert items["egress of results"] == 0


def hour_of(shape: str, region: str, *, num_nodes: int) -> dict[str, float]:
    offer = rental(shape, region, num_nodes=num_nodes).offer
    items = estimate.usd_items(place_of(offer), hours_of_life(1.0), np.array([float(num_nodes)]))
    assert items["nodes with accelerators"][0] == pytest.approx(num_nodes * offer.usd_per_hour)
    return {item: float(usd[0]) for item, usd in items.items()}


@pytest.mark.parametrize(
    ("shape", "region", "expected"),
    [
        ("v3-8", "europe-west4", {"boot disks", "external address", "data in the bucket", "image in the registry"}),
        ("Standard_NC24ads_A100_v4", "westeurope", {"OS disks", "registry, Basic", "data in the storage account"}),
        ("BM.GPU3.8", "eu-zurich-1", {"boot volumes", "data and image in object storage"}),
    ],
)
def test_each_provider_bills_its_own(shape: str, region: str, expected: set[str]) -> None:
    one = rental(shape, region, num_nodes=1, batch_per_rank=64)
    items = rented.cost(one).items["usd"]
    assert items.keys() == {"nodes with accelerators", "egress of results", *expected}


@pytest.mark.parametrize(("shape", "hosts"), [("v3-8", 1), ("v3-32", 4), ("v3-2048", 256), ("v4-8", 1)])
def test_each_host_of_a_tpu_slice_has_a_disk_and_an_address(shape: str, hosts: int) -> None:
    offer = next(offer for offer in facts.market().sound if offer.shape.name == shape)
    assert offer.shape.num_hosts == hosts
    region = "europe-west4"
    elsewhere = replace(offer, region=region)
    items = estimate.usd_items(place_of(elsewhere), hours_of_life(1.0), np.ones(1))
    disk = listed("persistent_disk", "pd-balanced", region) * 100 / HOURS_PER_MONTH
    assert items["boot disks"][0] == pytest.approx(hosts * disk)
    address = listed("external_ip", "address used by a NAT gateway", region)
    assert items["external address"][0] == pytest.approx(hosts * address)


def test_a_gpu_node_has_one_disk_however_many_gpus() -> None:
    assert rental().offer.shape.num_hosts == 1


def test_the_sizes_of_what_is_kept_have_their_range_in_the_bill() -> None:
    offer, nodes = rental().offer, np.ones(1)
    usd = {case: estimate.usd_items(place_of(offer, case), hours_of_life(1.0), nodes) for case in Case}
    for item, what in (("boot disks", "boot_disk"), ("image in the registry", "image"), ("egress of results", "results")):
        size = facts.size(what).gb
        for case in Case:
            assert usd[case][item][0] / usd[Case.EXPECTED][item][0] == pytest.approx(size.at(case) / size.expected)


@pytest.mark.parametrize("offer", [group[0] for group in by_shape()], ids=lambda offer: offer.shape.name)
def test_every_rate_rests_on_a_line_of_the_price_list(offer: Offer) -> None:
    rates = tariff(offer.shape.target, offer.region)
    assert rates.prices
    assert all(price.source and price.as_of for price in rates.prices)
    assert all(
        usd >= 0 for kind in (rates.node_hour, rates.cluster_hour, rates.burst_hour, rates.once) for usd in kind.values()
    )


def test_only_the_region_of_tpu_v4_lacks_a_price_for_what_is_beside_the_machines() -> None:
    known = set(forecastable())
    lacking = {offer for offer in facts.market().sound if offer.shape.accelerator and offer not in known}
    unpublished = {"TPU-v5e", "TPU-v5p", "TPU-v6e"}
    assert {offer.region for offer in lacking if offer.shape.accelerator not in unpublished} <= {"us-central2"}
