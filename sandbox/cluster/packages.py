"""Debian packages unpacked into the user's cache: containerd and its friends for the node, and what the images are made of.

Nothing is installed: no package manager's state changes, no maintainer script runs.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

from engine.go_modules import alone
from engine.places import PROJECT, cache
from engine.progress import CommandFailed, Step

NODE_PACKAGES = ("containerd", "runc", "containernetworking-plugins", "docker-registry")
PAUSE_PACKAGES = ("busybox-static",)
TRAINER_PACKAGES = (
    *("openssh-server", "openssh-client", "openmpi-bin"),
    *("python3.11-minimal", "libpython3.11-stdlib"),
    *("bash", "coreutils", "libc-bin", "hostname", "mawk", "sed", "grep", "findutils", "procps", "tar", "ca-certificates"),
)
"""The trainer image's; fetched with all that they depend on, as nothing is in an image yet."""
UNPACK_VERSION = 1
"""Counted up where the same packages are to be unpacked anew."""


def unpacked(name: str, packages: Sequence[str], step: Step, environ: Mapping[str, str], *, is_complete: bool) -> Path:
    """The folder with these packages' files, fetched and unpacked if it is not there, whole or not at all.

    With `is_complete` what they depend on comes too. Raises Refusal if they cannot be fetched.
    """
    digest = hashlib.sha256(f"{UNPACK_VERSION} {is_complete} {' '.join(packages)}".encode()).hexdigest()[:12]
    folder = cache() / "cluster" / f"{name}-{digest}"
    folder.parent.mkdir(parents=True, exist_ok=True)
    with alone(folder.with_name(f".{folder.name}.lock")):
        if not folder.exists():
            partial = folder.with_name(f".{folder.name}.partial")
            shutil.rmtree(partial, ignore_errors=True)
            (partial / "debs" / "partial").mkdir(parents=True)
            try:
                _fetch(packages, partial, step, environ, is_complete=is_complete)
                _unpack(partial, step, environ)
            except CommandFailed as failure:
                raise failure.refusal(
                    f"Debian packages for the {name} could not be fetched and unpacked",
                    expected="Debian 12 with a way to its packages",
                    remedy="try: apt-get update; and repeat",
                ) from None
            shutil.rmtree(partial / "debs")
            (partial / "root").rename(folder)
            shutil.rmtree(partial)
    return folder


def _fetch(packages: Sequence[str], partial: Path, step: Step, environ: Mapping[str, str], *, is_complete: bool) -> None:
    step.status = "fetching Debian packages"
    env = {**environ, "DEBIAN_FRONTEND": "noninteractive"}
    if not is_complete:
        # The user's own sources and proxies are apt's; root fetches into a folder that apt's own user cannot write.
        step.run(["apt-get", "-o", "APT::Sandbox::User=root", "download", *packages], cwd=partial / "debs", env=env)
        return
    (partial / "status").touch()
    options = {
        "Dir::State::status": partial / "status",  # as if nothing were installed
        "Dir::Cache::archives": partial / "debs",
        "Debug::NoLocking": 1,
        "APT::Sandbox::User": "root",
    }
    command = ["apt-get", *(f"-o{name}={value}" for name, value in options.items())]
    command += ["--no-install-recommends", "--download-only", "--yes", "install", *packages]
    step.run(command, cwd=PROJECT, env=env)


def _unpack(partial: Path, step: Step, environ: Mapping[str, str]) -> None:
    """Unpack in the order of the names, into the merged layout that Debian has since version 12."""
    step.status = "unpacking Debian packages"
    root = partial / "root"
    for name in ("bin", "sbin", "lib", "lib64"):
        (root / "usr" / name).mkdir(parents=True, exist_ok=True)
        (root / name).symlink_to(f"usr/{name}")
    for package in sorted((partial / "debs").glob("*.deb")):
        script = 'dpkg-deb --fsys-tarfile "$1" | tar --extract --keep-directory-symlink --directory "$2"'
        step.run(["bash", "-o", "pipefail", "-c", script, "bash", str(package), str(root)], cwd=PROJECT, env=environ)
