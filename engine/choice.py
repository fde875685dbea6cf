"""Which Pulumi engine to use: the official one on PATH, or one built from Go modules (docs/adr/0001-engine.md)."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from engine.places import PROJECT, cache
from engine.versions import Version, dotted, version
from trainer.refusal import Refusal

BUILT: Version = (3, 259, 0)
"""The newest CLI whose Go modules are published whole; the same as in engine/go.mod."""
OLDEST_OFFICIAL = BUILT
"""The oldest that this project is tested with. (The provider SDKs of uv.lock ask for 3.231.)"""
INSTALL_PAGE = "https://www.pulumi.com/docs/install/"


@dataclass(frozen=True)
class Engine:
    """A folder with `pulumi` and its Python language host. `is_ours` says that it was built here."""

    folder: Path
    version: str
    is_ours: bool

    @property
    def is_there(self) -> bool:
        """Whether it can be run now; one of ours may still have to be built."""
        return (self.folder / "pulumi").exists()


def choose(environ: Mapping[str, str]) -> Engine:
    """The official engine on the PATH of `environ` if there is one, else ours, built or not.

    Raises Refusal if the official one is too old or lacks its Python language host: to build another beside it would leave
    the user with two that disagree.
    """
    official = _official(environ)
    if official is None:
        return Engine(folder=_built_folder(), version=dotted(BUILT), is_ours=True)
    found = _version_of(official, environ)
    if found is None or found < OLDEST_OFFICIAL:
        raise Refusal(
            f"{official} is Pulumi {dotted(found) if found else 'of an unknown version'}",
            expected=f"{dotted(OLDEST_OFFICIAL)} or newer",
            remedy=f"update it ({INSTALL_PAGE}), or take it off PATH to have one built here",
        )
    if not _has_language_host(official, environ):
        raise Refusal(
            f"{official} has no pulumi-language-python beside it",
            expected="the whole official installation",
            remedy=f"install Pulumi anew ({INSTALL_PAGE}), or take it off PATH to have one built here",
        )
    return Engine(folder=official.parent, version=dotted(found), is_ours=False)


def _official(environ: Mapping[str, str]) -> Path | None:
    """The first `pulumi` on PATH that was not built here (an activated shell has ours in front)."""
    ours = cache() / "engine"
    folders = [folder for folder in environ.get("PATH", "").split(os.pathsep) if folder and ours not in Path(folder).parents]
    found = shutil.which("pulumi", path=os.pathsep.join(folders))
    return Path(found) if found else None


def _version_of(pulumi: Path, environ: Mapping[str, str]) -> Version | None:
    try:
        answer = subprocess.run(
            [str(pulumi), "version"],
            env={**environ, "PULUMI_SKIP_UPDATE_CHECK": "true"},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return version(answer.stdout)


def _has_language_host(pulumi: Path, environ: Mapping[str, str]) -> bool:
    beside = [folder / "pulumi-language-python" for folder in (pulumi.parent, pulumi.resolve().parent)]
    return any(host.exists() for host in beside) or bool(shutil.which("pulumi-language-python", path=environ.get("PATH", "")))


def sources_digest(folder: Path = PROJECT / "engine") -> str:
    """Twelve hexadecimal digits over what an engine of ours is made of: the locked modules and the language host's sources."""
    digest = hashlib.sha256()
    for file in [folder / "go.mod", folder / "go.sum", *sorted((folder / "language_host").iterdir())]:
        if file.suffix in (".mod", ".sum", ".go", ".py") and not file.name.endswith("_test.go"):
            content = file.read_bytes()
            digest.update(f"{file.name} {len(content)}\n".encode() + content)
    return digest.hexdigest()[:12]


def _built_folder() -> Path:
    return cache() / "engine" / f"{dotted(BUILT)}-{sources_digest()}"
