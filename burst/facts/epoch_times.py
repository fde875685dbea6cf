"""Published times of 3DGAN epochs, on which the model of time rests."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from pathlib import Path

from burst.facts import rows
from trainer.refusal import Refusal, closest

NUM_SAMPLES = 124_987
"""Training showers of one epoch of CERN's runs: the public set of 51 x 51 x 25 cells (Zenodo record 3603086)."""
GPUS_PER_FULL_NODE = 8
COLUMNS = (
    "platform",
    "accelerator",
    "num_accelerators",
    "num_nodes",
    "batch_per_accelerator",
    "prefetch",
    "cache",
    "epoch_seconds",
    "first_epoch_seconds",
    "source",
)


class Platform(StrEnum):
    """Where CERN measured: Kubeflow on GKE, Cloud TPU, Azure Machine Learning."""

    GKE = "gke"
    TPU = "gcp-tpu"
    AZURE_ML = "azureml"


@dataclass(frozen=True, slots=True, kw_only=True)
class EpochTime:
    """One measured run: the mean time of an epoch after the first."""

    platform: Platform
    accelerator: str
    """`V100-16GB`, or a TPU's generation, `TPU-v3`."""
    num_ranks: int
    """GPUs, or TPU cores."""
    num_nodes: int
    """Where the source is silent: full nodes of eight GPUs, one TPU host each eight cores."""
    batch_per_rank: int
    has_prefetch: bool
    epoch_seconds: float
    first_epoch_seconds: float | None
    source: str


@cache
def cern() -> tuple[EpochTime, ...]:
    """CERN's published epoch times (TensorFlow, NCCL), as the project keeps them."""
    return tuple(parse(row, place=f"epoch_times.csv, line {line}") for line, row in enumerate(rows.rows("epoch_times.csv"), 2))


def read(path: Path) -> tuple[EpochTime, ...]:
    """Measurements in a file of the user's with the same columns; refuses what it cannot read, by line."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file)
            _check_columns(path, reader.fieldnames or ())
            found = tuple(parse(row, place=f"{path.name}, line {line}") for line, row in enumerate(reader, 2))
    except (OSError, UnicodeDecodeError, csv.Error) as problem:
        raise Refusal(f"{path}: {problem}", expected="a readable CSV file", remedy="check the path") from None
    if not found:
        raise Refusal(f"{path} has no rows", expected="one measurement or more", remedy="add rows below its header")
    return found


def _check_columns(path: Path, given: Sequence[str]) -> None:
    optional = {"source", "cache", "first_epoch_seconds", "num_nodes"}
    missing = [name for name in COLUMNS if name not in given and name not in optional]
    if missing:
        raise Refusal(
            f"{path.name} has no column {missing[0]}{closest(missing[0], given)}",
            expected=", ".join(COLUMNS),
            remedy="add it to the header",
        )


def parse(row: Mapping[str, str | None], *, place: str) -> EpochTime:
    """One row of the table; `place` names it in a refusal."""
    cells = {name: (row.get(name) or "").strip() for name in COLUMNS}
    platforms = list(Platform)
    if cells["platform"] not in platforms:
        raise Refusal(
            f"{place}: platform {cells['platform'] or 'missing'}{closest(cells['platform'], platforms)}",
            expected=", ".join(platforms),
            remedy="correct it",
        )
    num_ranks = _whole(cells, "num_accelerators", place)
    accelerator = cells["accelerator"]
    is_tpu = accelerator.startswith("TPU")
    if is_tpu != (cells["platform"] == Platform.TPU):
        raise Refusal(
            f"{place}: {accelerator or 'no accelerator'} on {cells['platform']}",
            expected="TPUs on gcp-tpu, GPUs on the others",
            remedy="correct one of them",
        )
    if is_tpu:
        accelerator = "-".join(accelerator.split("-")[:2])  # TPU-v3-8: its size stands in num_accelerators
    return EpochTime(
        platform=Platform(cells["platform"]),
        accelerator=accelerator,
        num_ranks=num_ranks,
        num_nodes=_whole(cells, "num_nodes", place) if cells["num_nodes"] else -(-num_ranks // GPUS_PER_FULL_NODE),
        batch_per_rank=_whole(cells, "batch_per_accelerator", place),
        has_prefetch=_yes(cells, "prefetch", place),
        epoch_seconds=_seconds(cells, "epoch_seconds", place),
        first_epoch_seconds=_seconds(cells, "first_epoch_seconds", place) if cells["first_epoch_seconds"] else None,
        source=cells["source"],
    )


def _whole(cells: Mapping[str, str], name: str, place: str) -> int:
    try:
        value = float(cells[name])
    except ValueError:
        value = 0.0
    if value < 1 or not value.is_integer():
        raise Refusal(
            f"{place}: {name} is {cells[name] or 'missing'}", expected="a whole number, 1 or more", remedy="correct it"
        )
    return int(value)


def _seconds(cells: Mapping[str, str], name: str, place: str) -> float:
    try:
        value = float(cells[name])
    except ValueError:
        value = 0.0
    if not 0 < value < float("inf"):
        raise Refusal(f"{place}: {name} is {cells[name] or 'missing'}", expected="seconds, above 0", remedy="correct it")
    return value


def _yes(cells: Mapping[str, str], name: str, place: str) -> bool:
    if cells[name].lower() not in ("yes", "no"):
        raise Refusal(f"{place}: {name} is {cells[name] or 'missing'}", expected="yes or no", remedy="correct it")
    return cells[name].lower() == "yes"
