"""A real HTTP server on this machine that plays the providers' price lists."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, urlsplit


@dataclass(frozen=True, kw_only=True)
class Asked:
    """A request as the server saw it."""

    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    whole: str


@dataclass(frozen=True, kw_only=True)
class Reply:
    """What the server says: a status and a body, cut short or kept back where a test wants that."""

    body: bytes = b""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    announced_bytes: int | None = None
    hangs: bool = False
    dribbles: bool = False


Handler = Callable[[Asked], Reply]


def no_such_list(_: Asked) -> Reply:
    return Reply(status=404, body=b"no such list")


def as_json(document: object) -> Reply:
    return Reply(body=json.dumps(document).encode())


class Loopback:
    """The server: handlers by path, and all that was asked."""

    def __init__(self) -> None:
        self.handlers: dict[str, Handler] = {}
        self.asked: list[Asked] = []
        self.closing = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler_class())
        self._server.daemon_threads = False
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def close(self) -> None:
        self.closing.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _handler_class(self) -> type[BaseHTTPRequestHandler]:
        loopback = self

        class OneRequest(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                parts = urlsplit(self.path)
                asked = Asked(
                    path=parts.path, query=dict(parse_qsl(parts.query)), headers=dict(self.headers.items()), whole=self.path
                )
                loopback.asked.append(asked)
                self._say(loopback.handlers.get(parts.path, no_such_list)(asked))

            def _say(self, reply: Reply) -> None:
                if reply.hangs:
                    loopback.closing.wait(30)
                    return
                self.send_response(reply.status)
                for name, value in reply.headers.items():
                    self.send_header(name, value)
                announced = len(reply.body) if reply.announced_bytes is None else reply.announced_bytes
                self.send_header("Content-Length", str(announced))
                self.end_headers()
                if reply.dribbles:
                    while not loopback.closing.wait(0.05):
                        try:
                            self.wfile.write(b" ")
                        except OSError:
                            return
                self.wfile.write(reply.body)

            def log_message(self, *_: object) -> None:
                """Nothing on standard error."""

        return OneRequest
