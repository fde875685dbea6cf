from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from burst.calibration import COLUMNS, Confidence, read, refine, store
from tests.burst.calibration.conftest import MakeCalibration
from trainer.contract import Preset
from trainer.refusal import Refusal


@pytest.fixture
def table(tmp_path: Path) -> Path:
    return tmp_path / ".hepburst" / "calibration.csv"


def test_the_columns_are_a_contract() -> None:
    assert ",".join(COLUMNS) == (
        "implementation,processor,preset,image_shape,precision,batch_per_rank,num_ranks,threads_per_rank,num_nodes,"
        "seconds_per_step_low,seconds_per_step,seconds_per_step_high,num_steps,start_seconds,evaluation_seconds,"
        "source,as_of,confidence"
    )


def test_a_table_that_is_not_there_holds_nothing(table: Path) -> None:
    assert read(table) == ()


def test_what_is_stored_is_read_again(calibration: MakeCalibration, table: Path) -> None:
    first = calibration(source='burst calibrate, "as it is"; other work on 0.1 of 2 CPUs')
    second = calibration(preset=Preset.PUBLISHED, image_shape=(51, 51, 25), batch_per_rank=8, confidence=Confidence.LOW)
    store(table, first)
    store(table, second)
    assert read(table) == (first, second)
    assert [path.name for path in table.parent.iterdir()] == [table.name]


def test_a_new_measurement_of_the_same_takes_the_place_of_the_old(calibration: MakeCalibration, table: Path) -> None:
    other = calibration(num_ranks=1)
    for each in (calibration(), other, calibration(seconds_per_step=0.21)):
        store(table, each)
    assert read(table) == (calibration(seconds_per_step=0.21), other)


def test_a_run_refines_what_the_probe_has_measured_and_counts_once(calibration: MakeCalibration, table: Path) -> None:
    store(table, calibration(num_ranks=1))
    refine(table, calibration())
    run = calibration(num_steps=150, seconds_per_step=0.24, source="run c5228e160452, as its events tell")
    refined = refine(table, run)
    assert refined.seconds_per_step == pytest.approx(0.23)
    assert refined.num_steps == 200
    assert read(table)[1].seconds_per_step == pytest.approx(0.23)
    assert refine(table, run) == read(table)[1]
    assert len(read(table)) == 2


def without(name: str) -> Callable[[str], str]:
    return lambda text: text.replace(name, "")


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda text: text.replace("processor,", "cpu,"), "line 1: other columns; expected implementation,processor"),
        (lambda text: "", "line 1: other columns"),
        (
            lambda text: text.replace(",0.25,", ",fast,"),
            "line 2: seconds_per_step_high is 'fast'; expected a number of seconds",
        ),
        (lambda text: text.replace(",0.25,", ","), "line 2: too many or too few values"),
        (lambda text: text.replace("high\n", "high,x\n"), "line 2: too many or too few values"),
        (lambda text: text.replace(",demo,", ",demmo,"), "line 2: preset is 'demmo' .did you mean demo.."),
        (lambda text: text.replace("25x25x25", "25x25"), "line 2: image_shape is '25x25'"),
        (lambda text: text.replace("2026-11-24", "yesterday"), "line 2: as_of is 'yesterday'"),
        (lambda text: text.replace(",0.2,", ",0.3,"), "line 2: seconds_per_step is 0.3 between 0.19 and 0.25"),
        (lambda text: text + text.splitlines()[1] + "\n", "line 3: the same thing measured twice"),
        (lambda text: text.replace("burst calibrate", '"burst calibrate'), "line 2: "),
    ],
)
def test_a_damaged_table_is_refused_by_line(
    calibration: MakeCalibration, table: Path, damage: Callable[[str], str], words: str
) -> None:
    store(table, calibration())
    table.write_text(damage(table.read_text()))
    with pytest.raises(Refusal, match=words) as refused:
        read(table)
    assert str(table) in refused.value.got
    assert "burst calibrate" in refused.value.remedy


def test_nothing_is_written_over_a_damaged_table(calibration: MakeCalibration, table: Path) -> None:
    table.parent.mkdir()
    table.write_text("precious notes")
    with pytest.raises(Refusal):
        store(table, calibration())
    assert table.read_text() == "precious notes"


def test_a_table_that_is_no_text_and_one_that_cannot_be_written_are_refused_by_name(
    calibration: MakeCalibration, tmp_path: Path
) -> None:
    (tmp_path / "a.csv").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(Refusal, match=r"a\.csv"):
        read(tmp_path / "a.csv")
    with pytest.raises(Refusal, match=r"a\.csv"):
        store(tmp_path / "a.csv" / "b.csv", calibration())


def test_a_measurement_on_a_busy_machine_does_not_spoil_a_better_one(calibration: MakeCalibration, table: Path) -> None:
    good = calibration(confidence=Confidence.HIGH)
    store(table, good)
    busy = replace(good, confidence=Confidence.LOW, seconds_per_step_high=9 * good.seconds_per_step, source="another probe")
    assert refine(table, busy) == good
    assert read(table) == (good,)
