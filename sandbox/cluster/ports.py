"""Ports of the loopback address: free ones, and who holds one that is not."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Sequence
from pathlib import Path

from trainer.refusal import Refusal

LISTENING = "0A"


def free_ports(number: int) -> list[int]:
    """As many different ports as asked that nobody listens on now."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_STREAM)) for _ in range(number)]
        for sock in sockets:
            sock.bind(("127.0.0.1", 0))
        return [int(sock.getsockname()[1]) for sock in sockets]


def is_free(port: int) -> bool:
    """Whether a server could listen on this port of the loopback address."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            sock.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def check_free(ports: Sequence[int], *, remedy: str) -> None:
    """Refuse, with the name of whoever listens there, if one of these ports is taken."""
    for port in ports:
        if not is_free(port):
            raise Refusal(f"port {port} of 127.0.0.1 is taken by {holder(port)}", expected="a free port", remedy=remedy)


def holder(port: int) -> str:
    """The process that listens on a port, in words; of other users' processes, root alone sees which it is."""
    inodes = {inode for table in ("tcp", "tcp6") for inode in _listening(Path("/proc/net") / table, port)}
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            with contextlib.suppress(OSError):
                for handle in (folder / "fd").iterdir():
                    if str(handle.readlink()) in {f"socket:[{inode}]" for inode in inodes}:
                        name = (folder / "comm").read_text(encoding="utf-8", errors="replace").strip()
                        return f"{name} (process {folder.name})"
    return "a process that cannot be seen from here"


def _listening(table: Path, port: int) -> list[str]:
    """Inodes of the sockets that listen on `port`, from one of the kernel's tables."""
    with contextlib.suppress(OSError):
        rows = [line.split() for line in table.read_text(encoding="ascii").splitlines()[1:]]
        return [row[9] for row in rows if row[3] == LISTENING and int(row[1].rpartition(":")[2], 16) == port]
    return []
