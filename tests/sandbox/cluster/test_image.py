from __future__ import annotations

import gzip
import hashlib
import json
import os
import tarfile
from pathlib import Path

import pytest

from sandbox.cluster import image, images, trainer_rootfs
from sandbox.cluster.image import Image


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "root"
    (folder / "bin").mkdir(parents=True)
    (folder / "bin" / "tool").write_text("#!/bin/sh\n")
    (folder / "bin" / "tool").chmod(0o755)
    (folder / "link").symlink_to("bin/tool")
    return folder


def test_the_same_files_at_another_time_are_the_same_image(root: Path, tmp_path: Path) -> None:
    first = image.make(root, tmp_path / "first", config={"User": "1000"})
    os.utime(root / "bin" / "tool", (1, 1))
    assert image.make(root, tmp_path / "second", config={"User": "1000"}).digest == first.digest
    (root / "bin" / "tool").write_text("other")
    assert image.make(root, tmp_path / "third", config={"User": "1000"}).digest != first.digest
    assert image.make(root, tmp_path / "fourth", config={"User": "0"}).digest != first.digest


def test_an_image_names_its_blobs_by_what_is_in_them(root: Path, tmp_path: Path) -> None:
    made = image.make(root, tmp_path / "image", config={})
    for digest in made.blob_digests:
        assert digest == f"sha256:{hashlib.sha256((made.blobs / digest).read_bytes()).hexdigest()}"
    config, layer = (made.blobs / digest for digest in made.blob_digests)
    content = gzip.decompress(layer.read_bytes())
    assert json.loads(config.read_text())["rootfs"]["diff_ids"] == [f"sha256:{hashlib.sha256(content).hexdigest()}"]
    with tarfile.open(layer) as archive:
        assert archive.getnames() == ["bin", "bin/tool", "link"]
        assert archive.getmember("bin/tool").mode == 0o755
        assert {entry.mtime for entry in archive} == {0}
    assert Image.read(made.blobs) == made
    assert Image.read(tmp_path / "nowhere") is None


def test_the_trainer_image_says_that_it_is_a_rehearsals_and_runs_as_nobody_special() -> None:
    config = images.TRAINER_CONFIG
    assert config["User"] == "1000:1000"
    assert config["Labels"]["hepburst.io/rehearsal"] == "true"  # type: ignore[index]
    assert "host" in images.TRAINER_REPOSITORY
    assert config["Env"][0].startswith(f"PATH={trainer_rootfs.ENVIRONMENT}/bin:")  # type: ignore[index]
