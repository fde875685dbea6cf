"""What the plugin says to the engine that started it, and how it learns that the engine is gone."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path

import grpc
from pulumi.runtime.proto import engine_pb2, engine_pb2_grpc

from provider.processes import stop_all_children

POLL_SECONDS = 0.5
STOP_SECONDS = 6.0
"""What a launcher gets for its checkpoint once the engine is gone: with the poll it stays under ten seconds."""


class Engine:
    """The engine's log, seen from the plugin."""

    def __init__(self, address: str) -> None:
        self._stub = engine_pb2_grpc.EngineStub(grpc.aio.insecure_channel(address))
        self.shows_live_tree = _shows_live_tree(os.getppid())
        """Whether a person watches: the engine's output is a terminal, and it draws status texts in place."""

    async def status(self, urn: str, text: str) -> None:
        """Show `text` beside the resource until the next one; nothing is kept."""
        await self._log(urn, text, engine_pb2.INFO, ephemeral=True)

    async def info(self, urn: str, text: str) -> None:
        """Tell the user something that is kept."""
        await self._log(urn, text, engine_pb2.INFO, ephemeral=False)

    async def warning(self, urn: str, text: str) -> None:
        """Tell the user something that must not scroll away."""
        await self._log(urn, text, engine_pb2.WARNING, ephemeral=False)

    async def _log(self, urn: str, text: str, severity: engine_pb2.LogSeverity.ValueType, *, ephemeral: bool) -> None:
        request = engine_pb2.LogRequest(severity=severity, message=text, urn=urn, ephemeral=ephemeral)
        try:
            await self._stub.Log(request)
        except grpc.aio.AioRpcError:
            return  # The engine is going; a run must not fail because nobody listens.


def _shows_live_tree(engine_pid: int) -> bool:
    process = Path(f"/proc/{engine_pid}")
    try:
        writes_to_terminal = str((process / "fd/1").readlink()).startswith(("/dev/pts/", "/dev/tty"))
        return writes_to_terminal and b"--non-interactive" not in (process / "cmdline").read_bytes().split(b"\0")
    except OSError:
        return False


def end_with_the_engine() -> None:
    """From now on, when the engine dies (even by SIGKILL) its runs are stopped and this process ends.

    A thread, not a task: it must work whatever the event loop is doing.
    """
    engine_pid = os.getppid()

    def watch() -> None:
        while os.getppid() == engine_pid:
            time.sleep(POLL_SECONDS)
        stop_all_children(STOP_SECONDS)
        os._exit(1)

    threading.Thread(target=watch, name="engine watch", daemon=True).start()
