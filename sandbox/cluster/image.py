"""Container images of one layer, made from a folder of files; the same files give the same digest."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import os
import tarfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

LAYER_TYPE = "application/vnd.oci.image.layer.v1.tar+gzip"
CONFIG_TYPE = "application/vnd.oci.image.config.v1+json"
MANIFEST_TYPE = "application/vnd.oci.image.manifest.v1+json"
CHUNK_BYTES = 1 << 20
ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
"""The kernel's words for machines to those of images."""


@dataclass(frozen=True, kw_only=True)
class Image:
    """A manifest and, in `blobs`, the config and the layer that it names, each in a file called by its digest."""

    manifest: bytes
    blobs: Path

    @property
    def digest(self) -> str:
        """What the image is pulled by: `sha256:...`."""
        return _digest(self.manifest)

    @property
    def blob_digests(self) -> list[str]:
        """Config and layers, as the manifest names them."""
        values = json.loads(self.manifest)
        return [values["config"]["digest"], *(layer["digest"] for layer in values["layers"])]

    @classmethod
    def read(cls, folder: Path) -> Image | None:
        """The image that `make` left in a folder; None if there is none."""
        try:
            return cls(manifest=(folder / "manifest.json").read_bytes(), blobs=folder)
        except OSError:
            return None


def make(root: Path, folder: Path, *, config: Mapping[str, Any]) -> Image:
    """Write the image of the files in `root` into `folder`. `config` is OCI's: Env, User, Labels, Entrypoint..."""
    folder.mkdir(parents=True, exist_ok=True)
    layer, uncompressed, num_bytes = _layer(root, folder)
    architecture = ARCHITECTURES[os.uname().machine]
    described = {
        "architecture": architecture,
        "os": "linux",
        "config": dict(config),
        "rootfs": {"type": "layers", "diff_ids": [uncompressed]},
        "history": [{"created_by": "hepburst: sandbox.cluster"}],
    }
    text = json.dumps(described, sort_keys=True).encode()
    (folder / _digest(text)).write_bytes(text)
    manifest = {
        "schemaVersion": 2,
        "mediaType": MANIFEST_TYPE,
        "config": {"mediaType": CONFIG_TYPE, "digest": _digest(text), "size": len(text)},
        "layers": [{"mediaType": LAYER_TYPE, "digest": layer, "size": num_bytes}],
    }
    (folder / "manifest.json").write_text(json.dumps(manifest, sort_keys=True), encoding="ascii")
    image = Image.read(folder)
    assert image is not None
    return image


class _Counted(io.RawIOBase):
    """Passes bytes on and keeps their digest and number."""

    def __init__(self, target: io.BufferedWriter | gzip.GzipFile) -> None:
        self._target, self._sum, self.num_bytes = target, hashlib.sha256(), 0

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self._sum.update(data)
        self._target.write(data)
        self.num_bytes += len(data)
        return len(data)

    @property
    def digest(self) -> str:
        return f"sha256:{self._sum.hexdigest()}"


def _layer(root: Path, folder: Path) -> tuple[str, str, int]:
    """Write the layer; its digest, that of what is in it, and its size in bytes."""
    partial = folder / ".layer.partial"
    with partial.open("wb") as file:
        outer = _Counted(file)
        # Quick rather than small: it travels within this machine. No time of day goes in.
        with gzip.GzipFile(filename="", fileobj=outer, mode="wb", compresslevel=1, mtime=0) as compressed:
            inner = _Counted(compressed)
            with tarfile.open(fileobj=inner, mode="w|", format=tarfile.PAX_FORMAT) as archive:
                for name in _sorted_names(root):
                    archive.add(root / name, arcname=name, recursive=False, filter=_without_times)
    partial.rename(folder / outer.digest)
    return outer.digest, inner.digest, outer.num_bytes


def _sorted_names(root: Path) -> Sequence[str]:
    return sorted(str(path.relative_to(root)) for path in root.rglob("*"))


def _without_times(entry: tarfile.TarInfo) -> tarfile.TarInfo:
    entry.mtime = 0
    entry.uname = entry.gname = ""
    return entry


def _digest(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"
