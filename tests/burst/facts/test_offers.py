"""The price table composed into offers, and what of it is none."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from burst import facts
from burst.facts import Market, Offer, compose, offers, rows
from burst.facts.hosts import default_host, host_limit
from burst.facts.rows import Row
from burst.spec import Purchase
from trainer.refusal import Refusal

TODAY = "2026-11-24"
TABLE = rows.rows(facts.snapshot().prices_file)
N1_SHAPE = re.compile(r"(n1-standard-\d+)\+(\d+)x(.+)")
TPU_SHAPE = re.compile(r"(v\w+-)(\d+)")


def row(**changes: str) -> Row:
    """A virtual machine of Azure's with one A100, with changes."""
    whole = {
        "provider": "azure",
        "region": "westeurope",
        "zone": "",
        "shape": "Standard_NC24ads_A100_v4",
        "kind": "vm_with_accelerator",
        "vcpus": "24",
        "memory_gib": "220",
        "accelerator": "A100-80GB-PCIe",
        "num_accelerators": "1",
        "usd_per_hour": "4.0",
        "spot_usd_per_hour": "1.0",
        "source": "a list",
        "as_of": "2026-07-30",
        "confidence": "high",
        "note": "",
    }
    assert changes.keys() <= whole.keys()
    return {**whole, **changes}


def host(**changes: str) -> Row:
    return row(
        **{
            "provider": "gcp",
            "region": "us-central1",
            "shape": "n1-standard-8",
            "kind": "vm",
            "vcpus": "8",
            "memory_gib": "30",
            "accelerator": "",
            "num_accelerators": "",
            "usd_per_hour": "0.38",
            "spot_usd_per_hour": "0.08",
            **changes,
        }
    )


def attachable(**changes: str) -> Row:
    return row(
        **{
            "provider": "gcp",
            "region": "us-central1",
            "zone": "us-central1-a",
            "shape": "",
            "kind": "attachable_accelerator",
            "vcpus": "",
            "memory_gib": "",
            "accelerator": "V100-16GB",
            "usd_per_hour": "2.48",
            "spot_usd_per_hour": "0.74",
            "source": "another list",
            **changes,
        }
    )


def reasons(*table: Row) -> list[str]:
    return [unsound.reason for unsound in compose(table, on=TODAY).unsound]


def of_shape(name: str, region: str, purchase: Purchase) -> Offer:
    (found,) = (
        offer for offer in facts.market().sound if (offer.shape.name, offer.region, offer.purchase) == (name, region, purchase)
    )
    return found


def test_a_sound_row_is_an_offer_on_demand_and_one_on_spot() -> None:
    market = compose([row()], on=TODAY)
    assert not market.unsound
    assert [(offer.purchase, offer.usd_per_hour) for offer in market.sound] == [(Purchase.ON_DEMAND, 4.0), (Purchase.SPOT, 1.0)]


def test_an_empty_price_is_no_offer_and_no_fault() -> None:
    assert compose([row(usd_per_hour="", spot_usd_per_hour="")], on=TODAY) == Market(sound=(), unsound=())


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"usd_per_hour": "0"}, "$0 is a gap"),
        ({"usd_per_hour": "700.0", "spot_usd_per_hour": ""}, "placeholder"),
        ({"spot_usd_per_hour": "5"}, "spot at $5 is above on demand at $4"),
        ({"shape": "Standard_NC24rs_v3"}, "retired on 2025-09-30"),
        ({"provider": "gcp", "shape": "v3-8", "region": "us-east1"}, "not generally available"),
    ],
)
def test_what_is_no_price_is_no_offer(changes: dict[str, str], reason: str) -> None:
    assert any(reason in found for found in reasons(row(**changes)))


def test_one_gap_leaves_the_other_purchase_sound() -> None:
    market = compose([row(usd_per_hour="0")], on=TODAY)
    assert [offer.purchase for offer in market.sound] == [Purchase.SPOT]


