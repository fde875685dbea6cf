"""Forwarding, ports and namespaces: with real sockets of the loopback address."""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator

import pytest

from engine.places import PROJECT
from sandbox.cluster import forward, ports
from sandbox.cluster.forward import Address
from trainer.refusal import Refusal


@pytest.fixture
def echo() -> Iterator[Address]:
    """A server that sends back in capitals what it gets until its caller has no more to say."""
    server = socket.create_server(("127.0.0.1", 0))

    def answer() -> None:
        while True:
            try:
                caller, _ = server.accept()
            except OSError:
                return
            with caller:
                said = b""
                while chunk := caller.recv(1000):
                    said += chunk
                caller.sendall(said.upper())

    thread = threading.Thread(target=answer, daemon=True)
    thread.start()
    yield Address(host="127.0.0.1", port=server.getsockname()[1])
    server.shutdown(socket.SHUT_RDWR)
    server.close()
    thread.join()


def ask(port: int) -> bytes:
    with socket.create_connection(("127.0.0.1", port), timeout=10) as caller:
        caller.sendall(b"hello")
        caller.shutdown(socket.SHUT_WR)
        return caller.recv(1000)


def test_a_connection_is_forwarded_both_ways_to_its_end(echo: Address) -> None:
    door = forward.listen(Address(host="127.0.0.1", port=0))
    port = door.getsockname()[1]

    async def forwarded() -> list[bytes]:
        serving = asyncio.ensure_future(forward.serve([(door, echo)]))
        told = await asyncio.gather(*(asyncio.to_thread(ask, port) for _ in range(5)))
        serving.cancel()
        return told

    assert asyncio.run(forwarded()) == [b"HELLO"] * 5


def test_a_caller_is_turned_away_where_nobody_listens_behind() -> None:
    (closed,) = ports.free_ports(1)
    door = forward.listen(Address(host="127.0.0.1", port=0))
    port = door.getsockname()[1]

    async def turned_away() -> None:
        serving = asyncio.ensure_future(forward.serve([(door, Address(host="127.0.0.1", port=closed))]))
        with pytest.raises(ConnectionError):
            await asyncio.to_thread(ask, port)
        serving.cancel()

    asyncio.run(turned_away())


def test_a_program_in_a_network_of_its_own_reaches_the_one_address_and_no_other(echo: Address) -> None:
    unshare = ["unshare", "--net", *(["--map-root-user"] if os.geteuid() else []), "true"]
    if not shutil.which("unshare") or subprocess.run(unshare, capture_output=True, check=False).returncode:
        pytest.skip("no network namespaces here")
    (other,) = ports.free_ports(1)
    script = (
        "import socket, sys\n"
        "s = socket.create_connection(('127.0.0.1', int(sys.argv[1]))); s.sendall(b'hello'); s.shutdown(1)\n"
        "print(s.recv(99).decode())\n"
        "socket.create_server(('127.0.0.1', int(sys.argv[2])))\n"
        "print(socket.if_nameindex()[0][1], len(socket.if_nameindex()))\n"
    )
    with socket.create_server(("127.0.0.1", other)):  # taken here, free in there
        command = [sys.executable, "-m", "sandbox.cluster.own_network", f"{echo.host}:{echo.port}"]
        command += [sys.executable, "-c", script, str(echo.port), str(other)]
        answer = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False, timeout=60)
    assert answer.returncode == 0, answer.stderr
    lines = answer.stdout.splitlines()
    assert lines[0] == "HELLO"
    assert lines[1].startswith("lo ")


def test_a_taken_port_is_refused_with_the_name_of_whoever_holds_it() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert not ports.is_free(port)
        with pytest.raises(Refusal, match=rf"port {port} of 127.0.0.1 is taken by .*process {os.getpid()}"):
            ports.check_free([port], remedy="take another")
    assert ports.is_free(port)
    assert len(set(ports.free_ports(5))) == 5
