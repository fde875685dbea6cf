from __future__ import annotations

import asyncio
import contextlib
import os
import runpy
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from pulumi.provider.experimental import provider as api
from pulumi.runtime.proto import provider_pb2, provider_pb2_grpc, status_pb2

from provider import server
from provider.resource import PartialFailure
from provider.server import Servicer
from trainer.refusal import Refusal

PLUGIN = Path(__file__).parents[2] / "provider" / "pulumi-resource-hepburst"


class Failing(api.Provider):
    """Fails as it was told to."""

    def __init__(self, failure: Exception) -> None:
        self.failure = failure

    async def create(self, request: api.CreateRequest) -> api.CreateResponse:
        raise self.failure


@contextlib.asynccontextmanager
async def served(provider: api.Provider) -> AsyncIterator[Any]:
    server = grpc.aio.server()
    servicer = Servicer([], "0.0.0", provider, engine_address="")
    provider_pb2_grpc.add_ResourceProviderServicer_to_server(servicer, server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        yield provider_pb2_grpc.ResourceProviderStub(channel)
    await server.stop(None)


def error_of_create(failure: Exception) -> grpc.aio.AioRpcError:
    async def create() -> grpc.aio.AioRpcError:
        async with served(Failing(failure)) as stub:
            with pytest.raises(grpc.aio.AioRpcError) as error:
                await stub.Create(provider_pb2.CreateRequest(urn="urn:pulumi:s::p::hepburst:local:Run::r"))
            return error.value

    return asyncio.run(create())


def test_a_refusal_reaches_the_engine_as_its_sentence_alone() -> None:
    error = error_of_create(Refusal("a is 1", expected="2", remedy="set a"))
    assert error.details() == "a is 1; expected 2; to mend it: set a"


def test_a_partial_failure_hands_over_what_exists() -> None:
    error = error_of_create(PartialFailure("interrupted", resource_id="abc", state={"status": "interrupted", "steps": 5}))
    metadata = dict(error.trailing_metadata() or ())
    status = status_pb2.Status.FromString(metadata["grpc-status-details-bin"])
    detail = provider_pb2.ErrorResourceInitFailed()
    assert status.details[0].Unpack(detail)
    assert (detail.id, list(detail.reasons)) == ("abc", ["interrupted"])
    assert dict(detail.properties) == {"status": "interrupted", "steps": 5.0}


@pytest.fixture
def plugin_and_its_parent() -> Iterator[tuple[int, subprocess.Popen[str]]]:
    """The pid of a plugin, and the shell that plays its engine."""
    script = f'"{PLUGIN}" 127.0.0.1:1 & echo $!; wait'
    with subprocess.Popen(["sh", "-c", script], stdout=subprocess.PIPE, text=True) as shell:
        assert shell.stdout is not None
        pid = int(shell.stdout.readline())
        assert int(shell.stdout.readline()) > 0, "the port"
        yield pid, shell
        shell.kill()


def ends(pid: int, within_seconds: float = 30.0) -> bool:
    deadline = time.monotonic() + within_seconds
    while time.monotonic() < deadline:
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
        except OSError:
            return True
        if state == "Z":
            return True
        time.sleep(0.05)
    return False


def test_the_plugin_ends_when_its_engine_is_killed(plugin_and_its_parent: tuple[int, subprocess.Popen[str]]) -> None:
    pid, engine = plugin_and_its_parent
    engine.kill()
    assert ends(pid)


def test_the_plugin_ends_when_the_engine_has_done_with_it(plugin_and_its_parent: tuple[int, subprocess.Popen[str]]) -> None:
    pid, _ = plugin_and_its_parent
    os.kill(pid, signal.SIGINT)
    assert ends(pid)


@pytest.mark.parametrize("flags", [[], ["--logtostderr", "-v=9"]])
def test_the_engines_address_is_its_last_word(flags: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    addresses: list[str] = []
    monkeypatch.setattr(server, "serve", lambda address, _provider, version: addresses.append(address))
    monkeypatch.setattr(sys, "argv", ["provider", *flags, "127.0.0.1:1"])
    runpy.run_module("provider", run_name="__main__")
    assert addresses == ["127.0.0.1:1"]