def test_a_fault_in_one_zone_leaves_the_others_sound() -> None:
    market = compose([row(zone="1"), row(zone="2", spot_usd_per_hour="5")], on=TODAY)
    assert [(offer.zones, offer.purchase) for offer in market.sound] == [
        (("1",), Purchase.ON_DEMAND),
        (("1",), Purchase.SPOT),
    ]


def test_what_is_sound_in_one_zone_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    market = compose([row(zone="1"), row(zone="2", spot_usd_per_hour="5")], on=TODAY)
    monkeypatch.setattr(offers, "market", lambda: market)
    found = facts.find("azure", "Standard_NC24ads_A100_v4", "westeurope", Purchase.ON_DEMAND)
    assert (found.zones, found.usd_per_hour) == (("1",), 4.0)


def test_of_zones_with_prices_of_their_own_the_cheapest_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    market = compose([row(zone="1"), row(zone="2", usd_per_hour="3"), row(zone="3", usd_per_hour="5")], on=TODAY)
    monkeypatch.setattr(offers, "market", lambda: market)
    assert facts.find("azure", "Standard_NC24ads_A100_v4", "westeurope", Purchase.ON_DEMAND).zones == ("2",)


def test_a_retirement_that_is_only_announced_leaves_the_shape_alive() -> None:
    gone = [row(shape="Standard_NC24rs_v3")]
    assert not compose(gone, on="2025-09-29").unsound
    assert len(compose(gone, on="2025-09-30").unsound) == 2


def test_the_refusal_of_a_retired_shape_names_the_replacement_of_the_provider() -> None:
    (unsound, *_) = compose([row(shape="Standard_NC24rs_v3"), row()], on=TODAY).unsound
    assert unsound.replacement == "Standard_NC96ads_A100_v4"
    assert "take Standard_NC96ads_A100_v4" in str(unsound.refusal())


def test_where_the_provider_names_none_the_nearest_that_lives_is_taken() -> None:
    table = [
        row(usd_per_hour="0", spot_usd_per_hour=""),
        row(region="eastus", spot_usd_per_hour=""),
        row(shape="Standard_NC8as_T4_v3", accelerator="T4-16GB", spot_usd_per_hour=""),
        row(region="northeurope", usd_per_hour="", spot_usd_per_hour="0.5"),
    ]
    (unsound,) = compose(table, on=TODAY).unsound
    assert unsound.replacement == "Standard_NC24ads_A100_v4 in eastus"


def test_of_two_that_are_alike_the_one_in_the_same_region_is_nearer_and_then_the_cheaper() -> None:
    gone = row(shape="Standard_NC48ads_A100_v4", usd_per_hour="0", spot_usd_per_hour="")
    here, there = row(spot_usd_per_hour=""), row(region="eastus", usd_per_hour="3", spot_usd_per_hour="")
    cheaper = row(shape="Standard_NC96ads_A100_v4", usd_per_hour="2", spot_usd_per_hour="")
    assert compose([gone, there, here], on=TODAY).unsound[0].replacement == "Standard_NC24ads_A100_v4 in westeurope"
    assert compose([gone, here, cheaper], on=TODAY).unsound[0].replacement == "Standard_NC96ads_A100_v4 in westeurope"


def test_nothing_is_named_where_nothing_like_it_lives() -> None:
    (unsound,) = compose([row(usd_per_hour="0", spot_usd_per_hour="")], on=TODAY).unsound
    assert unsound.replacement == ""
    assert "choose another shape" in str(unsound.refusal())


def test_every_replacement_in_the_market_is_sound_and_bought_the_same_way() -> None:
    names = {offer.shape.name for offer in facts.market().sound}
    alive = {(f"{offer.shape.name} in {offer.region}", offer.purchase) for offer in facts.market().sound}
    for unsound in facts.market().unsound:
        if " in " in unsound.replacement:
            assert (unsound.replacement, unsound.offer.purchase) in alive
        else:
            assert unsound.replacement in names, unsound


def test_a_tpu_is_replaced_by_its_own_generation_where_that_is_sold() -> None:
    for unsound in facts.market().unsound:
        if unsound.offer.shape.accelerator == "TPU-v3":
            assert re.fullmatch(r"v3-\d+ in (us-central1|europe-west4)", unsound.replacement), unsound


