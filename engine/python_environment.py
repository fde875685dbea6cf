"""The project's Python environment: uv, and what uv.lock says, in `.venv`."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from engine.places import OWN, PROJECT, VENV, cache
from engine.progress import CommandFailed, Step
from engine.versions import Version, version
from trainer.refusal import Refusal

OLDEST_UV: Version = (0, 9, 0)
"""`required-version` in pyproject.toml: the first with build dependencies that follow the lock."""
UV_PACKAGE = "uv==0.13.9"
PYTHON = "3.11"
DEBIAN_HEADERS = f"apt install python{PYTHON}-dev"


def machine_uv(environ: Mapping[str, str]) -> Path | None:
    """The user's own uv if it is new enough, or the one that an earlier set-up fetched."""
    for found in (shutil.which("uv", path=environ.get("PATH", "")), _fetched_uv()):
        if found and Path(found).exists():
            answer = subprocess.run([str(found), "--version"], capture_output=True, text=True, check=False)
            numbers = version(answer.stdout)
            if numbers and numbers >= OLDEST_UV:
                return Path(found)
    return None


def _fetched_uv() -> Path:
    return cache() / UV_PACKAGE.replace("==", "-") / "bin" / "uv"


def fetch_uv(step: Step, environ: Mapping[str, str]) -> Path:
    """Install uv from its Python package into our cache. Raises Refusal if that cannot be."""
    step.status = "fetching uv"
    folder = _fetched_uv().parents[1]
    partial = folder.with_name(f".{folder.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    try:
        # A prefix, not the environment itself, so that the folder may be moved into place when it is whole.
        step.run([sys.executable, "-m", "venv", str(partial / "installer")], cwd=PROJECT, env=environ)
        pip = [str(partial / "installer" / "bin" / "python"), "-m", "pip", "install", "--disable-pip-version-check"]
        step.run([*pip, "--prefix", str(partial / "uv"), UV_PACKAGE], cwd=PROJECT, env=environ)
    except CommandFailed as failure:
        raise failure.refusal(
            f"{UV_PACKAGE} could not be installed",
            expected="a way to the Python package index, or a uv of your own",
            remedy="check the network and pip's configuration, or install uv 0.9 or newer, and repeat",
        ) from None
    shutil.rmtree(folder, ignore_errors=True)
    (partial / "uv").rename(folder)
    shutil.rmtree(partial)
    return _fetched_uv()


def interpreter(uv: Path, environ: Mapping[str, str]) -> Path | None:
    """The Python that uv will use; None if it will have to fetch one of its own."""
    answer = subprocess.run(
        [str(uv), "python", "find", "--no-project", PYTHON], env=dict(environ), capture_output=True, text=True, check=False
    )
    return Path(answer.stdout.strip()) if answer.returncode == 0 else None


def check_headers(python: Path) -> None:
    """Refuse a Python without its C headers: Horovod is compiled against them."""
    ask = "import pathlib, sysconfig; print(pathlib.Path(sysconfig.get_path('include'), 'Python.h').exists())"
    answer = subprocess.run([str(python), "-I", "-c", ask], capture_output=True, text=True, check=False)
    if answer.stdout.strip() != "True":
        raise Refusal(
            f"{python} has no C headers",
            expected="a Python 3.11 that extensions can be compiled for",
            remedy=f"install them (Debian, Ubuntu: {DEBIAN_HEADERS}), or let uv fetch a Python: uv python install {PYTHON}",
        )


def sync(uv: Path, step: Step, environ: Mapping[str, str], *, groups: Sequence[str], extras: Sequence[str]) -> str:
    """Install what uv.lock says for these groups and extras; nothing that is there already is removed.

    An environment that was moved or copied here is made anew: its scripts and the trainer in it are those of the other place.
    Raises Refusal with a remedy if a package cannot be fetched or Horovod cannot be built.
    """
    step.status = "reading the lock"
    if _is_from_elsewhere(VENV):
        left = OWN / ".venv.old"  # moved first: half an environment is one that uv refuses
        shutil.rmtree(left, ignore_errors=True)
        VENV.rename(left)
        shutil.rmtree(left)
    options = [option for group in groups for option in ("--group", group)]
    options += [option for extra in extras for option in ("--extra", extra)]
    env = {**environ, "UV_PROJECT_ENVIRONMENT": str(VENV)}
    env.pop("VIRTUAL_ENV", None)
    try:
        lines = step.run(
            [str(uv), "sync", "--locked", "--inexact", "--no-progress", *options], cwd=PROJECT, env=env, status=Narrator().words
        )
    except CommandFailed as failure:
        raise _refusal(failure) from None
    installed = [match[1] for line in lines if (match := re.match(r"Installed (\d+) packages?", line))]
    return f"installed {installed[0]}" if installed else "all are there"


def _is_from_elsewhere(environment: Path) -> bool:
    """Whether a script in an environment is run by the Python of another one of the same name (through sh if that is long)."""
    scripts = environment.resolve() / "bin"
    for script in scripts.glob("*") if not environment.is_symlink() else ():
        if script.is_file() and not script.is_symlink():
            with script.open("rb") as file:
                match = re.match(rb"#!(?:/bin/sh\n'''exec' \W?)?(/.+?/\.venv/bin)/python", file.read(1000))
            if match and Path(os.fsdecode(match[1])).resolve() != scripts:
                return True
    return False


class Narrator:
    """Turns uv's lines, one after another, into words for a user; large packages are told as a sum of gigabytes."""

    def __init__(self) -> None:
        self._gigabytes: dict[str, float] = {}
        self._done: set[str] = set()
        self._is_compiling = False

    def words(self, line: str) -> str | None:
        """What to show after this line; None if it changes nothing.

        >>> uv = Narrator()
        >>> uv.words("Downloading torch (1.0GiB)"), uv.words("Downloading numpy (100.0MiB)"), uv.words(" Downloaded numpy")
        ('downloaded 0.0 of 1.1 GB', 'downloaded 0.0 of 1.2 GB', 'downloaded 0.1 of 1.2 GB')
        >>> uv.words("   Building horovod==0.28.1"), uv.words(" Downloaded torch"), uv.words("Prepared 60 packages")
        ('downloaded 0.1 of 1.2 GB', 'compiling Horovod', 'installing')
        """
        if match := re.match(r"\s*Downloading (\S+) \(([\d.]+)([KMG])iB\)", line):
            self._gigabytes[match[1]] = float(match[2]) * {"K": 2**10, "M": 2**20, "G": 2**30}[match[3]] / 1e9
        elif match := re.match(r"\s*Downloaded (\S+)", line):
            self._done.add(match[1])
        elif re.match(r"\s*(Building|Built) horovod", line):
            self._is_compiling = "Building" in line
        elif re.match(r"\s*Prepared", line):
            return "installing"
        else:
            return None
        if self._is_compiling and self._done >= set(self._gigabytes):
            return "compiling Horovod"
        done = sum(gigabytes for name, gigabytes in self._gigabytes.items() if name in self._done)
        return f"downloaded {done:.1f} of {sum(self._gigabytes.values()):.1f} GB"


def _refusal(failure: CommandFailed) -> Refusal:
    text = "\n".join(failure.lines)
    if "horovod" in text and "build" in text.lower() and "Failed to fetch" not in text:
        return failure.refusal(
            "Horovod could not be compiled",
            expected="a C++17 compiler, make and the headers of Python 3.11",
            remedy="mend what the log's last lines name, and repeat: what is done is kept",
        )
    if "lockfile" in text and "needs to be updated" in text:
        return failure.refusal(
            "uv.lock does not match pyproject.toml or the package index that uv is told to use",
            expected="the lock as it was made",
            remedy="unset UV_DEFAULT_INDEX and UV_INDEX_URL if they are set; if you changed pyproject.toml, run: uv lock",
        )
    return failure.refusal(
        "the Python packages could not be installed",
        expected="a way to the Python package index, and room on the disk",
        remedy="check the network, any proxy or index that uv is told to use, and repeat: what is fetched is kept",
    )
