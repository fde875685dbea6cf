"""The tables of measured speeds: read whole and checked, written whole or not at all."""

from __future__ import annotations

import csv
import dataclasses
import datetime
import io
import os
from collections.abc import Callable, Iterable, Mapping
from enum import StrEnum
from pathlib import Path
from typing import Any, TypeVar

from burst.calibration.speed import Calibration, Confidence, combine, image_shape_of, image_text
from trainer.contract import Precision, Preset
from trainer.refusal import Refusal, closest

T = TypeVar("T")
Choice = TypeVar("Choice", bound=StrEnum)

OWN_TABLE = Path(".hepburst") / "calibration.csv"
"""The user's own, relative to the repository."""
COLUMNS = tuple(field.name for field in dataclasses.fields(Calibration))


def read(path: Path) -> tuple[Calibration, ...]:
    """The measurements of a table, none if there is no such file; refuses a damaged one by line."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return ()
    except (OSError, UnicodeDecodeError) as problem:
        raise Refusal(f"{path}: {problem}", expected="a readable CSV file", remedy="restore it, or remove it") from None
    table = csv.DictReader(io.StringIO(text), strict=True)
    found: dict[object, Calibration] = {}
    try:
        _check_columns(table.fieldnames or ())
        for row in table:
            calibration = _calibration(row)
            if calibration.key in found:
                raise Refusal("the same thing measured twice", expected="one line for each", remedy="remove one")
            found[calibration.key] = calibration
    except (Refusal, csv.Error) as problem:
        got, expected = (problem.got, problem.expected) if isinstance(problem, Refusal) else (str(problem), "whole values")
        raise Refusal(
            f"{path}, line {max(1, table.reader.line_num)}: {got}",
            expected=expected,
            remedy="correct the line, or remove it and measure again (burst calibrate)",
        ) from None
    return tuple(found.values())


def store(path: Path, calibration: Calibration) -> None:
    """Put a measurement into a table, in the place of one of the same key; a reader sees the old file or the new one."""
    kept = {each.key: each for each in read(path)}
    _write(path, {**kept, calibration.key: calibration}.values())


def refine(path: Path, calibration: Calibration) -> Calibration:
    """As `store`, but together with what the table holds of the same key; returns what it holds now.

    A source that is in it already, a finished run above all, does not count twice; a measurement of low confidence (few steps,
    a busy machine) does not spoil a better one.
    """
    before = [each for each in read(path) if each.key == calibration.key]
    is_known = before and calibration.source in before[0].source.split(" | ")
    is_worse = before and calibration.confidence is Confidence.LOW and before[0].confidence is not Confidence.LOW
    if is_known or is_worse:
        return before[0]
    combined = combine([*before, calibration])
    store(path, combined)
    return combined


def _write(path: Path, calibrations: Iterable[Calibration]) -> None:
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with partial.open("w", encoding="utf-8", newline="") as file:
            table = csv.writer(file, lineterminator="\n")
            table.writerow(COLUMNS)
            table.writerows([_text(getattr(each, name)) for name in COLUMNS] for each in calibrations)
        partial.replace(path)
    except OSError as problem:
        partial.unlink(missing_ok=True)
        raise Refusal(
            f"{path}: {problem.strerror}", expected="a file that can be written", remedy="free space, or rights"
        ) from None


def _text(value: object) -> str:
    if isinstance(value, tuple):
        return image_text(value)
    return f"{value:.5g}" if isinstance(value, float) else str(value)


def _check_columns(names: Iterable[str]) -> None:
    if tuple(names) != COLUMNS:
        raise Refusal("other columns", expected=",".join(COLUMNS), remedy="")


def _calibration(row: Mapping[str, Any]) -> Calibration:
    """A line as its measurement; the line number and the remedy are the caller's to add."""
    if None in row or None in row.values():
        raise Refusal("too many or too few values", expected=f"{len(COLUMNS)} of them", remedy="")

    def cell(name: str, kind: Callable[[str], T], expected: str) -> T:
        try:
            return kind(row[name])
        except ValueError:
            meant = closest(row[name], expected.split(" or "))
            raise Refusal(f"{name} is {row[name]!r}{meant}", expected=expected, remedy="") from None

    def one_of(name: str, kind: type[Choice]) -> Choice:
        return cell(name, kind, " or ".join(kind))

    def count(name: str) -> int:
        return cell(name, int, "a whole number")

    def seconds(name: str) -> float:
        return cell(name, float, "a number of seconds")

    cell("as_of", datetime.date.fromisoformat, "a date such as 2026-11-24")
    return Calibration(
        implementation=row["implementation"],
        processor=row["processor"],
        preset=one_of("preset", Preset),
        image_shape=cell("image_shape", image_shape_of, "cells in x, y and depth, such as 25x25x25"),
        precision=one_of("precision", Precision),
        batch_per_rank=count("batch_per_rank"),
        num_ranks=count("num_ranks"),
        threads_per_rank=count("threads_per_rank"),
        num_nodes=count("num_nodes"),
        seconds_per_step_low=seconds("seconds_per_step_low"),
        seconds_per_step=seconds("seconds_per_step"),
        seconds_per_step_high=seconds("seconds_per_step_high"),
        num_steps=count("num_steps"),
        start_seconds=seconds("start_seconds"),
        evaluation_seconds=seconds("evaluation_seconds"),
        source=row["source"],
        as_of=row["as_of"],
        confidence=one_of("confidence", Confidence),
    )
