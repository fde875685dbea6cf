"""Showers in S3, or in a store that speaks it, fetched once into a local folder.

The address is `s3://bucket/key.h5` for one file, or `s3://bucket/prefix/` for the .h5 and .hdf5 files right under a prefix.
Which store, and who asks, boto3 learns in its usual ways: AWS_ENDPOINT_URL, AWS_ACCESS_KEY_ID and the like, ~/.aws. The folder
is HEPBURST_DATA_CACHE, by default one in the user's cache. A fetched file is there whole or not at all; its folder's name has
the object's ETag and size, so that an object which changed is another file. Many ranks of one machine fetch once: they wait for
each other at a lock. Needs the extra `s3` of the trainer.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from trainer.refusal import Refusal
from trainer.showers.cache import cache_folder

SCHEME = "s3://"
CACHE_VARIABLE = "HEPBURST_DATA_CACHE"
CHUNK_BYTES = 2**23


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredFile:
    """An object as the store lists it."""

    bucket: str
    key: str
    etag: str
    """Changes whenever the content does; mostly its MD5."""
    num_bytes: int

    @property
    def local_path(self) -> Path:
        """Where it lies once it is fetched. Under its own name, as files are numbered in the order of their names."""
        version = hashlib.sha256(f"{self.bucket}/{self.key}/{self.etag}/{self.num_bytes}".encode()).hexdigest()[:16]
        return data_cache() / version / Path(self.key).name

    @property
    def url(self) -> str:
        """As users write it."""
        return f"{SCHEME}{self.bucket}/{self.key}"


def data_cache() -> Path:
    """The folder for what was fetched. It can be removed at any time but during a run."""
    given = os.environ.get(CACHE_VARIABLE)
    return Path(given) if given else cache_folder() / "s3"


def is_url(path: str | Path) -> bool:
    """Whether it is an address in S3. A `Path` is none: it makes one slash of two."""
    return isinstance(path, str) and path.startswith(SCHEME)


@lru_cache(maxsize=64)
def fetched(url: str, suffixes: tuple[str, ...]) -> list[Path]:
    """The local files of an address, by name, fetched unless they are here. A process asks once.

    Refuses, by address, what is not there, cannot be reached, or did not arrive as the store listed it.
    """
    bucket, key = _bucket_and_key(url)
    client, failures = _client()
    try:
        if key and not key.endswith("/"):
            found = [_head(client, bucket, key)]
        else:
            found = [each for each in _listed(client, bucket, key) if each.key.endswith(suffixes)]
        if not found:
            raise Refusal(
                f"no showers at {url}", expected=f"{' or '.join(suffixes)} objects right under it", remedy="check the address"
            )
        for file in found:
            _fetch(client, file)
    except failures as problem:
        raise Refusal(
            f"{url}: {' '.join(str(problem).split())}",
            expected="an object or a prefix ending in / that can be read",
            remedy="check the address, AWS_ENDPOINT_URL and the credentials (AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY)",
        ) from None
    return sorted((file.local_path for file in found), key=lambda path: path.name)


def _bucket_and_key(url: str) -> tuple[str, str]:
    """Refuses an address without a bucket.

    >>> _bucket_and_key("s3://showers/2025/fixed.h5")
    ('showers', '2025/fixed.h5')
    """
    bucket, _, key = url.removeprefix(SCHEME).partition("/")
    if not bucket:
        raise Refusal(url, expected="s3://bucket/key.h5 or s3://bucket/prefix/", remedy="correct the address")
    return bucket, key


def _client() -> tuple[Any, tuple[type[Exception], ...]]:
    """A client, and the exceptions by which it says that something did not work."""
    try:
        import boto3
        from boto3.exceptions import Boto3Error, botocore
    except ImportError:
        raise Refusal(
            "data in S3, without the package boto3", expected="the extra s3", remedy="install hepburst-trainer[s3]"
        ) from None
    failures = (botocore.exceptions.BotoCoreError, botocore.exceptions.ClientError, Boto3Error)
    region = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or "us-east-1"
    return boto3.client("s3", region_name=region), failures


def _head(client: Any, bucket: str, key: str) -> StoredFile:
    head = client.head_object(Bucket=bucket, Key=key)
    return StoredFile(bucket=bucket, key=key, etag=head["ETag"].strip('"'), num_bytes=head["ContentLength"])


def _listed(client: Any, bucket: str, prefix: str) -> Iterator[StoredFile]:
    """Right under the prefix, not deeper, as with a folder."""
    for page in client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix, Delimiter="/"):
        for each in page.get("Contents", ()):
            yield StoredFile(bucket=bucket, key=each["Key"], etag=each["ETag"].strip('"'), num_bytes=each["Size"])


def _fetch(client: Any, file: StoredFile) -> None:
    path = file.local_path
    if _is_whole(path, file):
        return
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with _alone(path):
            if _is_whole(path, file):
                return
            partial = path.with_name(f".{path.name}.partial")
            _download(client, file, partial)
            partial.replace(path)
    except OSError as problem:
        raise Refusal(
            f"{path}: {problem.strerror}",
            expected=f"a folder with {file.num_bytes / 1e6:.0f} MB free",
            remedy=f"free space, or set {CACHE_VARIABLE}",
        ) from None


def _is_whole(path: Path, file: StoredFile) -> bool:
    return path.exists() and path.stat().st_size == file.num_bytes


def _download(client: Any, file: StoredFile, partial: Path) -> None:
    """In one piece and only if the object is still the one that was listed; what it is worth, the run's data_sha256 says."""
    body = client.get_object(Bucket=file.bucket, Key=file.key, IfMatch=file.etag)["Body"]
    with partial.open("wb") as out:
        shutil.copyfileobj(body, out, CHUNK_BYTES)
    if partial.stat().st_size != file.num_bytes:
        partial.unlink()
        raise Refusal(f"{file.url} did not arrive whole", expected=f"{file.num_bytes} bytes", remedy="start again")


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """One process of this machine at a time (flock; over NFS, of all machines)."""
    descriptor = os.open(path.with_name(f".{path.name}.lock"), os.O_RDWR | os.O_CREAT, 0o644)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
