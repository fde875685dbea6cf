"""A cluster's API server over HTTP: plain JSON in and out, two ways to fail, and streams of lines.

The official client reads the kubeconfig, signs in and speaks TLS. Its methods lack a parameter that the API has (`sinceTime` of
a log), so paths are written out as the API's reference names them.
"""

from __future__ import annotations

import contextlib
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from http import HTTPStatus
from typing import Any, TypeAlias

from trainer.refusal import Refusal

CONNECT_SECONDS = 10.0
ANSWER_SECONDS = 30.0
SILENCE_SECONDS = 45.0
"""Of a stream, after which it is opened anew: its other end may have gone without a word, or this machine slept."""
SIGN_IN_SECONDS = 20.0
"""Least time between two attempts to sign in anew."""
CHUNK_BYTES = 64 * 2**10

Object: TypeAlias = Mapping[str, Any]
"""As the API gives it."""


class Unreachable(Exception):  # noqa: N818 - a word for what happened; who follows a run tells it to the user
    """No answer, or a broken one: worth another try."""


class Untrusted(Unreachable):
    """The server's certificate is not by the authority that the kubeconfig names."""


class Rejected(Exception):  # noqa: N818 - as above
    """The server answered, with an error: HTTP `status` and what it `said`."""

    def __init__(self, status: int, said: str) -> None:
        super().__init__(f"{said} ({status})")
        self.status, self.said = status, said

    @property
    def is_passing(self) -> bool:
        """Whether the server is busy or not quite up, and may answer in a while."""
        return self.status == HTTPStatus.TOO_MANY_REQUESTS or self.status >= HTTPStatus.INTERNAL_SERVER_ERROR


