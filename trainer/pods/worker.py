"""What ssh starts on a worker pod: takes its environment from standard input and becomes the rank. Standard library only."""

from __future__ import annotations

import fcntl
import json
import os
import socket
import struct
import sys

from trainer.launch import EXIT_REFUSED
from trainer.pods.line import ADDRESS_VARIABLE, CONNECT_SECONDS

INTERFACE_VARIABLE = "HOROVOD_GLOO_IFACE"
SIOCGIFADDR = 0x8915  # linux/sockios.h


def main() -> None:
    """Never returns."""
    given = json.loads(sys.stdin.readline())
    _check_own_name()
    os.environ.update(given["environment"])
    os.environ.setdefault(INTERFACE_VARIABLE, interface_towards(os.environ[ADDRESS_VARIABLE]))
    os.execvpe(given["command"][0], given["command"], os.environ)  # noqa: S606 - the launcher's own words


def _check_own_name() -> None:
    """Horovod's Gloo looks up the host's own name, whatever interface it is given, and crashes without a word if it cannot."""
    try:
        socket.getaddrinfo(socket.gethostname(), None)
    except OSError as problem:
        print(f"refused: the host's own name {socket.gethostname()} has no address ({problem})", file=sys.stderr)
        sys.exit(EXIT_REFUSED)


def interface_towards(address_and_port: str) -> str:
    """Name of the network interface by which the launcher is reached, which is then also the way to the other ranks."""
    address, _, port = address_and_port.rpartition(":")
    with socket.create_connection((address, int(port)), timeout=CONNECT_SECONDS) as connection:
        own = connection.getsockname()[0]
        for _, name in socket.if_nameindex():
            try:
                found = fcntl.ioctl(connection.fileno(), SIOCGIFADDR, struct.pack("256s", name.encode()))
            except OSError:
                continue  # it has no IPv4 address
            if socket.inet_ntoa(found[20:24]) == own:
                return name
    raise OSError(f"no network interface has the address {own}")


if __name__ == "__main__":
    main()
