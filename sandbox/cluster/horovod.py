"""Horovod with MPI beside the project's own, which has Gloo alone: for pods that mount this machine's environment.

It is compiled against the torch of `.venv` with the compiler wrappers and headers of Debian's Open MPI, unpacked into a folder
and thrown away when it is done: nothing is installed on the machine. A pod needs Debian 12's `libopenmpi3` to load the result,
and finds it in front of the environment's own by `PYTHONPATH`.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import shutil
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from engine.go_modules import alone
from engine.places import PROJECT, VENV, cache
from engine.progress import CommandFailed, Step
from engine.python_environment import PYTHON, machine_uv
from trainer.refusal import Refusal

DEBIAN_PACKAGES = (
    "libopenmpi-dev",
    "libopenmpi3",
    "openmpi-bin",
    "openmpi-common",
    "libevent-core-2.1-7",
    "libevent-pthreads-2.1-7",
    "libhwloc15",
    "libudev1",
    "zlib1g",
)
"""Open MPI's compiler wrappers, and what they and `import horovod` load."""
_WRAPPERS = ("mpicc", "mpicxx", "mpic++")
_ASK = "import horovod.torch as h; print(h.mpi_built(), h.gloo_built())"


def mpi_horovod(step: Step, environ: Mapping[str, str]) -> Path:
    """The folder that holds the one package `horovod` with MPI and Gloo, to be put on `PYTHONPATH`; made if it is not there.

    Whole or not at all; a second caller waits for the first. About 5 min on 2 cores. Raises Refusal with a remedy.
    """
    folder = cache() / "cluster" / f"horovod-mpi-{recipe_digest()}"
    if folder.is_dir():
        return folder
    uv = _check(environ)
    folder.parent.mkdir(parents=True, exist_ok=True)
    step.status = "waiting for another that builds Horovod"
    with alone(folder.parent / ".horovod-mpi.lock"):
        if folder.is_dir():
            return folder
        partial = folder.with_name(f".{folder.name}.partial")
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir()
        try:
            env = {**environ, **_with_mpi(_unpacked_open_mpi(step, environ, partial / "debian"), environ)}
            _compile(uv, step, env, partial)
        except CommandFailed as failure:
            raise failure.refusal(
                "Horovod with MPI could not be built for the rehearsal's pods",
                expected="Debian 12's Open MPI packages, PyPI, and a C++17 compiler",
                remedy="mend what the log's last lines name, and repeat",
            ) from None
        (partial / "horovod").rename(folder)
        shutil.rmtree(partial)
    return folder


def recipe_digest() -> str:
    """Twelve hexadecimal digits over what the result is made of: the lock's Horovod and torch, our settings, the machine."""
    settings = _settings()
    parts = [_locked("horovod"), _locked("torch"), settings, DEBIAN_PACKAGES, PYTHON, platform.machine()]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:12]


def _settings() -> dict[str, Any]:
    """What pyproject.toml says of building Horovod."""
    uv = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["uv"]
    tools = [tool for tool in uv["extra-build-dependencies"]["horovod"] if isinstance(tool, str)]
    return {"tools": tools, "variables": uv["extra-build-variables"]["horovod"]}


def _locked(name: str) -> dict[str, str]:
    """Version and digest of a package's sources in uv.lock; the digest is empty for one that has only wheels."""
    packages = tomllib.loads((PROJECT / "uv.lock").read_text(encoding="utf-8"))["package"]
    (package,) = (package for package in packages if package["name"] == name)
    return {"name": name, "version": package["version"], "hash": package.get("sdist", {}).get("hash", "")}


