"""The engine's state in an S3-compatible store instead of a folder: what a team shares."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto.server import ThreadedMotoServer

from tests.e2e.project import Project

BUCKET, KEY = "state", "rehearsal"


@pytest.fixture
def store() -> Iterator[str]:
    """The address of a store on this machine, with an empty bucket."""
    moto = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    moto.start()
    host, port = moto.get_host_and_port()
    address = f"http://{host}:{port}"
    _client(address).create_bucket(Bucket=BUCKET)
    yield address
    moto.stop()


def _client(address: str) -> Any:
    return boto3.client("s3", endpoint_url=address, aws_access_key_id=KEY, aws_secret_access_key=KEY, region_name="us-east-1")


def test_a_stack_lives_in_an_s3_store_from_up_to_destroy(store: str, tmp_path: Path, toy_showers: Path) -> None:
    project = Project(tmp_path.resolve(), toy_showers)
    options = "s3ForcePathStyle=true&region=us-east-1&response_checksum_validation=when_required"
    project.env |= {
        "PULUMI_BACKEND_URL": f"s3://{BUCKET}?endpoint={store}&{options}",
        "AWS_ACCESS_KEY_ID": KEY,
        "AWS_SECRET_ACCESS_KEY": KEY,
    }
    project.pulumi("stack", "init", "local")
    project.up()
    assert project.output("run")["status"] == "succeeded"
    assert "unchanged" in project.up()
    found = _client(store).list_objects_v2(Bucket=BUCKET)["Contents"]
    assert ".pulumi/stacks/hepburst/local.json" in {each["Key"] for each in found}
    assert not list((project.own / "state").iterdir()), "nothing of the state is here"
    project.pulumi("destroy", "--yes", "--skip-preview")
    project.pulumi("stack", "rm", "--yes", "--preserve-config")
