"""Oracle's price list: found by part number, believed by name and metric."""

from __future__ import annotations

import pytest

from burst.facts import rows as facts
from burst.facts.refresh.table import in_use
from tests.burst.facts.refresh.conftest import World
from tests.burst.facts.refresh.lists import OCI_PATH, OciList, oci_item
from tests.burst.facts.refresh.loopback import Asked, Reply, as_json


def test_a_shape_costs_its_accelerators_together_and_half_of_that_when_preemptible(world: World) -> None:
    world.oci.items[1]["currencyCodeLocalizations"][0]["prices"][0]["value"] = 2.0
    rows = world.rows(world.refresh("oci"))
    prices = {shape: (row["usd_per_hour"], row["spot_usd_per_hour"]) for (_, shape, _), row in rows.items() if "GPU3" in shape}
    assert prices == {"VM.GPU3.1": ("2", "1"), "VM.GPU3.4": ("8", "4"), "BM.GPU3.8": ("16", "")}


def test_a_price_per_core_keeps_its_small_digits(world: World) -> None:
    world.oci.items[-1]["currencyCodeLocalizations"][0]["prices"][0]["value"] = 0.0013
    row = world.rows(world.refresh("oci"))["oci", "VM.Standard.E4.Flex:per_gb_memory", "*"]
    assert (row["usd_per_hour"], row["spot_usd_per_hour"]) == ("0.0013", "0.00065")


def test_a_shape_whose_part_number_is_not_known_is_carried_over_and_named(world: World) -> None:
    refreshed = world.refresh("oci")
    assert world.rows(refreshed)["oci", "BM.GPU.FUTURE.8", "*"]["as_of"] == "2026-06-18"
    assert "oci: carried over, for their part numbers are not in oci_part_numbers.csv: BM.GPU.FUTURE.8" in refreshed.summary()


@pytest.mark.parametrize(
    ("field", "value", "reason"),
    [
        ("displayName", "OCI - Compute - GPU - H100T", "part B98415 is now called OCI - Compute - GPU - H100T"),
        ("displayName", "OCI - NVIDIA AI Enterprise - H100", "part B98415 is now called OCI - NVIDIA AI Enterprise - H100"),
        ("metricName", "Node Per Hour", "part B98415 is now priced as Node Per Hour"),
    ],
)
def test_a_part_that_is_something_else_now_is_refused(world: World, field: str, value: str, reason: str) -> None:
    world.oci.items[3][field] = value
    [refused] = world.refresh("oci").refused
    assert (refused.shape, refused.reason, refused.stays_as_of) == ("BM.GPU.H100.8", reason, "2026-06-18")


def test_a_commitment_beside_the_price_is_no_price(world: World) -> None:
    prices = world.oci.items[3]["currencyCodeLocalizations"][0]["prices"]
    prices.insert(0, {"model": "ANNUAL_COMMIT", "value": 7})
    assert not world.refresh("oci").changes


def test_other_currencies_beside_dollars_are_left_alone(world: World) -> None:
    world.oci.items[3]["currencyCodeLocalizations"].insert(
        0, {"currencyCode": "EUR", "prices": [{"model": "PAY_AS_YOU_GO", "value": 9}]}
    )
    assert not world.refresh("oci").changes


@pytest.mark.parametrize("style", ["links", "next"])
def test_a_list_in_pages_is_followed(world: World, style: str) -> None:
    items = world.oci.items

    def half(asked: Asked) -> Reply:
        second = asked.query.get("offset") == "3"
        href = f"{world.server.address}{OCI_PATH}?currencyCode=USD&offset=3"
        following = (
            {"links": [{"rel": "self", "href": "x"}, {"rel": "next", "href": href}]}
            if style == "links"
            else {"next": {"$ref": href}}
        )
        return as_json({"items": items[3:], "hasMore": False} if second else {"items": items[:3], "hasMore": True, **following})

    world.server.handlers[OCI_PATH] = half
    assert not world.refresh("oci").gone
    assert len(world.server.asked) == 2


def test_a_list_that_has_more_and_does_not_say_where_is_refused(world: World) -> None:
    world.server.handlers[OCI_PATH] = lambda asked: as_json({"items": world.oci.items, "hasMore": True})
    assert "gave a list that has more and does not say where" in world.refusal("oci")


def test_a_part_that_is_listed_no_more_is_gone(world: World) -> None:
    world.server.handlers[OCI_PATH] = OciList([item for item in world.oci.items if item["partNumber"] != "B98415"])
    refreshed = world.refresh("oci")
    assert [place.shape for place in refreshed.gone] == ["BM.GPU.H100.8"]
    assert ("oci", "BM.GPU.H100.8", "*") not in world.rows(refreshed)


def test_two_products_of_one_part_number_must_agree(world: World) -> None:
    world.oci.items.append(oci_item("B98415", "OCI - Compute - GPU - H100", "GPU Per Hour", 9))
    [refused] = world.refresh("oci").refused
    assert refused.reason == "listed more than once, at $72 and $80"


def test_every_flexible_and_accelerated_shape_in_use_has_its_part_number_with_a_source() -> None:
    shapes = {row["shape"] for row in in_use(facts.FOLDER).of_provider("oci")}
    parts = facts.rows("oci_part_numbers.csv")
    assert shapes == {part["shape"] for part in parts}
    assert len(parts) == len(shapes)
    assert all(part["confidence"] in ("high", "medium", "low") for part in parts)
