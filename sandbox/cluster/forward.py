"""Forwards connections into a network namespace: `python -m sandbox.cluster.forward NAMESPACE HOST:PORT=HOST:PORT ...`.

It listens on this side of the namespace's door and connects on the other, so that users need not enter it.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sandbox.cluster import networks

CHUNK_BYTES = 65536


@dataclass(frozen=True, kw_only=True)
class Address:
    """A host and a port."""

    host: str
    port: int

    @classmethod
    def read(cls, text: str) -> Address:
        """From `HOST:PORT`.

        >>> Address.read("127.0.0.1:16443")
        Address(host='127.0.0.1', port=16443)
        """
        host, _, port = text.rpartition(":")
        return cls(host=host, port=int(port))


def listen(address: Address) -> socket.socket:
    """A listening socket; it belongs to the namespace that this thread is in now."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.bind((address.host, address.port))
    sock.listen(128)
    return sock


async def serve(doors: Sequence[tuple[socket.socket, Address]]) -> None:
    """Forward every connection that comes in at a door to its target, until cancelled."""
    servers = []
    for sock, target in doors:

        async def forward(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, target: Address = target) -> None:
            await _join(reader, writer, target)

        servers.append(await asyncio.start_server(forward, sock=sock))
    await asyncio.gather(*(server.serve_forever() for server in servers))


async def _join(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, target: Address) -> None:
    try:
        other_reader, other_writer = await asyncio.open_connection(target.host, target.port)
    except OSError:
        # The caller meets a reset, as near to "refused" as one comes who has been let in already.
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        writer.transport.abort()
        return
    await asyncio.gather(_pump(reader, other_writer), _pump(other_reader, writer))
    for end in (writer, other_writer):
        end.close()
        with contextlib.suppress(OSError):
            await end.wait_closed()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Copy one direction to its end, and hand the end on. A broken side breaks the other, so that nobody waits for it."""
    try:
        while chunk := await reader.read(CHUNK_BYTES):
            writer.write(chunk)
            await writer.drain()
        writer.write_eof()
    except OSError:
        writer.transport.abort()


def main(arguments: Sequence[str]) -> None:
    """Listen here, then enter the namespace and forward."""
    namespace, *pairs = arguments
    doors = []
    for pair in pairs:
        here, _, there = pair.partition("=")
        doors.append((listen(Address.read(here)), Address.read(there)))
    networks.enter(Path(namespace))
    asyncio.run(serve(doors))


if __name__ == "__main__":
    main(sys.argv[1:])
