"""`burst check-timing FILE.csv`."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from burst.facts import epoch_times, rows
from tests.cli.command import Run

CERN = rows.FOLDER / "epoch_times.csv"
COLUMNS = ["platform", "accelerator", "num_accelerators", "num_nodes", "batch_per_accelerator", "prefetch", "epoch_seconds"]


def written(path: Path, *measurements: list[object], columns: list[str] = COLUMNS) -> str:
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([columns, *measurements])
    return str(path)


def test_cerns_measurements_are_predicted(burst: Run) -> None:
    found = burst("check-timing", str(CERN))
    assert found.status == 0
    for platform in ("gke", "gcp-tpu", "azureml", "all"):
        assert any(line.startswith(f"{platform} ") for line in found.out.splitlines())
    assert "predicted: median error" in found.out
    assert "after the first" in found.out


def test_the_json_has_every_row_platform_and_limit(burst: Run) -> None:
    document = burst("check-timing", str(CERN), "--json").document
    assert document["passes"] is True
    assert document["limits"] == {"max_median_error": 0.05, "min_share_inside": 0.85}
    assert len(document["rows"]) == len(epoch_times.cern()) == document["overall"]["num_rows"]
    assert set(document["platforms"]) == {"gke", "gcp-tpu", "azureml"}
    for row in document["rows"]:
        assert row["low"] <= row["expected"] <= row["high"]
        assert row["error"] == pytest.approx(row["expected"] / row["epoch_seconds"] - 1, abs=1e-3)
        assert row["is_inside"] is (row["low"] <= row["epoch_seconds"] <= row["high"])
    for summary in (document["overall"], *document["platforms"].values()):
        assert 0 <= summary["median_error"] <= summary["worst_error"]
        assert summary["mean_error"] <= summary["worst_error"]
        assert 0 <= summary["share_inside"] <= 1


def test_what_is_not_predicted_ends_with_1(burst: Run, tmp_path: Path) -> None:
    path = written(tmp_path / "slow.csv", ["gke", "V100-16GB", 8, 1, 96, "yes", 4500])
    found = burst("check-timing", path)
    assert found.status == 1
    assert "not predicted" in found.out
    assert "outside" in found.out
    assert burst("check-timing", path, "--json").document["passes"] is False


def test_an_accelerator_that_nobody_measured_is_marked(burst: Run, tmp_path: Path) -> None:
    found = burst("check-timing", written(tmp_path / "a.csv", ["gke", "A100-40GB", 8, 1, 96, "yes", 250]))
    assert "extrapolated" in found.out


@pytest.mark.parametrize(
    ("measurement", "said"),
    [
        (["gkee", "V100-16GB", 8, 1, 96, "yes", 450], "platform gkee (did you mean gke?)"),
        (["gke", "V100-16G", 8, 1, 96, "yes", 450], "did you mean V100-16GB?"),
        (["gke", "V100-16GB", 0, 1, 96, "yes", 450], "num_accelerators is 0"),
        (["gke", "V100-16GB", 8, 1, 96, "perhaps", 450], "prefetch is perhaps"),
        (["gke", "V100-16GB", 8, 1, 96, "yes", -450], "epoch_seconds is -450"),
    ],
)
def test_a_row_that_cannot_be_read_is_refused_by_its_place(
    burst: Run, tmp_path: Path, measurement: list[object], said: str
) -> None:
    found = burst("check-timing", written(tmp_path / "mine.csv", measurement))
    assert found.status == 2
    assert found.out == ""
    assert "mine.csv" in found.refusals[0]
    assert said in found.refusals[0]


def test_files_that_hold_no_measurements_are_refused(burst: Run, tmp_path: Path) -> None:
    (tmp_path / "binary.csv").write_bytes(b"\x89PNG\xff\xfe")
    paths = [
        str(tmp_path / "missing.csv"),
        written(tmp_path / "empty.csv"),
        written(tmp_path / "other.csv", [1], columns=["seconds"]),
        str(tmp_path / "binary.csv"),
        str(tmp_path),
    ]
    for path in paths:
        found = burst("check-timing", path)
        assert found.status == 2
        assert len(found.refusals) == 1


def test_the_help_says_which_epochs_are_meant(burst: Run) -> None:
    found = burst("check-timing", "--help")
    assert found.status == 0
    assert "Epochs after the first are meant" in found.out
