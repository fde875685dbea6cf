"""Checkpoints that survive a crash, a full disk and each other.

A checkpoint is one file: a line `hepburst-3dgan-1 <SHA-256 of the rest>`, then what torch.save wrote, readable without running
code (`weights_only`). It is written under another name, flushed to the disk and renamed, so a name always holds a whole file. A
run keeps its last two and `best.pt`.
"""

from __future__ import annotations

import hashlib
import io
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from trainer.events import unwritable
from trainer.refusal import Refusal

BEST = "best.pt"
NUM_KEPT = 2
FORMAT = b"hepburst-3dgan-1"
"""First word of every checkpoint."""


class Checkpoints:
    """The checkpoints of one run, in `folder`, which is made."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as problem:
            raise unwritable(folder, problem) from None

    @property
    def best_path(self) -> Path:
        """Where the best checkpoint is, if there is one."""
        return self.folder / BEST

    def commit(self, state: Mapping[str, Any], *, step: int, is_best: bool) -> Path:
        """Write `state` as the newest checkpoint, and as the best if it is; then delete all but the last two.

        Checkpoints of later steps belong to a training that was given up for an earlier state: they go as well.
        """
        packed = _packed(state)
        path = self.folder / f"step-{step:09d}.pt"
        _replace(path, packed)
        if is_best:
            _replace(self.best_path, packed)
        kept = [other for other in self.newest_first() if other.name <= path.name][:NUM_KEPT]
        for other in self.newest_first():
            if other not in kept:
                other.unlink(missing_ok=True)
        return path

    def newest_first(self) -> list[Path]:
        """The checkpoints by step, without `best.pt`."""
        return sorted(self.folder.glob("step-*.pt"), reverse=True)

    def latest(self) -> tuple[dict[str, Any] | None, list[str]]:
        """The newest undamaged checkpoint, or None; and why newer ones were passed over."""
        problems: list[str] = []
        for path in [*self.newest_first(), self.best_path]:
            if not path.exists():
                continue
            try:
                return read(path), problems
            except Refusal as problem:
                problems.append(problem.got)
        return None, problems

    def best(self) -> dict[str, Any] | None:
        """The best checkpoint if it is there and whole."""
        try:
            return read(self.best_path)
        except Refusal:
            return None


def read(path: Path) -> dict[str, Any]:
    """The content of a checkpoint; refuses a file that is missing, damaged or none of ours, by name."""
    remedy = "choose another checkpoint of the run, or train again"
    try:
        header, _, packed = path.read_bytes().partition(b"\n")
    except OSError as problem:
        raise Refusal(f"{path}: {problem.strerror}", expected="a checkpoint of the trainer", remedy=remedy) from None
    mark, _, digest = header.partition(b" ")
    if mark != FORMAT:
        raise Refusal(
            f"{path} is no checkpoint of this trainer", expected=f"a file that begins with {FORMAT.decode()}", remedy=remedy
        )
    if hashlib.sha256(packed).hexdigest().encode() != digest:
        raise Refusal(f"{path} is damaged", expected="content with the SHA-256 of its first line", remedy=remedy)
    state = torch.load(io.BytesIO(packed), map_location="cpu", weights_only=True)
    assert isinstance(state, dict)
    return state


def sha256(path: Path) -> str:
    """SHA-256 of the whole file, as sha256sum gives it."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _packed(state: Mapping[str, Any]) -> bytes:
    buffer = io.BytesIO()
    torch.save(dict(state), buffer)
    packed = buffer.getvalue()
    return FORMAT + b" " + hashlib.sha256(packed).hexdigest().encode() + b"\n" + packed


def _replace(path: Path, content: bytes) -> None:
    partial = path.with_name(f".{path.name}.partial")
    try:
        with partial.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
        _flush(path.parent)
    except OSError as problem:
        partial.unlink(missing_ok=True)
        raise unwritable(path, problem) from None


def _flush(folder: Path) -> None:
    """Make renames last through a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
