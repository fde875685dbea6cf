"""The plugin with a real builder and a real registry, on the loopback interface."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import http.client
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from burst import image_sources
from provider import image
from provider.image_builders import BUILDER_VARIABLE

pytestmark = pytest.mark.cluster
MANIFEST = "application/vnd.oci.image.manifest.v1+json, application/vnd.docker.distribution.manifest.v2+json"
URN = "urn:pulumi:onprem::hepburst::hepburst:image:TrainerImage::image"


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[str]:
    """Address of an empty registry."""
    program = shutil.which("docker-registry")
    if program is None:
        pytest.skip("no docker-registry on this machine (Debian package of that name)")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{taken.getsockname()[1]}"
    config = tmp_path / "registry.yml"
    storage = f"storage: {{filesystem: {{rootdirectory: {tmp_path / 'registry'}}}}}"
    config.write_text(f"version: 0.1\nlog: {{level: error}}\n{storage}\nhttp: {{addr: {address}}}\n")
    with subprocess.Popen([program, "serve", str(config)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            for _ in range(100):
                with socket.socket() as probe:
                    if probe.connect_ex(("127.0.0.1", int(address.rpartition(":")[2]))) == 0:
                        break
                time.sleep(0.1)
            yield address
        finally:
            process.terminate()


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Stands for the project: an image of one folder."""
    project = tmp_path / "checkout"
    (project / "trainer").mkdir(parents=True)
    (project / "trainer" / "Dockerfile").write_text(
        "FROM scratch\nARG VARIANT\nCOPY trainer /trainer\nLABEL variant=${VARIANT}\n"
    )
    for name in image_sources.FILES:
        (project / name).write_text("*\n!trainer\n" if name == ".dockerignore" else name)
    monkeypatch.setattr(image, "PROJECT", project)
    monkeypatch.setattr(image, "LOG", tmp_path / "image.log")
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    return project


@pytest.mark.parametrize("builder", ["buildah", "podman"])
def test_what_is_pushed_is_pulled_by_the_digest_and_made_twice_it_is_the_same(
    builder: str, registry: str, checkout: Path, engine: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    if shutil.which(builder) is None or os.geteuid() != 0:
        pytest.skip(f"needs {builder} and root")
    monkeypatch.setenv(BUILDER_VARIABLE, builder)
    repository = f"{registry}/hepburst/trainer"
    inputs = {
        "repository": repository,
        "variant": "cpu",
        "build_arguments": {},
        "platform": "linux/amd64",
        "sources_sha256": image_sources.digest(checkout),
    }
    references = []
    try:
        for _ in range(2):
            references.append(asyncio.run(image.TrainerImage(engine, asyncio.Event()).create(URN, inputs)).state["reference"])
            subprocess.run([builder, "rmi", f"{repository}:{_tag(inputs)}"], check=True)
    finally:
        subprocess.run([builder, "rmi", f"{repository}:{_tag(inputs)}"], check=False, capture_output=True)
    digest = references[0].rpartition("@")[2]
    connection = http.client.HTTPConnection(registry, timeout=10)
    connection.request("GET", f"/v2/hepburst/trainer/manifests/{digest}", headers={"Accept": MANIFEST})
    with contextlib.closing(connection), connection.getresponse() as answer:
        assert f"sha256:{hashlib.sha256(answer.read()).hexdigest()}" == digest
    assert references[0] == references[1]
    assert engine.statuses


def _tag(inputs: dict[str, Any]) -> str:
    return f"{inputs['variant']}-{inputs['sources_sha256'][: image.TAG_DIGITS]}"