def test_no_offer_is_sound_and_unsound_at_once() -> None:
    def key(offer: Offer) -> tuple[str, str, str, Purchase]:
        return offer.shape.provider, offer.shape.name, offer.region, offer.purchase

    market = facts.market()
    assert not {key(offer) for offer in market.sound} & {key(unsound.offer) for unsound in market.unsound}


def test_the_market_has_no_gap_no_placeholder_and_no_spot_above_on_demand() -> None:
    both: dict[Any, dict[Purchase, list[float]]] = defaultdict(lambda: defaultdict(list))
    for offer in facts.market().sound:
        assert 0 < offer.usd_per_hour < float("inf")
        assert offer.usd_per_hour != 700.0
        both[offer.shape, offer.region][offer.purchase].append(offer.usd_per_hour)
    for (shape, region), prices in both.items():
        if len(prices) == 2:
            assert min(prices[Purchase.SPOT]) <= min(prices[Purchase.ON_DEMAND]), (shape.name, region)


def test_every_reason_in_the_market_has_a_source() -> None:
    assert all(unsound.source and unsound.reason for unsound in facts.market().unsound)


def test_azure_sells_no_small_v100_any_more() -> None:
    v100 = {
        offer.shape.name
        for offer in facts.market().sound
        if offer.shape.provider == "azure" and "V100" in offer.shape.accelerator
    }
    assert v100 <= {"Standard_ND40rs_v2"}


def test_a_shape_belongs_to_one_provider() -> None:
    providers = defaultdict(set)
    for offer in facts.market().sound:
        providers[offer.shape.name].add(offer.shape.provider)
    assert all(len(found) == 1 for found in providers.values())


@pytest.mark.parametrize(
    ("shape", "region", "usd_per_hour"),
    [("n1-standard-8+1xV100-16GB", "us-central1", 2.859998), ("a2-highgpu-1g", "us-central1", 3.673385)],
)
def test_a_price_that_others_published_comes_out(shape: str, region: str, usd_per_hour: float) -> None:
    assert of_shape(shape, region, Purchase.ON_DEMAND).usd_per_hour == pytest.approx(usd_per_hour, rel=1e-7)


def test_a_composed_shape_costs_its_host_and_its_accelerators() -> None:
    column = {Purchase.ON_DEMAND: "usd_per_hour", Purchase.SPOT: "spot_usd_per_hour"}
    hosts = {(each["shape"], each["region"]): each for each in TABLE if each["kind"] == "vm"}
    parts = [each for each in TABLE if each["kind"] == "attachable_accelerator"]
    composed = [offer for offer in facts.market().sound if N1_SHAPE.fullmatch(offer.shape.name)]
    assert composed
    for offer in composed:
        found = N1_SHAPE.fullmatch(offer.shape.name)
        assert found is not None
        name, number, accelerator = found.groups()
        price = float(hosts[name, offer.region][column[offer.purchase]])
        listed = {
            round(price + float(part[column[offer.purchase]]), 9)
            for part in parts
            if (part["region"], part["accelerator"], part["num_accelerators"]) == (offer.region, accelerator, number)
            and part[column[offer.purchase]]
        }
        assert any(offer.usd_per_hour == pytest.approx(usd, rel=1e-9) for usd in listed), (offer, listed)


@given(
    accelerator=st.sampled_from(["V100-16GB", "P100-16GB", "T4-16GB"]),
    num_accelerators=st.sampled_from([1, 2, 4, 8]),
    zone=st.sampled_from(["us-central1-a", "us-east1-c", "europe-west1-b", "europe-west4-a"]),
    sizes=st.lists(st.sampled_from([1, 2, 4, 8, 16, 32, 64, 96]), unique=True),
)
def test_the_host_is_the_largest_within_the_caps(accelerator: str, num_accelerators: int, zone: str, sizes: list[int]) -> None:
    hosts = {f"n1-standard-{size}": host(vcpus=str(size), memory_gib=str(3.75 * size)) for size in sizes}
    hosts["n1-highmem-96"] = host(vcpus="96", memory_gib="624")
    part = attachable(accelerator=accelerator, num_accelerators=str(num_accelerators), zone=zone)
    if num_accelerators == 8 and accelerator != "V100-16GB":
        with pytest.raises(Refusal, match=f"8 x {accelerator} on one N1 node; expected one of 1, 2, 4"):
            default_host(hosts, part)
        return
    max_vcpus, max_memory_gib = host_limit(accelerator, num_accelerators, zone)
    allowed = [size for size in sizes if size <= max_vcpus and 3.75 * size <= max_memory_gib]
    found = default_host(hosts, part)
    assert (found and float(found["vcpus"])) == (max(allowed) if allowed else None)


