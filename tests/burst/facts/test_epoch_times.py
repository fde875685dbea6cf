"""Measured epochs: CERN's, and files of the same columns."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from burst.facts import epoch_times, rows
from burst.facts.epoch_times import COLUMNS, Platform, parse, read
from trainer.refusal import Refusal

ROW = {
    "platform": "gke",
    "accelerator": "V100-16GB",
    "num_accelerators": "32",
    "num_nodes": "4",
    "batch_per_accelerator": "96",
    "prefetch": "yes",
    "cache": "no",
    "epoch_seconds": "115.02",
    "first_epoch_seconds": "",
    "source": "a log",
}


def written(folder: Path, *lines: dict[str, str], columns: tuple[str, ...] = COLUMNS, encoding: str = "utf-8") -> Path:
    path = folder / "mine.csv"
    with path.open("w", encoding=encoding, newline="") as file:
        table = csv.DictWriter(file, columns, extrasaction="ignore")
        table.writeheader()
        table.writerows(lines)
    return path


def test_a_row_is_read_as_it_stands() -> None:
    run = parse(ROW, place="here")
    assert (run.platform, run.accelerator, run.num_ranks, run.num_nodes) == (Platform.GKE, "V100-16GB", 32, 4)
    assert (run.batch_per_rank, run.has_prefetch, run.epoch_seconds, run.first_epoch_seconds) == (96, True, 115.02, None)


def test_all_of_cerns_rows_are_read_and_name_their_log() -> None:
    runs = epoch_times.cern()
    assert len(runs) == len(rows.rows("epoch_times.csv"))
    assert {run.platform for run in runs} == set(Platform)
    assert all(run.source for run in runs)


@pytest.mark.parametrize(("num_ranks", "num_nodes"), [("2", 1), ("8", 1), ("9", 2), ("128", 16)])
def test_where_the_file_is_silent_nodes_are_full(num_ranks: str, num_nodes: int) -> None:
    assert parse({**ROW, "num_accelerators": num_ranks, "num_nodes": ""}, place="here").num_nodes == num_nodes


def test_a_tpu_slice_is_known_by_its_generation() -> None:
    assert parse({**ROW, "platform": "gcp-tpu", "accelerator": "TPU-v3-8"}, place="here").accelerator == "TPU-v3"


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("num_accelerators", "many"),
        ("num_accelerators", ""),
        ("num_accelerators", "0"),
        ("num_accelerators", "2.5"),
        ("num_accelerators", "inf"),
        ("num_accelerators", "nan"),
        ("num_nodes", "-1"),
        ("batch_per_accelerator", "1e400"),
        ("epoch_seconds", ""),
        ("epoch_seconds", "0"),
        ("epoch_seconds", "-3"),
        ("epoch_seconds", "inf"),
        ("epoch_seconds", "nan"),
        ("first_epoch_seconds", "soon"),
        ("prefetch", "perhaps"),
        ("platform", "aws"),
        ("platform", ""),
    ],
)
def test_a_cell_that_is_no_measurement_is_refused_by_line_and_name(tmp_path: Path, column: str, value: str) -> None:
    shown = f"{column} {value or 'missing'}" if column == "platform" else f"{column} is {value or 'missing'}"
    with pytest.raises(Refusal, match=rf"^mine\.csv, line 3: {shown}"):
        read(written(tmp_path, ROW, {**ROW, column: value}))


def test_a_mistyped_platform_gets_the_closest() -> None:
    with pytest.raises(Refusal, match=r"did you mean azureml\?"):
        parse({**ROW, "platform": "azure-ml"}, place="here")


@pytest.mark.parametrize(("platform", "accelerator"), [("gke", "TPU-v3-8"), ("azureml", "TPU-v2-8"), ("gcp-tpu", "V100-16GB")])
def test_an_accelerator_that_its_platform_does_not_have_is_refused(platform: str, accelerator: str) -> None:
    with pytest.raises(Refusal):
        parse({**ROW, "platform": platform, "accelerator": accelerator}, place="here")


def test_a_file_with_a_byte_order_mark_and_fewer_columns_is_read(tmp_path: Path) -> None:
    columns = tuple(name for name in COLUMNS if name not in ("source", "cache", "first_epoch_seconds", "num_nodes"))
    (run,) = read(written(tmp_path, ROW, columns=columns, encoding="utf-8-sig"))
    assert (run.num_nodes, run.source) == (4, "")


@pytest.mark.parametrize("missing", ["platform", "prefetch", "epoch_seconds", "batch_per_accelerator"])
def test_a_column_that_is_missing_is_named(tmp_path: Path, missing: str) -> None:
    with pytest.raises(Refusal, match=rf"mine\.csv has no column {missing}"):
        read(written(tmp_path, ROW, columns=tuple(name for name in COLUMNS if name != missing)))


def test_an_empty_file_a_folder_and_a_picture_are_refused(tmp_path: Path) -> None:
    with pytest.raises(Refusal, match="has no rows"):
        read(written(tmp_path))
    with pytest.raises(Refusal, match="a readable CSV file"):
        read(tmp_path)
    picture = tmp_path / "picture.png"
    picture.write_bytes(b"\x89PNG\r\n\x1a\n")
    with pytest.raises(Refusal, match="a readable CSV file"):
        read(picture)
