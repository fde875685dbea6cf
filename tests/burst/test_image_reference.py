from __future__ import annotations

from pathlib import Path

import pytest

from burst.image_reference import digest_of, given
from trainer.refusal import Refusal

REFERENCE = "registry.example.org:5000/group/trainer@sha256:" + "1f" * 32


def test_a_reference_with_a_digest_is_itself() -> None:
    assert given(REFERENCE) == REFERENCE
    assert digest_of(REFERENCE) == "sha256:" + "1f" * 32


def test_a_file_holds_a_reference(tmp_path: Path) -> None:
    file = tmp_path / "image"
    file.write_text(f"{REFERENCE}\n")
    assert given(str(file)) == REFERENCE


@pytest.mark.parametrize("text", ["registry.example.org/group/trainer", "registry.example.org/trainer:latest", REFERENCE[:-1]])
def test_what_can_be_moved_is_refused_with_the_way_to_a_digest(text: str) -> None:
    with pytest.raises(Refusal, match=r"name@sha256:.*Digest"):
        given(text)


def test_a_file_that_is_not_there_is_refused_with_the_ways_to_an_image(tmp_path: Path) -> None:
    with pytest.raises(Refusal, match="make cluster-up"):
        given(str(tmp_path / "image"))