@pytest.mark.parametrize(
    ("accelerator", "num_accelerators", "zone", "limit"),
    [
        ("V100-16GB", 1, "us-central1-a", (12, 78)),
        ("V100-16GB", 8, "europe-west4-b", (96, 624)),
        ("P100-16GB", 4, "us-central1-c", (96, 624)),
        ("P100-16GB", 4, "us-east1-c", (64, 208)),
        ("T4-16GB", 2, "us-west1-a", (48, 312)),
    ],
)
def test_a_host_has_the_limits_that_google_publishes(
    accelerator: str, num_accelerators: int, zone: str, limit: tuple[float, float]
) -> None:
    assert host_limit(accelerator, num_accelerators, zone) == limit


def test_every_composed_host_is_within_its_limits() -> None:
    for offer in facts.market().sound:
        if N1_SHAPE.fullmatch(offer.shape.name):
            for zone in offer.zones:
                limit = host_limit(offer.shape.accelerator, offer.shape.num_accelerators, zone)
                assert (offer.shape.vcpus, offer.shape.memory_gib) <= limit
                assert offer.shape.memory_gib <= limit[1]


def test_a_composed_shape_is_as_old_and_as_doubtful_as_its_worse_half() -> None:
    table = [host(as_of="2025-01-02", confidence="high"), attachable(as_of="2026-03-04", confidence="low")]
    offer = next(offer for offer in compose(table, on=TODAY).sound if "+" in offer.shape.name)
    assert (offer.as_of, offer.confidence) == ("2025-01-02", "low")
    assert offer.source == "another list + a list"


def test_an_accelerator_without_a_host_is_no_shape() -> None:
    assert not compose([attachable()], on=TODAY).sound


def test_half_a_price_composes_to_none() -> None:
    market = compose([host(spot_usd_per_hour=""), attachable()], on=TODAY)
    assert [offer.purchase for offer in market.sound if "+" in offer.shape.name] == [Purchase.ON_DEMAND]


def test_zones_of_one_price_are_one_offer() -> None:
    table = [host(), *(attachable(zone=f"us-central1-{zone}") for zone in "cab")]
    composed = [offer for offer in compose(table, on=TODAY).sound if "+" in offer.shape.name]
    assert [offer.zones for offer in composed] == [("us-central1-a", "us-central1-b", "us-central1-c")] * 2


def test_v100s_stand_in_the_five_regions_where_google_has_them() -> None:
    regions = {offer.region for offer in facts.market().sound if offer.shape.name == "n1-standard-96+8xV100-16GB"}
    assert regions == {"asia-east1", "europe-west4", "us-central1", "us-east1", "us-west1"}


def test_a_uniform_price_list_holds_in_every_region_of_its_provider() -> None:
    regions = {place.partition("/")[2] for place in facts.grids() if place.startswith("oci/")}
    assert {offer.region for offer in facts.market().sound if offer.shape.name == "BM.GPU3.8"} == regions


def test_oracle_takes_no_bare_metal_back() -> None:
    spot = {
        offer.shape.name for offer in facts.market().sound if offer.shape.provider == "oci" and offer.purchase is Purchase.SPOT
    }
    assert spot
    assert all(name.startswith(("VM.GPU2", "VM.GPU3", "VM.Standard")) for name in spot)


def test_a_v3_8_is_four_chips() -> None:
    shape = of_shape("v3-8", "us-central1", Purchase.SPOT).shape
    assert (shape.num_accelerators, shape.accelerator, shape.is_tpu) == (4, "TPU-v3", True)
    assert facts.ranks_per_chip(shape.accelerator) * shape.num_accelerators == 8


