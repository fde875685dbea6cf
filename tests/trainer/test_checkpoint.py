from __future__ import annotations

from pathlib import Path

import pytest
import torch

from trainer.checkpoint import Checkpoints, read, sha256
from trainer.refusal import Refusal


def state(step: int) -> dict[str, object]:
    return {"step": step, "weights": torch.full((1000,), float(step))}


def test_what_is_committed_is_read_back(tmp_path: Path) -> None:
    path = Checkpoints(tmp_path).commit(state(7), step=7, is_best=False)
    assert read(path)["step"] == 7
    assert torch.equal(read(path)["weights"], torch.full((1000,), 7.0))


def test_the_last_two_and_the_best_are_kept(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path)
    for step in range(1, 6):
        checkpoints.commit(state(step), step=step, is_best=step == 2)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["best.pt", "step-000000004.pt", "step-000000005.pt"]
    best = checkpoints.best()
    assert best is not None
    assert best["step"] == 2


@pytest.mark.parametrize("damage", ["truncated", "a bit flipped", "emptied"])
def test_a_damaged_last_checkpoint_falls_back_to_the_one_before(tmp_path: Path, damage: str) -> None:
    checkpoints = Checkpoints(tmp_path)
    checkpoints.commit(state(1), step=1, is_best=False)
    path = checkpoints.commit(state(2), step=2, is_best=False)
    content = path.read_bytes()
    flipped = content[:-100] + bytes([content[-100] ^ 1]) + content[-99:]
    path.write_bytes({"truncated": content[:-500], "a bit flipped": flipped, "emptied": b""}[damage])
    found, problems = checkpoints.latest()
    assert found is not None
    assert found["step"] == 1
    assert len(problems) == 1
    assert path.name in problems[0]


def test_checkpoints_after_a_return_to_an_earlier_step_are_those_of_a_training_given_up(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path)
    for step in (3, 6, 4):
        checkpoints.commit(state(step), step=step, is_best=False)
    assert [path.name for path in checkpoints.newest_first()] == ["step-000000004.pt", "step-000000003.pt"]


def test_a_file_that_is_no_checkpoint_is_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "model.pt"
    torch.save({"weights": 1}, path)
    with pytest.raises(Refusal, match=r"model\.pt is no checkpoint"):
        read(path)
    with pytest.raises(Refusal, match=r"missing\.pt"):
        read(tmp_path / "missing.pt")


def test_a_full_disk_is_a_refusal_and_leaves_the_checkpoints_as_they_were(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path)
    checkpoints.commit(state(1), step=1, is_best=True)
    before = sha256(checkpoints.best_path)
    (tmp_path / ".step-000000002.pt.partial").symlink_to("/dev/full")  # every write to it fails with ENOSPC
    with pytest.raises(Refusal, match="No space left"):
        checkpoints.commit(state(2), step=2, is_best=True)
    assert [path.name for path in checkpoints.newest_first()] == ["step-000000001.pt"]
    assert sha256(checkpoints.best_path) == before


def test_a_folder_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(Refusal, match="Not a directory"):
        Checkpoints(tmp_path / "file" / "checkpoints")
