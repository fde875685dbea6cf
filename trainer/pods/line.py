"""The line between the launcher and its ranks: a connection that each rank keeps to the launcher as long as both live.

mpirun and ssh pass no signal on that a rank could take for "stop after this step" (mpirun's SIGTERM is followed by SIGKILL a
second later), and a rank whose launcher is gone must end, on whatever machine it is. So each rank connects to the launcher and
says its name; the launcher may say `stop` or `regroup`; and when the connection ends, whoever is left knows. Nothing that is
received makes a launcher act, so a stranger who connects learns at most that a run is to stop. Standard library only.
"""

from __future__ import annotations

import contextlib
import os
import selectors
import socket
import threading
from collections.abc import Callable
from enum import StrEnum
from typing import Self

ADDRESS_VARIABLE = "HEPBURST_LAUNCHER_ADDRESS"
"""`address:port` of the line, for the ranks."""
NAME_VARIABLE = "HEPBURST_RANK_NAME"
"""Set by the elastic launcher; under mpirun a rank's name is its number."""
MPI_RANK_VARIABLE = "OMPI_COMM_WORLD_RANK"
CONNECT_SECONDS = 20.0
MAX_NAME_BYTES = 200
KEEPALIVE = {"TCP_KEEPIDLE": 10, "TCP_KEEPINTVL": 5, "TCP_KEEPCNT": 4}
"""Seconds, seconds, times: a machine that vanished is missed after half a minute."""


class Word(StrEnum):
    """What a launcher says."""

    STOP = "stop"
    """Write a checkpoint and end."""
    REGROUP = "regroup"
    """The ranks that there are have changed, or will."""


class Line:
    """The launcher's end."""

    def __init__(self, address: str) -> None:
        self._server = socket.create_server((address, 0), backlog=1024)
        self.address = f"{address}:{self._server.getsockname()[1]}"
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._server, selectors.EVENT_READ)
        self._waker, self._wakened = socket.socketpair()
        self._selector.register(self._wakened, selectors.EVENT_READ)
        self._names: dict[socket.socket, str] = {}
        self._lock = threading.Lock()
        self._is_stopping, self._dropped = False, set[str]()
        self.lost: list[str] = []
        """Names of the ranks that have left the line, in the order in which they did."""
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def say(self, word: Word) -> None:
        """To every rank; `stop` also to those that connect later."""
        with self._lock:
            self._is_stopping |= word is Word.STOP
            for connection in self._names:
                _send(connection, word)

    def drop(self, name: str) -> None:
        """Let the rank of that name end at once."""
        with self._lock:
            self._dropped.add(name)
            for connection, its_name in self._names.items():
                if its_name == name:
                    with contextlib.suppress(OSError):
                        connection.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Every rank that is still there ends."""
        self._waker.close()
        self._thread.join(timeout=5)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def _serve(self) -> None:
        while True:
            for key, _ in self._selector.select():
                if key.fileobj is self._wakened:
                    for registered in list(self._selector.get_map().values()):
                        assert isinstance(registered.fileobj, socket.socket)
                        registered.fileobj.close()
                    self._selector.close()
                    return
                assert isinstance(key.fileobj, socket.socket)
                if key.fileobj is self._server:
                    self._accept()
                else:
                    self._hear(key.fileobj)

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            connection, _ = self._server.accept()
            _keep_alive(connection)
            with self._lock:
                self._names[connection] = ""
                if self._is_stopping:
                    _send(connection, Word.STOP)
            self._selector.register(connection, selectors.EVENT_READ)

    def _hear(self, connection: socket.socket) -> None:
        """A rank says its name and then nothing more."""
        try:
            heard = connection.recv(MAX_NAME_BYTES)
        except OSError:
            heard = b""
        with self._lock:
            if heard:
                name = (self._names[connection] + heard.decode(errors="replace")).strip()[:MAX_NAME_BYTES]
                self._names[connection] = name
            if not heard or self._names[connection] in self._dropped:
                self._selector.unregister(connection)
                name = self._names.pop(connection)
                if name:
                    self.lost.append(name)
                connection.close()


def follow(on_word: Callable[[Word], None], on_end: Callable[[], None]) -> None:
    """In a rank with a launcher's address in its environment: connect, and call back from a thread. Raises OSError."""
    address, _, port = os.environ[ADDRESS_VARIABLE].rpartition(":")
    connection = socket.create_connection((address, int(port)), timeout=CONNECT_SECONDS)
    connection.settimeout(None)
    _keep_alive(connection)
    name = os.environ.get(NAME_VARIABLE) or os.environ.get(MPI_RANK_VARIABLE, "unknown")
    connection.sendall(f"{name}\n".encode())

    def listen() -> None:
        with (
            contextlib.suppress(OSError),
            connection,
            connection.makefile("r", encoding="ascii", errors="replace") as words,
        ):
            for line in words:
                with contextlib.suppress(ValueError):
                    on_word(Word(line.strip()))
        on_end()

    threading.Thread(target=listen, daemon=True).start()


def _send(connection: socket.socket, word: Word) -> None:
    with contextlib.suppress(OSError):  # its end will be noticed by its reader
        connection.sendall(f"{word}\n".encode())


def _keep_alive(connection: socket.socket) -> None:
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in KEEPALIVE.items():
        if hasattr(socket, name):  # Linux has all
            connection.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
