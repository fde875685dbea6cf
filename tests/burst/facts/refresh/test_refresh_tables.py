"""The new price table: beside the old one, whole or not at all, and the one in use from then on."""

from __future__ import annotations

import os
import shutil
from datetime import date, timedelta
from pathlib import Path

import pytest

from burst.facts import rows as facts
from burst.facts import snapshots
from burst.facts.refresh import writing
from burst.facts.refresh.table import in_use
from tests.burst.facts.refresh.conftest import TODAY, World
from tests.burst.facts.refresh.lists import KEY
from trainer.refusal import Refusal

OLD = "prices-2026-11-23.csv"


def test_the_table_in_use_is_never_changed_and_the_new_one_is_in_use(world: World) -> None:
    before = (world.folder / OLD).read_bytes()
    refreshed = world.refresh("azure", "gcp", "oci", gcp_api_key=KEY)
    assert (world.folder / OLD).read_bytes() == before
    assert sorted(world.files()) == [OLD, "prices-2026-11-24.csv"]
    assert snapshots.of_folder(world.folder).prices_file == "prices-2026-11-24.csv"
    assert refreshed.previous == world.folder / OLD


def test_rows_of_other_providers_are_the_same_to_the_byte_and_all_keep_their_order(world: World) -> None:
    refreshed = world.refresh("azure")
    assert refreshed.path is not None
    old, new = (path.read_text(encoding="utf-8").splitlines() for path in (refreshed.previous, refreshed.path))
    assert [line for line in new if "azure" not in line] == [line for line in old if "azure" not in line]
    key = slice(0, 5)
    assert [line.split(",")[key] for line in new] == [line.split(",")[key] for line in old]


def test_a_refresh_without_news_writes_nothing(world: World) -> None:
    assert world.refresh("azure", "oci").path is not None
    before = world.files()
    again = world.refresh("azure", "oci")
    assert again.path is None
    assert world.files() == before
    assert again.summary()[0] == "nothing is new: prices-2026-11-24.csv stays in use"


def test_a_price_that_is_confirmed_is_news_for_it_is_younger_than_it_was(world: World) -> None:
    refreshed = world.refresh("oci")
    assert refreshed.path is not None
    assert not refreshed.changes
    assert refreshed.summary()[1] == (
        "oci: 7 rows as of today (0 with another price, 0 new), 0 gone, 0 refused, 1 as they were"
    )


def test_a_second_table_of_the_same_day_has_a_number_and_sorts_last(world: World) -> None:
    world.refresh("oci")
    for number in range(2, 12):
        for item in world.azure.items:
            item["retailPrice"] *= 1.01
        refreshed = world.refresh("azure")
        assert refreshed.path == world.folder / f"prices-2026-11-24_{number:02}.csv"
        assert snapshots.of_folder(world.folder).prices_file == refreshed.path.name
        assert snapshots.of_folder(world.folder).date == "2026-11-24"
    tomorrow = world.refresh("oci", today=TODAY + timedelta(days=1))
    assert tomorrow.path == world.folder / "prices-2026-11-25.csv"
    assert snapshots.of_folder(world.folder).prices_file == tomorrow.path.name


def test_a_table_of_a_later_day_is_refused_before_anything_is_asked(world: World) -> None:
    said = world.refusal("oci", today=date(2026, 11, 22))
    assert "prices-2026-11-23.csv in use, and today is 2026-11-22" in said
    assert not world.server.asked


def test_after_a_hundred_tables_of_a_day_no_more_is_written(world: World) -> None:
    names = ["prices-2026-11-24.csv", *(f"prices-2026-11-24_{number:02}.csv" for number in range(2, 100))]
    for name in names:
        shutil.copy(world.folder / OLD, world.folder / name)
    assert "fewer than a hundred of today" in world.refusal("oci")


@pytest.mark.parametrize("step", ["fsync", "link"])
def test_a_table_that_fails_halfway_leaves_nothing(world: World, monkeypatch: pytest.MonkeyPatch, step: str) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    if step == "fsync":
        monkeypatch.setattr(os, "fsync", full)
    else:
        monkeypatch.setattr(Path, "hardlink_to", full)
        monkeypatch.setattr(Path, "rename", full)
    said = world.refusal("oci")
    assert "cannot be written (No space left on device)" in said
    assert f"{OLD} stays in use, untouched" in said


def test_a_file_system_without_links_gets_its_table_too(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_links(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(Path, "hardlink_to", no_links)
    world.refresh("oci")
    assert sorted(world.files()) == [OLD, "prices-2026-11-24.csv"]


def test_a_table_that_another_refresh_has_written_meanwhile_is_not_replaced(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = world.folder / "prices-2026-11-24.csv"

    def raced(in_use_path: Path, today: date) -> Path:
        shutil.copy(in_use_path, other)
        return other

    monkeypatch.setattr(writing, "next_path", raced)
    with pytest.raises(Refusal, match="cannot be written \\(File exists\\)"):
        world.refresh("oci")
    assert other.read_bytes() == (world.folder / OLD).read_bytes()
    assert sorted(world.files()) == [OLD, other.name]


def test_a_folder_without_prices_is_refused(world: World) -> None:
    (world.folder / OLD).unlink()
    assert "no prices-<date>.csv" in world.refusal("oci")


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("provider,region,zone", "provider,zone,region", "has other columns"),
        (",high,", ",high", "has other columns"),
        (",2.95,", ",cheap,", "asks cheap"),
    ],
)
def test_a_table_in_use_that_is_broken_is_refused(world: World, old: str, new: str, said: str) -> None:
    table = world.folder / OLD
    table.write_text(table.read_text().replace(",medium,", ",high,").replace(old, new), encoding="utf-8")
    assert said in world.refusal("oci")


def test_a_table_without_rows_is_refused(world: World) -> None:
    table = world.folder / OLD
    table.write_text(table.read_text().splitlines()[0] + "\n", encoding="utf-8")
    assert "has no rows" in world.refusal("oci")


def test_an_unknown_provider_is_refused_with_the_closest(world: World) -> None:
    assert "no price list of azur (did you mean azure?)" in world.refusal("azur")


def test_no_provider_is_refused(world: World) -> None:
    assert "no provider to refresh" in world.refusal()


def test_a_provider_that_is_named_twice_is_asked_once(world: World) -> None:
    assert len(world.refresh("oci", "oci").counts) == 1


def test_a_provider_without_rows_is_skipped(world: World) -> None:
    table = world.folder / OLD
    lines = table.read_text(encoding="utf-8").splitlines(keepends=True)
    table.write_text("".join(line for line in lines if not line.startswith("oci")), encoding="utf-8")
    refreshed = world.refresh("oci")
    assert refreshed.path is None
    assert refreshed.summary() == [
        f"nothing is new: {OLD} stays in use",
        "oci: skipped, for the price table in use has no row of it",
    ]


def test_the_real_table_in_use_can_be_read_and_written_back_to_the_byte(tmp_path: Path) -> None:
    real = in_use(facts.FOLDER)
    shutil.copy(real.path, tmp_path)
    copy = in_use(tmp_path)
    later = date.fromisoformat(snapshots.of_folder(tmp_path).date) + timedelta(days=1)
    assert writing.write(copy.rows, copy.path, later).read_bytes() == real.path.read_bytes()