def test_every_tpu_slice_has_a_size_that_is_sold_and_the_chips_of_its_name() -> None:
    sizes = {each["shape_prefix"]: each for each in rows.rows("tpu_sizes.csv")}
    for offer in facts.market().sound:
        if offer.shape.is_tpu:
            found = TPU_SHAPE.fullmatch(offer.shape.name)
            assert found is not None, offer.shape.name
            size = sizes[found[1]]
            number = int(found[2])
            assert str(number) in size["sizes"].split("|"), offer.shape.name
            assert offer.shape.num_accelerators == (number // 2 if size["unit"] == "cores" else number)
            assert offer.shape.accelerator == size["accelerator"]


@pytest.mark.parametrize(
    ("names", "meant"),
    [
        (("gpc", "v3-8", "us-central1"), "gcp"),
        (("gcp", "a2-higpu-1g", "us-central1"), "a2-highgpu-1g"),
        (("gcp", "v3-8", "europe-wast4"), "europe-west4"),
        (("azure", "Standard_NC24ads_A100_v5", "westeurope"), "Standard_NC24ads_A100_v4"),
        (("oci", "BM.GPU3.9", "eu-zurich-1"), "BM.GPU3.8"),
    ],
)
def test_a_mistyped_name_gets_the_closest(names: tuple[str, str, str], meant: str) -> None:
    with pytest.raises(Refusal, match=rf"did you mean {re.escape(meant)}\?"):
        facts.find(*names, Purchase.SPOT)


def test_a_name_that_is_like_none_is_refused_with_those_that_there_are() -> None:
    with pytest.raises(Refusal, match="no provider zzz; expected azure, gcp, oci"):
        facts.find("zzz", "v3-8", "us-central1", Purchase.SPOT)


def test_a_retired_shape_asked_for_by_name_is_refused_with_its_replacement() -> None:
    with pytest.raises(Refusal, match=r"retired on 2025-09-30.*to mend it: take Standard_NC24ads_A100_v4"):
        facts.find("azure", "Standard_NC6s_v3", "westeurope", Purchase.ON_DEMAND)


def test_a_purchase_that_a_shape_is_not_sold_by_is_refused() -> None:
    with pytest.raises(Refusal, match=r"BM\.GPU3\.8 in eu-zurich-1 has no spot price"):
        facts.find("oci", "BM.GPU3.8", "eu-zurich-1", Purchase.SPOT)


def test_what_is_found_is_what_was_asked_for() -> None:
    wanted = [offer for offer in facts.market().sound if offer.shape.accelerator][::97]
    for offer in wanted:
        found = facts.find(offer.shape.provider, offer.shape.name, offer.region, offer.purchase)
        assert (found.shape, found.region, found.purchase) == (offer.shape, offer.region, offer.purchase)
        assert found.usd_per_hour <= offer.usd_per_hour


def test_every_accelerator_with_a_price_has_a_row_of_its_own() -> None:
    priced = {each["accelerator"] for each in TABLE} - {""}
    assert priced <= facts.accelerators().keys()


def test_every_accelerator_stands_on_a_known_grid_under_a_known_roof() -> None:
    for offer in facts.market().sound:
        if offer.shape.accelerator:
            assert facts.grid_carbon(offer.place).gco2e_per_kwh > 0
            assert facts.pue(offer.shape.provider, offer.region).value.low >= 1


def test_every_accelerator_has_a_rate_of_pre_emption() -> None:
    for shape, purchase in {(offer.shape, offer.purchase) for offer in facts.market().sound if offer.shape.accelerator}:
        assert facts.preemption(shape, purchase).per_node_hour.high > 0


def test_a_flexible_unit_is_no_shape() -> None:
    flexible = {each["shape"] for each in TABLE if each["kind"] == "flexible_unit"}
    kinds = Counter(each["kind"] for each in TABLE)
    assert kinds["flexible_unit"] > 0
    assert not flexible & {offer.shape.name for offer in facts.market().sound}