def _check(environ: Mapping[str, str]) -> Path:
    """Refuse what cannot work before anything is fetched; gives uv."""
    path = environ.get("PATH", "")
    missing = [tool for tool in ("apt-get", "dpkg-deb", "c++", "make") if shutil.which(tool, path=path) is None]
    if missing:
        raise Refusal(
            f"no {missing[0]} to build Horovod with MPI",
            expected="Debian 12 with apt-get, dpkg-deb, c++ and make",
            remedy="apt install build-essential, or use a cluster and a trainer image of your own",
        )
    uv = machine_uv(environ)
    if uv is None or not (VENV / "bin" / "python").exists():
        raise Refusal(
            f"{'no uv' if uv is None else 'no environment in .venv'} to build Horovod with MPI",
            expected="the project's own set-up",
            remedy="run: make setup",
        )
    return uv


def _unpacked_open_mpi(step: Step, environ: Mapping[str, str], folder: Path) -> Path:
    """Debian's Open MPI as files in a folder. No script of a package is run and no package becomes the machine's."""
    step.status = "fetching Open MPI's headers"
    folder.mkdir()
    step.run(["apt-get", "-o", "APT::Sandbox::User=root", "download", *DEBIAN_PACKAGES], cwd=folder, env=environ)
    for package in sorted(folder.glob("*.deb")):
        step.run(["dpkg-deb", "--extract", str(package), str(folder)], cwd=folder, env=environ)
    wrappers = folder / "wrappers"
    wrappers.mkdir()
    for name in _WRAPPERS:  # a wrapper's language is its name; Debian's maintainer scripts would make these links
        (wrappers / name).symlink_to(Path("..", "usr", "bin", "opal_wrapper"))
    return folder


def _with_mpi(debian: Path, environ: Mapping[str, str]) -> dict[str, str]:
    """What makes Open MPI's wrappers work from where they lie, and Horovod take MPI."""
    variables = {name: value for name, value in _settings()["variables"].items() if name != "HOROVOD_WITHOUT_MPI"}
    libraries = debian / "usr" / "lib" / f"{platform.machine()}-linux-gnu"
    return {
        **variables,
        "HOROVOD_WITH_MPI": "1",
        "OPAL_PREFIX": str(debian / "usr"),
        "LD_LIBRARY_PATH": f"{libraries}:{libraries / 'openmpi' / 'lib'}",
        "PATH": os.pathsep.join([str(debian / "wrappers"), environ.get("PATH", "")]),
    }


def _compile(uv: Path, step: Step, env: Mapping[str, str], partial: Path) -> None:
    """Horovod's locked sources into `partial/horovod`, compiled against the torch of `.venv`, and asked what it can do."""
    tools, result, requirement = partial / "tools", partial / "horovod", partial / "requirements.txt"
    install = [str(uv), "pip", "install", "--python", str(VENV / "bin" / "python")]
    step.status = "fetching what Horovod is built with"
    step.run([*install, "--target", str(tools), *_settings()["tools"]], cwd=PROJECT, env=env)
    locked = _locked("horovod")
    requirement.write_text(f"{locked['name']}=={locked['version']} --hash={locked['hash']}\n", encoding="utf-8")
    step.status = "compiling Horovod with MPI"
    # Not from uv's cache: it knows a built Horovod by version and settings, not by the MPI on the path. Nor in the project's
    # folder, whose settings would have uv install a torch to build with.
    once = ["--no-cache", "--no-deps", "--no-build-isolation", "--no-binary", "horovod"]
    checked = ["--require-hashes", "--compile-bytecode"]
    path = os.pathsep.join([str(tools / "bin"), env["PATH"]])
    with_tools = {**env, "PATH": path, "PYTHONPATH": str(tools)}
    step.run([*install, *once, *checked, "--target", str(result), "-r", str(requirement)], cwd=partial, env=with_tools)
    for left in (result / ".lock", result / "bin"):  # `horovodrun` stays the environment's own
        shutil.rmtree(left) if left.is_dir() else left.unlink(missing_ok=True)
    said = step.run([str(VENV / "bin" / "python"), "-c", _ASK], cwd=partial, env={**env, "PYTHONPATH": str(result)})
    if said[-1:] != ["True True"]:
        raise CommandFailed(step, said)
