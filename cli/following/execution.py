"""A command in a pod, its output byte by byte: what `kubectl exec` does."""

from __future__ import annotations

import contextlib
import importlib
import os
from collections.abc import Callable, Sequence
from typing import Any

import yaml

from cli.following.api import SILENCE_SECONDS, Api, Rejected, Unreachable

STDOUT, STDERR, ENDING = 1, 2, 3
"""The first byte of each message says what it belongs to; the last is the API's `Status` of the command."""
MAX_STDERR_BYTES = 64 * 2**10


def execute(api: Api, *, namespace: str, pod: str, command: Sequence[str], take: Callable[[bytes], object]) -> None:
    """Run a command in a pod's only container and hand its standard output to `take`. Raises `CommandFailed`, `Unreachable`.

    The websocket is read here, not by the client's own reader, which holds all output in memory several times.
    """
    connection = _open(api, namespace, pod, command)
    stderr, status = b"", b""
    try:
        while True:
            opcode, frame = connection.sock.recv_data_frame(True)
            if opcode == _CLOSE:
                break
            if opcode not in _DATA or not frame.data:
                continue
            channel, content = frame.data[0], frame.data[1:]
            if channel == STDOUT:
                take(content)
            elif channel == STDERR:
                stderr = (stderr + content)[:MAX_STDERR_BYTES]
            elif channel == ENDING:
                status += content
    except (OSError, importlib.import_module("websocket").WebSocketException) as problem:
        if not status:
            raise Unreachable(f"the stream of files broke off: {problem}") from None
    finally:
        with contextlib.suppress(Exception):  # it has served; how it ends is nobody's concern
            connection.sock.shutdown()
    _check(status, stderr)


_CLOSE = 0x8
_DATA = (0x1, 0x2)
"""Opcodes of websocket frames (RFC 6455): text and binary."""


class CommandFailed(Exception):  # noqa: N818 - a word for what happened
    """The command ended with an error, and said why."""


def _open(api: Api, namespace: str, pod: str, command: Sequence[str]) -> Any:
    client: Any = importlib.import_module("kubernetes.client")
    stream: Any = importlib.import_module("kubernetes.stream")
    own = api.new_client()
    settings = own.configuration
    settings.refresh_api_key_hook = None  # it has just signed in, and the hook would put back what follows
    # Else the client's websocket trusts certifi's authorities alone, and all else here also those of OpenSSL's variable.
    settings.ssl_ca_cert = settings.ssl_ca_cert or os.environ.get("SSL_CERT_FILE")
    core = client.CoreV1Api(own)
    try:
        connection = stream.stream(
            core.connect_get_namespaced_pod_exec,
            pod,
            namespace,
            command=list(command),
            stdin=False,
            stdout=True,
            stderr=True,
            tty=False,
            binary=True,
            _preload_content=False,
        )
    except client.ApiException as problem:
        if isinstance(problem.__context__, KeyboardInterrupt):  # which the client takes for one more failure
            raise KeyboardInterrupt from None
        said = " ".join(str(problem.reason).split())[:300]
        if "403 Forbidden" in said:
            raise Rejected(403, f"commands in pods of namespace {namespace}: {said}") from None
        raise Unreachable(said) from None
    finally:
        own.close()
    connection.sock.settimeout(SILENCE_SECONDS)
    return connection


def _check(status: bytes, stderr: bytes) -> None:
    """Refuse any end but a good one: output without a status is half a file."""
    if not status:
        raise Unreachable("the stream of files ended early")
    ending = yaml.safe_load(status.decode(errors="replace"))
    if not isinstance(ending, dict) or ending.get("status") != "Success":
        said = " ".join(stderr.decode(errors="replace").split())
        raise CommandFailed(said or str(ending.get("message") if isinstance(ending, dict) else ending))
