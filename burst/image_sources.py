"""What the trainer image is made of: the files that go into it, and their digest. `.dockerignore` names the same files."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType

DOCKERFILE = "trainer/Dockerfile"
FILES = (".dockerignore", "pyproject.toml", "uv.lock", "LICENSE", "NOTICE")
FOLDER = "trainer"
VARIANT_ARGUMENTS: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {
        "cpu": {"TORCH_INDEX": "https://download.pytorch.org/whl/cpu"},
        "cuda": {
            "TOOLKIT": "docker.io/nvidia/cuda:12.8.1-devel-ubuntu22.04"
            "@sha256:6617a625f4090c76c545a0e7d63f2e441718ef9af7f4efe7dd1242a29e289fd7"
        },
    }
)
"""Build arguments by variant: the small CPU builds of torch, and where nvcc comes from; see trainer/Dockerfile."""


def files(project: Path) -> Iterator[Path]:
    """Every file of the build's context, sorted by name; bytecode is not among them."""
    found = [project / name for name in FILES]
    found += [path for path in (project / FOLDER).rglob("*") if path.is_file()]
    for path in sorted(found):
        if "__pycache__" not in path.parts and path.suffix != ".pyc":
            yield path


def digest(project: Path) -> str:
    """64 hexadecimal digits over names, contents and whether a file may be run: other sources make another image."""
    total = hashlib.sha256()
    for path in files(project):
        content = hashlib.sha256(path.read_bytes()).hexdigest()
        is_executable = bool(path.stat().st_mode & 0o100)
        total.update(f"{path.relative_to(project).as_posix()}\0{content}\0{is_executable}\n".encode())
    return total.hexdigest()
