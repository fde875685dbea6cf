"""From accelerators and zones to Google's machines."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from burst import facts
from burst.facts import rows
from burst.facts.hosts import host_limit
from burst.spec import Purchase
from trainer.refusal import Refusal

ZONE = "us-central1-a"


@pytest.mark.parametrize(
    ("accelerator", "num_gpus", "name"),
    [
        ("V100-16GB", 1, "n1-standard-8+1xV100-16GB"),
        ("V100-16GB", 2, "n1-standard-16+2xV100-16GB"),
        ("V100-16GB", 4, "n1-standard-32+4xV100-16GB"),
        ("V100-16GB", 8, "n1-standard-96+8xV100-16GB"),
        ("T4-16GB", 4, "n1-standard-96+4xT4-16GB"),
        ("A100-40GB", 8, "a2-highgpu-8g"),
        ("A100-40GB", 16, "a2-megagpu-16g"),
        ("A100-80GB", 1, "a2-ultragpu-1g"),
        ("L4-24GB", 1, "g2-standard-12"),
        ("L4-24GB", 8, "g2-standard-96"),
        ("H100-80GB", 8, "a3-highgpu-8g"),
    ],
)
def test_an_accelerator_and_a_number_make_a_machine(accelerator: str, num_gpus: int, name: str) -> None:
    shape = facts.gke_shape(accelerator, num_gpus, ZONE)
    assert (shape.name, shape.accelerator, shape.num_accelerators) == (name, accelerator, num_gpus)


@pytest.mark.parametrize("accelerator", sorted({each.accelerator for each in facts.gke_accelerators()} - {"K80"}))
def test_a_derived_machine_can_be_rented_in_some_way(accelerator: str) -> None:
    places = {(offer.region, offer.shape.num_accelerators) for offer in facts.market().sound if sold(offer, accelerator)}
    assert places
    for region, num_gpus in places:
        zone = next(iter(facts.zones_of(accelerator, region)), f"{region}-a")
        shape = facts.gke_shape(accelerator, num_gpus, zone)
        offers = [offer for offer in facts.market().sound if offer.shape == shape and offer.region == region]
        assert offers
        assert facts.find("gcp", shape.name, region, offers[0].purchase).shape == shape


def sold(offer: facts.Offer, accelerator: str) -> bool:
    return offer.shape.provider == "gcp" and offer.shape.accelerator == accelerator


@pytest.mark.parametrize("host", ["n1-highmem-96", "n1-standard-16", "n1-standard-1"])
def test_a_host_may_be_chosen_within_the_limits_and_has_a_price(host: str) -> None:
    shape = facts.gke_shape("V100-16GB", 8, ZONE, host=host)
    assert shape.name == f"{host}+8xV100-16GB"
    offer = facts.find("gcp", shape.name, "us-central1", Purchase.ON_DEMAND, zone=ZONE)
    alone = facts.find("gcp", host, "us-central1", Purchase.ON_DEMAND)
    assert offer.shape == shape
    assert offer.usd_per_hour == pytest.approx(alone.usd_per_hour + 8 * 2.48)


@given(
    num_gpus=st.sampled_from([1, 2, 4, 8]),
    host=st.sampled_from(
        sorted({row["shape"] for row in rows.rows(facts.snapshot().prices_file) if row["shape"][:3] == "n1-"})
    ),
)
def test_a_host_is_taken_within_the_limits_and_refused_outside_them(num_gpus: int, host: str) -> None:
    max_vcpus, max_memory_gib = host_limit("V100-16GB", num_gpus, ZONE)
    alone = facts.find("gcp", host, "us-central1", Purchase.ON_DEMAND).shape
    if alone.vcpus <= max_vcpus and alone.memory_gib <= max_memory_gib:
        assert facts.gke_shape("V100-16GB", num_gpus, ZONE, host=host).vcpus == alone.vcpus
    else:
        with pytest.raises(Refusal, match=f"a host of {max_vcpus:g} vCPUs and {max_memory_gib:g} GiB at most"):
            facts.gke_shape("V100-16GB", num_gpus, ZONE, host=host)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("V10-16GB", 8, ZONE), "did you mean V100-16GB"),
        (("V100-32GB", 8, ZONE), "did you mean V100-16GB"),
        (("A10-24GB", 1, ZONE), "no GKE accelerator A10-24GB"),
        (("K80", 1, ZONE), "retired on 2024-05-01"),
        (("V100-16GB", 3, ZONE), "expected one of 1, 2, 4, 8"),
        (("V100-16GB", 8, "us-central1-d"), "no V100-16GB in zone us-central1-d"),
        (("V100-16GB", 8, "europe-west6-a"), "no V100-16GB in region europe-west6"),
        (("V100-16GB", 8, "us-central1"), "the zone 'us-central1'"),
        (("V100-16GB", 8, ZONE, "n1-standard-97"), "did you mean n1-standard-96"),
        (("V100-16GB", 8, ZONE, "n2-standard-96"), "no N1 host"),
        (("V100-16GB", 1, ZONE, "n1-standard-96"), "12 vCPUs and 78 GiB"),
        (("A100-40GB", 3, ZONE), "expected one of 1, 2, 4, 8, 16"),
        (("A100-40GB", 8, ZONE, "a2-highgpu-4g"), "expected 4, which are built into it"),
        (("L4-24GB", 1, ZONE, "g2-standard-9"), "no L4-24GB machine g2-standard-9"),
        (("H200-141GB", 8, "us-central1-a"), "no H200-141GB in zone us-central1-a"),
    ],
)
def test_what_cannot_be_made_is_refused(arguments: tuple[str, int, str], said: str) -> None:
    with pytest.raises(Refusal, match=said):
        facts.gke_shape(*arguments)


def test_zones_are_told_where_the_price_list_tells_them() -> None:
    assert facts.zones_of("V100-16GB", "us-east1") == ("us-east1-b", "us-east1-c")
    assert facts.zones_of("n1-standard-96+8xV100-16GB", "us-east1") == ("us-east1-b", "us-east1-c")
    assert facts.zones_of("A100-40GB", "us-central1") == facts.zones_of("a2-highgpu-8g", "us-central1") == ()


@pytest.mark.parametrize(("name", "region"), [("V100-16G", "us-east1"), ("V100-16GB", "europe-west6"), ("TPU", "us-east1")])
def test_zones_of_what_is_not_there_are_refused(name: str, region: str) -> None:
    with pytest.raises(Refusal):
        facts.zones_of(name, region)


def test_every_accelerator_that_google_rents_has_its_name_in_gke() -> None:
    rented = {offer.shape for offer in facts.market().sound if offer.shape.provider == "gcp" and offer.shape.accelerator}
    for shape in rented:
        if not shape.is_tpu:
            assert facts.gke_accelerator(shape).gke_type.startswith("nvidia-")


def test_the_two_kinds_of_h100_have_names_of_their_own() -> None:
    high, mega = (facts.gke_shape("H100-80GB", 8, "us-east4-a", host=host) for host in ("a3-highgpu-8g", "a3-megagpu-8g"))
    assert facts.gke_accelerator(high).gke_type == "nvidia-h100-80gb"
    assert facts.gke_accelerator(mega).gke_type == "nvidia-h100-mega-80gb"


def test_the_newest_driver_has_no_volta_and_n1_is_never_compact() -> None:
    v100, a100 = (facts.gke_accelerator(facts.gke_shape(name, 8, ZONE)) for name in ("V100-16GB", "A100-40GB"))
    assert (v100.allows_latest_driver, v100.allows_compact_placement, v100.is_attached) == (False, False, True)
    assert (a100.allows_latest_driver, a100.allows_compact_placement, a100.is_attached) == (True, True, False)
    with pytest.raises(Refusal):
        facts.gke_accelerator(next(offer.shape for offer in facts.market().sound if offer.shape.is_tpu))
