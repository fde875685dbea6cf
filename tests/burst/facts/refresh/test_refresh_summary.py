"""What users read of a refresh."""

from __future__ import annotations

from pathlib import Path

from burst.facts.refresh import Change, Count, Place, Refreshed, RefusedRow
from burst.spec import Purchase
from tests.burst.facts.refresh.conftest import World
from tests.burst.facts.refresh.lists import KEY


def change(number: int, old: float | None, new: float | None, **others: str) -> Change:
    names = {"provider": "azure", "shape": f"Standard_{number}", "region": "westeurope", "zone": "", **others}
    return Change(**names, purchase=Purchase.ON_DEMAND, old=old, new=new)


def summary_of(**fields: tuple[object, ...]) -> list[str]:
    refreshed = Refreshed(path=Path("prices-2026-11-24.csv"), previous=Path("prices-2026-11-23.csv"), **fields)  # type: ignore[arg-type]
    first, *others = refreshed.summary()
    assert first == "prices-2026-11-24.csv is written, from prices-2026-11-23.csv, and in use from now on"
    return others


def test_the_largest_changes_come_first_and_the_rest_is_counted() -> None:
    lines = summary_of(changes=tuple(change(number, 10.0, 10.0 + number * (-1) ** number) for number in range(1, 13)))
    assert lines[0] == "azure Standard_12 in westeurope, on-demand: $10 -> $22 an hour (+120.0 %)"
    assert lines[1] == "azure Standard_11 in westeurope, on-demand: $10 -> $-1 an hour (-110.0 %)"
    assert lines[10:] == ["... and 2 more smaller changes"]


def test_regions_that_went_are_one_line_a_shape() -> None:
    gone = tuple(Place(provider="azure", shape="Standard_NC6s_v3", region=f"region{number}") for number in range(23))
    assert summary_of(gone=gone) == ["no longer listed: azure Standard_NC6s_v3 in region0, region1, region2 and 20 more"]


def test_many_refused_rows_are_counted() -> None:
    refused = tuple(
        RefusedRow(provider="oci", shape="BM.GPU4.8", region="*", reason="$0", stays_as_of="2026-06-18") for _ in range(12)
    )
    lines = summary_of(refused=refused)
    assert lines[0] == "refused: oci BM.GPU4.8 in all regions, $0; the row as of 2026-06-18 stays"
    assert lines[-1] == "... and 2 more refused rows"


def test_a_price_in_one_zone_names_the_zone() -> None:
    assert summary_of(changes=(change(1, 2.0, 3.0, zone="westeurope-1"),)) == [
        "azure Standard_1 in westeurope-1, on-demand: $2 -> $3 an hour (+50.0 %)"
    ]


def test_the_counts_of_all_providers_add_up_to_the_table(world: World) -> None:
    refreshed = world.refresh("azure", "gcp", "oci", gcp_api_key=KEY)
    counts: dict[str, Count] = {count.provider: count for count in refreshed.counts}
    assert {name: (count.num_refreshed, count.num_carried) for name, count in counts.items()} == {
        "azure": (12, 0),
        "gcp": (5, 1),
        "oci": (7, 1),
    }
    assert len(world.rows(refreshed)) == sum(count.num_refreshed + count.num_carried for count in refreshed.counts)
