"""A run's folder here: it holds what was there before or all of the new files, whatever happens in between."""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import tarfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from trainer.contract import CHECKPOINTS_FOLDER, EVENTS_FILE, RESULT_FILE, RUN_FILE, SHOWERS_FILE
from trainer.refusal import Refusal

BEST_FILE = f"{CHECKPOINTS_FOLDER}/best.pt"
FILES = (RUN_FILE, EVENTS_FILE, RESULT_FILE, SHOWERS_FILE, BEST_FILE)
"""What is brought home, relative to the run folder; what a run did not come to write is not there."""
CHUNK_BYTES = 2**20


class Damaged(Exception):  # noqa: N818 - a word for what happened: it is fetched once more
    """What came is not what was sent."""


def digests(folder: Path) -> dict[str, str]:
    """SHA-256 of the `FILES` that a folder has."""
    return {name: sha256(folder / name) for name in FILES if (folder / name).is_file()}


def sha256(path: Path) -> str:
    """As sha256sum gives it."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def listed(text: str) -> dict[str, str]:
    """What `sha256sum` printed.

    >>> listed(f"{'0' * 64}  run.json\\n")["run.json"][:4]
    '0000'
    """
    pairs = [line.split(maxsplit=1) for line in text.splitlines() if line.strip()]
    found = {pair[1].lstrip("*"): pair[0] for pair in pairs if len(pair) == 2}
    if any(name not in FILES or len(digest) != 64 for name, digest in found.items()) or len(found) != len(pairs):
        raise Damaged("the list of files is garbled")
    return found


@contextlib.contextmanager
def workbench(run_folder: Path) -> Iterator[Path]:
    """An empty folder beside `run_folder`, removed in the end."""
    bench = run_folder.with_name(f".{run_folder.name}.incoming.{os.getpid()}")
    try:
        shutil.rmtree(bench, ignore_errors=True)
        bench.mkdir(parents=True)
        yield bench
    except OSError as problem:
        raise Refusal(
            f"{run_folder}: {problem.strerror or problem}",
            expected="a folder that can be written",
            remedy="free space, or rights",
        ) from None
    finally:
        shutil.rmtree(bench, ignore_errors=True)


def unpack(archive: Path, folder: Path, expected: Mapping[str, str]) -> None:
    """Files of a tar archive, which must be `expected` (SHA-256 by name) and nothing else. Raises `Damaged`."""
    try:
        with tarfile.open(archive, mode="r:") as packed:
            for member in packed:
                content = packed.extractfile(member) if member.isfile() and member.name in expected else None
                if content is None:
                    raise Damaged(f"an unasked file {member.name}")
                target = folder / member.name
                target.parent.mkdir(parents=True, exist_ok=True)
                with target.open("wb") as file:
                    shutil.copyfileobj(content, file, CHUNK_BYTES)
    except (tarfile.TarError, EOFError) as problem:
        raise Damaged(f"a broken archive: {problem}") from None
    got = digests(folder)
    for name, digest in expected.items():
        if got.get(name) != digest:
            raise Damaged(f"{name} is not what the cluster has")


def replace(run_folder: Path, new: Path) -> None:
    """Put the folder `new` in the place of `run_folder`."""
    old = run_folder.with_name(f".{run_folder.name}.old.{os.getpid()}")
    shutil.rmtree(old, ignore_errors=True)
    try:
        if run_folder.exists():
            run_folder.rename(old)
        try:
            new.rename(run_folder)
        except OSError:
            if old.exists() and not run_folder.exists():
                old.rename(run_folder)
            raise
    finally:
        if run_folder.exists():
            shutil.rmtree(old, ignore_errors=True)
