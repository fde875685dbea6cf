"""Showers in an object store: a real server of S3's protocol, on loopback."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import numpy as np
import pytest
from moto.server import ThreadedMotoServer

from tests.trainer.showers.shower_files import Write, deposits_gev
from trainer.refusal import Refusal
from trainer.showers import reader, s3

BUCKET = "showers"


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    moto = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    moto.start()
    host, port = moto.get_host_and_port()
    yield f"http://{host}:{port}"
    moto.stop()


@pytest.fixture
def store(server: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Any]:
    """A client of an empty bucket; the environment leads there too."""
    for name, value in {
        "AWS_ENDPOINT_URL": server,
        "AWS_ACCESS_KEY_ID": "someone",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_CONFIG_FILE": str(tmp_path / "none"),
        "HEPBURST_DATA_CACHE": str(tmp_path / "cache"),
    }.items():
        monkeypatch.setenv(name, value)
    s3.fetched.cache_clear()
    client = boto3.client("s3", region_name="us-east-1")
    client.create_bucket(Bucket=BUCKET)
    yield client
    for each in client.list_objects_v2(Bucket=BUCKET).get("Contents", ()):
        client.delete_object(Bucket=BUCKET, Key=each["Key"])
    client.delete_bucket(Bucket=BUCKET)
    client.close()


def upload(store: Any, path: Path, key: str) -> str:
    store.put_object(Bucket=BUCKET, Key=key, Body=path.read_bytes())
    return f"s3://{BUCKET}/{key}"


def test_a_file_in_a_store_is_the_data_set_that_it_is_on_disk(store: Any, write_file: Write) -> None:
    path = write_file()
    url = upload(store, path, "2025/showers.h5")
    assert reader.inspect(url).sha256 == reader.inspect(path).sha256
    np.testing.assert_array_equal(reader.read(url, np.array([3, 1])).energy, reader.read(path, np.array([3, 1])).energy)


def test_a_prefix_is_a_folder(store: Any, write_file: Write) -> None:
    for number in range(2):
        energy = np.arange(12 * number + 1, 12 * number + 13, dtype=np.float32)
        path = write_file(f"Ele_{number}.h5", energy=energy, ECAL=1e3 * deposits_gev(energy, (25, 25, 25)))
        upload(store, path, f"set/{path.name}")
    upload(store, path, "set/deeper/Ele_9.h5")
    store.put_object(Bucket=BUCKET, Key="set/README.txt", Body=b"no showers")
    np.testing.assert_array_equal(reader.read(f"s3://{BUCKET}/set/").energy, np.arange(1, 25))
    assert reader.inspect(f"s3://{BUCKET}/set/").sha256 == reader.inspect(path.parent).sha256


def test_what_is_here_is_not_fetched_again_and_what_changed_is(store: Any, write_file: Write) -> None:
    url = upload(store, write_file(), "showers.h5")
    (first,) = reader.paths_of(url)
    before = first.stat()
    s3.fetched.cache_clear()
    assert reader.paths_of(url) == [first]
    assert first.stat().st_mtime_ns == before.st_mtime_ns
    upload(store, write_file(energy=np.linspace(11, 100, 12)), "showers.h5")
    s3.fetched.cache_clear()
    (second,) = reader.paths_of(url)
    assert second != first
    assert second.name == first.name


def test_ranks_of_a_machine_that_start_together_fetch_once(store: Any, write_file: Write, tmp_path: Path) -> None:
    url = upload(store, write_file(), "showers.h5")
    code = (
        "import sys; from trainer.showers import s3\n"
        "download = s3._download\n"
        "s3._download = lambda *given: (print('fetched', flush=True), download(*given))\n"
        "print(*s3.fetched(sys.argv[1], ('.h5',)))"
    )
    ranks = [subprocess.Popen([sys.executable, "-c", code, url], stdout=subprocess.PIPE, text=True) for _ in range(3)]
    said = [rank.communicate(timeout=60)[0].split() for rank in ranks]
    assert [rank.returncode for rank in ranks] == [0, 0, 0]
    assert sum("fetched" in words for words in said) == 1
    assert len({words[-1] for words in said}) == 1
    assert not list((tmp_path / "cache").rglob("*.partial"))


def test_a_file_that_does_not_arrive_whole_is_no_file(store: Any, write_file: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    url = upload(store, write_file(), "showers.h5")
    monkeypatch.setattr(shutil, "copyfileobj", lambda body, out, size: out.write(b"half"))
    with pytest.raises(Refusal, match="did not arrive whole"):
        reader.paths_of(url)
    assert not list(Path(os.environ["HEPBURST_DATA_CACHE"]).rglob("*.h5*partial"))
    monkeypatch.undo()


@pytest.mark.parametrize(
    ("url", "words"),
    [
        (f"s3://{BUCKET}/missing.h5", "missing.h5: .*Not Found.*AWS_ENDPOINT_URL"),
        (f"s3://{BUCKET}/empty/", "no showers at s3://showers/empty/"),
        ("s3://no-such-bucket/set/", "bucket does not exist"),
        ("s3:///x.h5", "expected s3://bucket/key.h5"),
    ],
)
def test_what_is_not_there_is_refused_by_its_address(store: Any, url: str, words: str) -> None:
    with pytest.raises(Refusal, match=words):
        reader.inspect(url)


def test_a_store_that_does_not_answer_is_refused(store: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    with pytest.raises(Refusal, match="Could not connect"):
        reader.inspect(f"s3://{BUCKET}/x.h5")


def test_without_boto3_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "boto3", None)
    with pytest.raises(Refusal, match=r"install hepburst-trainer\[s3\]"):
        reader.inspect("s3://bucket/x.h5")
