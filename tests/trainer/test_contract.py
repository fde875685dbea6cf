"""What goes into the trainer and what comes out, as JSON."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from trainer.contract import Preset, RunConfig, RunResult, RunStatus, Segment
from trainer.refusal import Refusal

RUN = RunConfig(data_path="showers.h5", data_sha256="ab" * 32, num_epochs=10)


def test_a_configuration_survives_the_file(tmp_path: Path) -> None:
    RUN.write(tmp_path / "run.json")
    assert RunConfig.read(tmp_path / "run.json") == RUN


def test_whole_numbers_that_arrive_as_floats_are_the_same_run() -> None:
    as_doubles = {key: float(value) if type(value) is int else value for key, value in RUN.to_dict().items()}
    assert RunConfig.from_dict(as_doubles).run_id() == RUN.run_id()


def test_the_place_of_the_data_does_not_make_another_run() -> None:
    assert replace(RUN, data_path="elsewhere.h5").run_id() == RUN.run_id()


def test_ids_stay_what_they_are_in_every_version() -> None:
    published = replace(RUN, preset=Preset.PUBLISHED, learning_rate=0.002, seed=3)
    assert (RUN.run_id(), RUN.lineage_id()) == ("cb4e0cd1f750", "f74d17ba9514")
    assert (published.run_id(), published.lineage_id()) == ("b5b6d3a295cc", "efd6e85da8c9")


def test_a_field_that_we_add_makes_no_other_run_of_the_old_ones() -> None:
    @dataclass(frozen=True, slots=True, kw_only=True)
    class LaterConfig(RunConfig):
        dropout: float = 0.1

    values = RUN.to_dict()
    assert LaterConfig.from_dict(values).lineage_id() == RUN.lineage_id()
    assert LaterConfig.from_dict({**values, "dropout": 0.2}).lineage_id() != RUN.lineage_id()


@pytest.mark.parametrize(
    "change",
    [
        {"data_sha256": "cd" * 32},
        {"seed": 2},
        {"attempt": 2},
        {"image_digest": "sha256:1"},
        {"preset": Preset.PUBLISHED},
        {"learning_rate": 0.001},
    ],
    ids=lambda change: next(iter(change)),
)
def test_what_decides_a_step_makes_another_lineage(change: dict[str, object]) -> None:
    other = replace(RUN, **change)  # type: ignore[arg-type]  # a table of fields of several types
    assert other.run_id() != RUN.run_id()
    assert other.lineage_id() != RUN.lineage_id()


def test_a_longer_run_is_another_run_of_the_same_lineage() -> None:
    longer = replace(RUN, num_epochs=20)
    assert longer.run_id() != RUN.run_id()
    assert longer.lineage_id() == RUN.lineage_id()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"num_epoch": 3}, "did you mean num_epochs"),
        ({"num_epochs": -3}, "num_epochs is -3"),
        ({"num_epochs": 2.5}, "type int"),
        ({"num_epochs": True}, "type int"),
        ({"num_epochs": float("nan")}, "type int"),
        ({"seed": "one"}, "type int"),
        ({"preset": "dem"}, "did you mean demo"),
        ({"batch_per_rank": 1}, "BatchNorm needs two"),
        ({"test_fraction": 1.0}, "between 0 and 1"),
        ({"learning_rate": 0.0}, "between 0 and 1"),
        ({"contract_version": 99}, "contract_version 99"),
    ],
)
def test_a_mistake_is_refused_with_a_remedy(change: dict[str, object], words: str) -> None:
    with pytest.raises(Refusal, match=words) as refusal:
        RunConfig.from_dict({**RUN.to_dict(), **change})
    assert refusal.value.remedy


def test_a_missing_key_is_refused_by_name() -> None:
    values = RUN.to_dict()
    del values["data_sha256"]
    with pytest.raises(Refusal, match="data_sha256 is missing"):
        RunConfig.from_dict(values)


@pytest.mark.parametrize("text", ["", "{", "[1]"])
def test_a_damaged_file_is_refused_by_name(text: str, tmp_path: Path) -> None:
    (tmp_path / "run.json").write_text(text)
    with pytest.raises(Refusal, match=r"run\.json"):
        RunConfig.read(tmp_path / "run.json")


RESULT = RunResult(
    run_id=RUN.run_id(),
    lineage_id=RUN.lineage_id(),
    status=RunStatus.INTERRUPTED,
    message="stopped by the user",
    num_epochs=3,
    num_steps=111,
    num_ranks=2,
    train_seconds=12.5,
    samples_per_second=99.0,
    segments=(Segment(started_unix_seconds=1.5, seconds=2.5, cpu_seconds=4.0),),
    losses={"generator": 1.0},
    physics={"gan": {"layer_error": None}},
    checkpoint="checkpoints/best.pt",
    checkpoint_sha256="00",
    environment={"torch": "2.9.1"},
)


def test_a_result_survives_the_file(tmp_path: Path) -> None:
    RESULT.write(tmp_path / "result.json")
    assert RunResult.read(tmp_path / "result.json") == RESULT


def test_what_a_newer_trainer_adds_to_a_result_is_left_out() -> None:
    values: dict[str, Any] = json.loads(json.dumps(RESULT.to_dict()))
    values["energy_kwh"] = 1.0
    values["segments"][0]["host"] = "a"
    assert RunResult.from_dict(values) == RESULT


def test_an_older_result_lacks_what_has_a_default() -> None:
    @dataclass(frozen=True, slots=True, kw_only=True)
    class LaterResult(RunResult):
        energy_kwh: float = 0.0
        notes: dict[str, str] = field(default_factory=dict)

    later = LaterResult.from_dict(RESULT.to_dict())
    assert (later.num_steps, later.energy_kwh, later.notes) == (111, 0.0, {})


def test_the_contract_needs_the_standard_library_alone() -> None:
    program = "import sys, trainer.contract; print([m for m in ('numpy', 'torch', 'h5py', 'pulumi') if m in sys.modules])"
    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert json.loads(loaded.stdout.replace("'", '"')) == []
