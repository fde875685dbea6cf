"""Runs a program in a network namespace of its own: `python -m sandbox.cluster.own_network HOST:PORT COMMAND...`.

Only HOST:PORT of this side is reachable from there, under the same address. It is for programs that listen on a port which
nothing can change: several then run on one machine.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Sequence

from sandbox.cluster import networks
from sandbox.cluster.forward import Address, listen, serve


def main(arguments: Sequence[str]) -> int:
    """Run the command to its end and give its exit status; it ends with us."""
    address, command = Address.read(arguments[0]), list(arguments[1:])
    ours, theirs = socket.socketpair()

    def move_away() -> None:
        networks.leave_for_own()
        with listen(address) as door:
            socket.send_fds(theirs, [b"door"], [door.fileno()])

    with subprocess.Popen(command, preexec_fn=move_away) as process:
        _, (number, *_), _, _ = socket.recv_fds(ours, 16, 1)
        signal.signal(signal.SIGTERM, lambda *_: process.terminate())
        with contextlib.suppress(asyncio.CancelledError):
            asyncio.run(_until_it_ends(process, socket.socket(fileno=number), address))
        return process.wait()


async def _until_it_ends(process: subprocess.Popen[bytes], door: socket.socket, target: Address) -> None:
    forwarding = asyncio.ensure_future(serve([(door, target)]))
    ended = asyncio.Event()
    handle = os.pidfd_open(process.pid)
    asyncio.get_running_loop().add_reader(handle, ended.set)
    await ended.wait()
    asyncio.get_running_loop().remove_reader(handle)
    os.close(handle)
    forwarding.cancel()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