class Api:
    """The API server. `connect` makes a client of the official kind; it is called again where its credentials have expired."""

    def __init__(self, connect: Callable[[], Any]) -> None:
        self._connect = connect
        self._client = connect()
        self._signed_in_at = time.monotonic()
        self._lock = threading.Lock()
        self._streams: set[Any] = set()

    @property
    def server(self) -> str:
        """Its address."""
        return str(self._client.configuration.host)

    def new_client(self) -> Any:
        """An official client for one use alone: what it does with a websocket is not for several threads."""
        return self._connect()

    def hang_up(self) -> None:
        """End all streams, so that who reads them goes on at once."""
        for answer in tuple(self._streams):
            with contextlib.suppress(Exception):  # one that has just ended by itself
                answer.connection.sock.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Nothing more is asked."""
        self.hang_up()
        self._client.close()

    def get(self, path: str, **query: str) -> dict[str, Any]:
        """An object, or a list. Raises `Unreachable` or `Rejected`, as all of these do."""
        return self._json("GET", path, query)

    def post(self, path: str, body: Object) -> dict[str, Any]:
        """Make an object."""
        return self._json("POST", path, {}, body)

    def delete(self, path: str, body: Object) -> None:
        """Remove an object; one that is gone already is as well."""
        with contextlib.suppress(_NotFound):
            self._json("DELETE", path, {}, body)

    def lines(self, path: str, **query: str) -> Iterator[str]:
        """The lines of an answer as they come, whole ones alone where the stream breaks. Ends when the server ends it."""
        with _failures():
            answer = self._ask("GET", path, query, None, SILENCE_SECONDS)
            self._streams.add(answer)
            try:
                rest = b""
                for chunk in answer.stream(CHUNK_BYTES, decode_content=False):
                    *whole, rest = (rest + chunk).split(b"\n")
                    yield from (line.decode(errors="replace") for line in whole)
                if rest:
                    yield rest.decode(errors="replace")
            finally:
                self._streams.discard(answer)
                with contextlib.suppress(Exception):  # what is wrong with a stream that nobody reads any more is nobody's
                    answer.close()

    def _json(self, method: str, path: str, query: Mapping[str, str], body: Object | None = None) -> dict[str, Any]:
        with _failures():
            answer = self._ask(method, path, query, body, ANSWER_SECONDS)
            try:
                document: dict[str, Any] = json.loads(answer.data)
            except ValueError:
                raise Unreachable(f"{path} gave no JSON") from None
            return document

    def _ask(self, method: str, path: str, query: Mapping[str, str], body: Object | None, silence_seconds: float) -> Any:
        """The answer, unread (urllib3's). Signs in anew, once in a while, where the credentials are not accepted."""
        before = self._client
        try:
            return _once(before, method, path, query, body, silence_seconds)
        except Rejected as rejected:
            if rejected.status != HTTPStatus.UNAUTHORIZED or not self._signed_in_anew(before):
                raise
        return _once(self._client, method, path, query, body, silence_seconds)

    def _signed_in_anew(self, before: Any) -> bool:
        with self._lock:
            if self._client is before and time.monotonic() - self._signed_in_at > SIGN_IN_SECONDS:
                self._signed_in_at = time.monotonic()
                with contextlib.suppress(Refusal):  # the kubeconfig has no way in just now: what we have is tried again
                    self._client = self._connect()
                    before.close()
            return self._client is not before


class _NotFound(Rejected):
    """Rejected with 404."""


def _once(client: Any, method: str, path: str, query: Mapping[str, str], body: Object | None, silence_seconds: float) -> Any:
    headers = {"Accept": "*/*"} | ({"Content-Type": "application/json"} if body is not None else {})
    request = client.param_serialize(
        method=method,
        resource_path=path,
        query_params=list(query.items()),
        header_params=headers,
        body=body,
        auth_settings=["BearerToken"],
    )
    answer = client.call_api(*request, _request_timeout=(CONNECT_SECONDS, silence_seconds)).response
    if HTTPStatus.OK <= answer.status < HTTPStatus.MULTIPLE_CHOICES:
        return answer
    kind = _NotFound if answer.status == HTTPStatus.NOT_FOUND else Rejected
    raise kind(answer.status, _said(answer.data) or answer.reason or "an error without words")


def _said(body: bytes) -> str:
    """What an error says: a `Status` object of the API, or a line of text."""
    text = body.decode(errors="replace")
    with contextlib.suppress(ValueError, AttributeError):
        text = str(json.loads(text).get("message", ""))
    return " ".join(text.split())[:600]


@contextlib.contextmanager
def _failures() -> Iterator[None]:
    """Everything that can go wrong on the way to the server as `Unreachable`."""
    import urllib3
    from kubernetes.client.exceptions import ApiException

    try:
        yield
    except (urllib3.exceptions.HTTPError, OSError, ApiException) as problem:
        said = _why(problem)
        kind = Untrusted if "CERTIFICATE_VERIFY_FAILED" in str(problem) else Unreachable
        raise kind(said) from None


def _why(problem: Exception) -> str:
    """A network failure in a few words.

    >>> _why(ConnectionResetError(104, "Connection reset by peer"))
    'Connection reset by peer'
    """
    import urllib3

    known = {
        urllib3.exceptions.NewConnectionError: "",
        urllib3.exceptions.ConnectTimeoutError: f"no connection within {CONNECT_SECONDS:.0f} s",
        urllib3.exceptions.ReadTimeoutError: "no word for a while",
        urllib3.exceptions.IncompleteRead: "the answer broke off",
        urllib3.exceptions.ProtocolError: "the answer broke off",
        urllib3.exceptions.SSLError: "the connection broke off",
    }
    for kind, words in known.items():
        if isinstance(problem, kind):
            if words:
                return words
            break
    chain: list[BaseException] = [problem]
    while (cause := chain[-1].__cause__ or chain[-1].__context__) is not None and cause not in chain:  # it may go in circles
        chain.append(cause)
    said = next((text for each in chain if (text := getattr(each, "strerror", None))), None)
    return str(said or getattr(problem, "reason", None) or problem)[:300]
