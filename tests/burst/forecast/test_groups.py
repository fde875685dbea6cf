"""Groups of unlike nodes that train together: one time, money and energy of each."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from burst import facts
from burst.cluster import NewVolume
from burst.forecast import Nodes, Rental, forecast, rented, warnings
from burst.forecast.cost import QUANTITIES
from burst.forecast.of_burst import rental_of
from burst.ranges import Case
from burst.spec import Purchase
from cli import clock
from tests.burst.forecast.rentals import rental, rentals
from tests.burst.gke_bursts import burst_on, group
from trainer.refusal import Refusal

SMALL = "n1-standard-32+4xV100-16GB"


def joined(*parts: Nodes) -> Rental:
    return replace(rental(), nodes=parts)


def nodes(shape: str, num_nodes: int, purchase: Purchase = Purchase.ON_DEMAND) -> Nodes:
    return Nodes(offer=facts.find("gcp", shape, "europe-west4", purchase), num_nodes=num_nodes)


@settings(max_examples=60)
@given(whole=rentals(max_nodes=16), data=st.data())
def test_equal_nodes_cost_the_same_however_they_are_grouped(whole: Rental, data: st.DataObject) -> None:
    if whole.num_nodes < 2:
        return
    first = data.draw(st.integers(1, whole.num_nodes - 1))
    parts = (
        replace(whole.nodes[0], num_nodes=first),
        replace(whole.nodes[0], num_nodes=whole.num_nodes - first),
    )
    one, two = rented.cost(whole), rented.cost(replace(whole, nodes=parts))
    assert two.hours == one.hours
    assert two.items.keys() == one.items.keys()
    for quantity, items in one.items.items():
        assert two.items[quantity].keys() == items.keys()
        for item, value in items.items():
            for case in Case:
                assert two.items[quantity][item].at(case) == pytest.approx(value.at(case), rel=1e-9)


def test_the_time_of_unlike_nodes_is_that_of_their_ranks_and_their_number() -> None:
    """Two nodes of eight and four of four: as long as six equal nodes would take with 32 ranks in all."""
    mixed = joined(nodes(rental().offer.shape.name, 2), nodes(SMALL, 4))
    assert (mixed.num_ranks, mixed.num_nodes, mixed.global_batch) == (32, 6, 32 * 96)
    model, spent = mixed.pace.model, rented.times(mixed, Case.EXPECTED)
    plain = model.epoch_seconds(float(mixed.work.num_samples), 96.0, 32.0, 6.0)
    validation = facts.phases(mixed.layout.shape.target)[facts.PhaseName.VALIDATION].seconds.expected
    assert spent.epoch[0] == pytest.approx(plain * mixed.pace.platform_factor + validation)


def test_each_group_pays_its_own_price_for_the_time_of_all() -> None:
    large, small = nodes(rental().offer.shape.name, 2), nodes(SMALL, 4, Purchase.SPOT)
    mixed = joined(large, small)
    spent = rented.times(mixed, Case.EXPECTED)
    hours = float(spent.busy[0] + spent.idle[0]) / 3600
    items = rented.cost(mixed).items["usd"]
    by_hand = (2 * large.offer.usd_per_hour + 4 * small.offer.usd_per_hour) * hours
    assert items["nodes with accelerators"].expected == pytest.approx(by_hand)
    alone = rented.cost(joined(large)).items["usd"]
    assert items["boot disks"].expected / hours == pytest.approx(3 * alone["boot disks"].expected / _life_hours(joined(large)))
    assert items["control plane"].expected == pytest.approx(0.1 * float(spent.cluster[0]) / 3600), "once, for all groups"


def _life_hours(one: Rental) -> float:
    spent = rented.times(one, Case.EXPECTED)
    return float(spent.busy[0] + spent.idle[0]) / 3600


def test_the_nat_gateway_counts_the_nodes_of_all_groups() -> None:
    few, many = (joined(nodes(SMALL, 16), nodes(SMALL, number, Purchase.SPOT)) for number in (15, 16))
    for one, per_hour in ((few, (31 + 1) * 0.0014), (many, 0.044)):  # the system node is a VM of it too
        hours = float(rented.times(one, Case.EXPECTED).cluster[0]) / 3600
        assert rented.cost(one).items["usd"]["NAT gateway"].expected == pytest.approx(per_hour * hours, rel=0.01)


def test_a_node_that_may_be_taken_away_stops_all() -> None:
    calm = joined(nodes(SMALL, 2), nodes(SMALL, 2))
    mixed = joined(nodes(SMALL, 2), nodes(SMALL, 2, Purchase.SPOT))
    rough = joined(nodes(SMALL, 2, Purchase.SPOT), nodes(SMALL, 2, Purchase.SPOT))
    rework = [float(rented.times(one, Case.EXPECTED).rework[0]) for one in (calm, mixed, rough)]
    assert rework == sorted(rework)
    assert rework[0] < rework[1] < rework[2]


def test_the_basis_names_every_price_and_every_rate_once() -> None:
    basis = rented.cost(joined(nodes(SMALL, 2), nodes(SMALL, 2, Purchase.SPOT))).basis
    assert [line for line in basis if line.startswith("money: ")] == [
        line for line in basis if SMALL in line and ("on-demand" in line or "spot" in line)
    ]
    assert len([line for line in basis if line.startswith("interruptions: ")]) == 2


def test_a_burst_of_several_groups_has_one_forecast() -> None:
    burst = burst_on(group(num_nodes=2), group(num_gpus=4, num_nodes=4, purchase=Purchase.ON_DEMAND))
    found = rental_of(burst)
    assert [str(each) for each in found.nodes] == ["2 x n1-standard-96+8xV100-16GB", f"4 x {SMALL}"]
    assert forecast(burst) == rented.cost(found)
    assert not warnings(burst, clock.today()) or "cloud_nat" in warnings(burst, clock.today())[0]


def test_one_group_alone_is_what_it_was_before_there_were_groups() -> None:
    burst = burst_on(group(num_nodes=4))
    offer = facts.find("gcp", group().shape.name, "us-central1", Purchase.SPOT)
    same = Rental.of(work=rental_of(burst).work, offer=offer, num_nodes=4, batch_per_rank=96)
    assert rental_of(burst) == same
    assert forecast(burst) == rented.cost(same)


def test_ranks_that_the_groups_do_not_have_are_refused() -> None:
    burst = burst_on(group(num_nodes=4))
    fewer = replace(burst, workload=replace(burst.workload, run=replace(burst.workload.run, num_ranks=31)))
    with pytest.raises(Refusal, match="31 ranks on 4 x n1-standard-96"):
        forecast(fewer)


def test_flex_start_is_a_range_of_money_and_says_why() -> None:
    flex, listed = (forecast(burst_on(group("A100-40GB", 8, 2, how))) for how in (Purchase.FLEX_START, Purchase.ON_DEMAND))
    assert flex.usd.expected == pytest.approx(listed.usd.expected)
    assert flex.usd.high == pytest.approx(listed.usd.high)
    machines = [each.items["usd"]["nodes with accelerators"].low for each in (flex, listed)]
    assert machines[0] == pytest.approx(0.47 * machines[1])
    assert any("flex-start" in line and "47%" in line and "concepts/dws" in line for line in flex.basis)


def test_a_run_of_more_than_a_week_is_refused_on_flex_start_nodes() -> None:
    assert forecast(burst_on(group("A100-40GB", 1, 1, Purchase.ON_DEMAND), num_epochs=400)).hours.expected > 7 * 24
    with pytest.raises(Refusal, match="h on flex-start nodes; expected 168 h or less"):
        forecast(burst_on(group("A100-40GB", 1, 1, Purchase.FLEX_START), num_epochs=400))


def test_local_ssds_are_a_line_of_their_own_and_those_of_the_machine_are_not() -> None:
    plain, cached = (forecast(burst_on(group(num_local_ssds=number))) for number in (0, 8))
    assert "local SSD" not in plain.items["usd"]
    hours = plain.items["usd"]["boot disks"].expected / (0.1 * 100 / 730)
    assert cached.items["usd"]["local SSD"].expected == pytest.approx(8 * 375 * 0.032 / 730 * hours)
    assert any("8 local SSDs a node" in line for line in cached.basis)
    included = forecast(burst_on(group("H100-80GB", 8, 1, Purchase.ON_DEMAND, num_local_ssds=16)))
    assert "local SSD" not in included.items["usd"]
    with pytest.raises(Refusal, match="9 local SSDs"):
        forecast(burst_on(group(num_local_ssds=9)))


def test_a_filestore_volume_is_paid_for_as_long_as_the_cluster_lives() -> None:
    burst = burst_on(group())
    assert burst.cluster is not None
    on_volume = replace(burst, cluster=replace(burst.cluster, volume=NewVolume(size_gib=1024, storage_class="standard-rwx")))
    plain, found = forecast(burst).items["usd"], forecast(on_volume)
    hours = plain["control plane"].expected / 0.1
    assert "Filestore" not in plain
    assert found.items["usd"]["Filestore"].expected == pytest.approx(1024 * 0.2 / 730 * hours)
    assert any("1024 GiB of Filestore" in line for line in found.basis)
    unknown = replace(burst, cluster=replace(burst.cluster, volume=NewVolume(size_gib=1024, storage_class="zonal-rwx")))
    with pytest.raises(Refusal, match=r"no price of gcp filestore \(zonal-rwx\)"):
        forecast(unknown)


def test_a_zone_without_the_shape_is_refused() -> None:
    burst = burst_on(group())
    assert burst.gke is not None
    with pytest.raises(Refusal, match="us-central1-d"):
        forecast(replace(burst, gke=replace(burst.gke, zone="us-central1-d")))


def test_every_quantity_of_a_joint_forecast_is_a_range() -> None:
    cost = forecast(burst_on(group(num_nodes=2), group(num_gpus=1, num_nodes=3)))
    for quantity in QUANTITIES:
        value = getattr(cost, quantity)
        assert 0 < value.low < value.expected < value.high
