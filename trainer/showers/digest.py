"""SHA-256 of large files, computed once: a preview of a 32 GB data set must not take minutes each time."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from pathlib import Path

from trainer.showers.cache import cache_folder

CACHED_FROM_BYTES = 64 * 2**20
"""Smaller files are hashed anew each time, in under 0.1 s."""


def sha256_of_file(path: Path) -> str:
    """Hexadecimal. Of a large file, the digest is remembered under its path, size and time of change."""
    status = path.stat()
    if status.st_size < CACHED_FROM_BYTES:
        return _computed(path)
    key = f"{path.resolve()}|{status.st_size}|{status.st_mtime_ns}"
    known = _known()
    if key not in known:
        digest = _computed(path)
        known = {**_known(), key: digest}  # read again: others may have written meanwhile
        with contextlib.suppress(OSError):  # without a folder to write to it is computed again next time
            _remember(known)
    return known[key]


def _computed(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _remember(known: dict[str, str]) -> None:
    store = _store()
    store.parent.mkdir(parents=True, exist_ok=True)
    partial = store.with_name(f".{store.name}.{os.getpid()}")
    partial.write_text(json.dumps(known))
    partial.replace(store)


def _store() -> Path:
    return cache_folder() / "sha256.json"


def _known() -> dict[str, str]:
    try:
        known = json.loads(_store().read_text())
    except (OSError, ValueError):
        return {}
    return known if isinstance(known, dict) else {}
