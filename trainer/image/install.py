"""Fills the image's Python environment in the build stage: `install.py dependencies`, then `install.py trainer`.

Everything comes as uv.lock says. Two things differ from the project's own environment: Horovod has MPI too (and NCCL for
GPUs), and torch may come from an index of CPU builds, which saves 6 GB. Standard library only, as nothing is installed yet.

Environment variables: `VARIANT` (cpu or cuda), `TORCH_INDEX` (empty: torch from where the lock says).
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

ENVIRONMENT = Path("/opt/hepburst/.venv")
TOOLS = Path("/opt/tools")
CUDA = Path("/opt/toolkit/cuda-12.8")
"""Of the CUDA version that the locked torch is built with."""
EXTRAS = ("--extra", "s3")
"""Of the trainer: pods may be given data at s3:// addresses."""
COMPUTE_CAPABILITIES = "70,75,80,86,89,90,100,120"
"""V100 to Blackwell: those of the locked torch, and 89 (L4, L40S)."""


def main(arguments: Sequence[str]) -> None:
    """Do one of the two steps, in the folder that holds pyproject.toml, uv.lock and trainer/."""
    sources = Path.cwd()
    match list(arguments):
        case ["dependencies"]:
            install_dependencies(sources, os.environ.get("VARIANT", "cpu"), os.environ.get("TORCH_INDEX", ""))
        case ["trainer"]:
            _pip("--no-deps", str(sources / "trainer"))
        case _:
            sys.exit(f"{list(arguments)}; expected `dependencies` or `trainer`")


def install_dependencies(sources: Path, variant: str, torch_index: str) -> None:
    """All that the lock says for the trainer, and Horovod compiled against the torch that is then there."""
    if variant not in ("cpu", "cuda"):
        sys.exit(f"VARIANT is {variant!r}; expected cpu or cuda")
    if variant == "cuda" and torch_index:
        sys.exit("TORCH_INDEX is for the cpu variant: the lock's torch is the CUDA build")
    if variant == "cuda" and not (CUDA / "bin" / "nvcc").exists():
        sys.exit(f"no nvcc in {CUDA}; give TOOLKIT, as the first lines of trainer/Dockerfile say")
    lock = tomllib.loads((sources / "uv.lock").read_text(encoding="utf-8"))
    uv_settings = tomllib.loads((sources / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["uv"]
    left_out = ["horovod", *(cuda_packages(lock) if torch_index else ())]
    skips = [word for name in left_out for word in ("--no-install-package", name)]
    _run("uv", "sync", "--locked", "--package", "hepburst-trainer", *EXTRAS, "--no-install-workspace", *skips)
    if torch_index:
        _pip("--no-deps", "--index-url", torch_index, f"torch=={locked(lock, 'torch')['version']}")
    tools = [tool for tool in uv_settings["extra-build-dependencies"]["horovod"] if isinstance(tool, str)]
    _pip("--target", str(TOOLS), *tools)
    requirement = Path("/tmp/horovod.txt")  # noqa: S108 - a build stage has no other users
    horovod = locked(lock, "horovod")
    requirement.write_text(f"horovod=={horovod['version']} --hash={horovod['sdist']['hash']}\n", encoding="ascii")
    variables = {**horovod_variables(uv_settings["extra-build-variables"]["horovod"], variant), "PYTHONPATH": str(TOOLS)}
    variables["PATH"] = f"{TOOLS / 'bin'}:{CUDA / 'bin'}:{os.environ['PATH']}"
    if variant == "cuda":
        _name_nccl()
    _pip(
        *("--no-deps", "--no-build-isolation", "--no-binary", "horovod", "--require-hashes", "-r", str(requirement)),
        variables=variables,
    )


def locked(lock: Mapping[str, Any], name: str) -> dict[str, Any]:
    """A package's entry in uv.lock.

    >>> locked({"package": [{"name": "torch", "version": "2.9.1"}]}, "torch")["version"]
    '2.9.1'
    """
    package: dict[str, Any]
    (package,) = (package for package in lock["package"] if package["name"] == name)
    return package


def cuda_packages(lock: Mapping[str, Any]) -> list[str]:
    """torch and what only its CUDA build needs.

    >>> cuda_packages({"package": [{"name": "torch"}, {"name": "numpy"}, {"name": "nvidia-nccl-cu12"}, {"name": "triton"}]})
    ['nvidia-nccl-cu12', 'torch', 'triton']
    """
    return sorted(package["name"] for package in lock["package"] if re.match(r"(nvidia-.*|torch|triton)$", package["name"]))


def horovod_variables(project: Mapping[str, str], variant: str) -> dict[str, str]:
    """The project's build settings of Horovod, with MPI, and for GPUs with NCCL of the version that torch itself loads.

    >>> horovod_variables({"HOROVOD_WITH_GLOO": "1", "HOROVOD_WITHOUT_MPI": "1"}, "cpu")
    {'HOROVOD_WITH_GLOO': '1', 'HOROVOD_WITH_MPI': '1'}
    """
    variables = {name: value for name, value in project.items() if name != "HOROVOD_WITHOUT_MPI"}
    variables["HOROVOD_WITH_MPI"] = "1"
    if variant == "cuda":
        variables |= {
            "HOROVOD_GPU": "CUDA",
            "HOROVOD_GPU_OPERATIONS": "NCCL",
            "HOROVOD_CUDA_HOME": str(CUDA),
            "HOROVOD_NCCL_HOME": str(_nccl()),
            "HOROVOD_NCCL_LINK": "SHARED",
            "HOROVOD_BUILD_CUDA_CC_LIST": COMPUTE_CAPABILITIES,
        }
    return variables


def _nccl() -> Path:
    return ENVIRONMENT / "lib" / "python3.11" / "site-packages" / "nvidia" / "nccl"


def _name_nccl() -> None:
    """The wheel has the library by its run-time name alone; a linker looks for the other."""
    name = _nccl() / "lib" / "libnccl.so"
    if not name.exists():
        name.symlink_to("libnccl.so.2")


def _pip(*arguments: str, variables: Mapping[str, str] | None = None) -> None:
    # From the root folder: in the project's own, its settings would have uv install a second torch to build Horovod with.
    command = ["uv", "pip", "install", "--python", str(ENVIRONMENT / "bin" / "python"), *arguments]
    _run(*command, variables=variables, folder=Path("/"))


def _run(*command: str, variables: Mapping[str, str] | None = None, folder: Path | None = None) -> None:
    print("$", *command, flush=True)
    done = subprocess.run(command, env={**os.environ, **(variables or {})}, cwd=folder, check=False)
    if done.returncode:
        sys.exit(done.returncode)


if __name__ == "__main__":
    main(sys.argv[1:])
