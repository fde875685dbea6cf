"""One GET over HTTPS: bounded in time and size, patient with a busy server, never led to another address."""

from __future__ import annotations

import contextlib
import email.utils
import http.client
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import IO, Any
from urllib.parse import urlsplit

LOOPBACK_HOSTS = ("127.0.0.1", "::1", "localhost")
BUSY = (http.HTTPStatus.TOO_MANY_REQUESTS, http.HTTPStatus.SERVICE_UNAVAILABLE)
MAX_TRIES = 4
MAX_WAIT_SECONDS = 60.0
"""The longest that we wait before one more try, whatever `Retry-After` asks for."""
MAX_ANSWER_BYTES = 64 * 2**20
MAX_ANSWER_TIMEOUTS = 4
"""A whole answer may take this many times the timeout of a single read: a page of Google's list is about 10 MB."""
CHUNK_BYTES = 64 * 2**10
SHOWN_CHARACTERS = 100
MIN_KEY_CHARACTERS = 8
"""Anything shorter is no key, and masking it would garble the answer."""


class NoAnswer(Exception):  # noqa: N818 - a word for what happened; `Api` turns it into the refusal that users see
    """An address gave nothing to read: `came` says what it gave instead."""

    def __init__(self, came: str, status: int | None = None) -> None:
        super().__init__(came)
        self.came, self.status = came, status


@dataclass(frozen=True, slots=True, kw_only=True)
class Transport:
    """How addresses are asked. `sleep` takes seconds, and is another in tests."""

    timeout_seconds: float
    sleep: Callable[[float], None] = time.sleep
    progress: Callable[[str], None] = field(default=lambda _: None)

    def get(self, url: str, headers: Mapping[str, str]) -> bytes:
        """The body at `url`; a busy server (429, 503) is asked `MAX_TRIES` times. Raises `NoAnswer`."""
        for tries in range(1, MAX_TRIES + 1):
            try:
                return _masked(self._once(url, headers), headers)
            except urllib.error.HTTPError as error:
                with error:
                    if error.code not in BUSY or tries == MAX_TRIES:
                        raise NoAnswer(_described(error, tries, headers), error.code) from None
                    wait_seconds = _wait_seconds(error.headers.get("Retry-After"), tries)
            self.progress(f"{urlsplit(url).hostname} is busy: asking again in {wait_seconds:.0f} s")
            self.sleep(wait_seconds)
        raise AssertionError("the last try returns or raises")

    def _once(self, url: str, headers: Mapping[str, str]) -> bytes:
        try:
            check_address(url)
            proxies: dict[str, str] | None = {} if urlsplit(url).hostname in LOOPBACK_HOSTS else None
            opener = urllib.request.build_opener(urllib.request.ProxyHandler(proxies), _NoRedirect)
            request = urllib.request.Request(url, headers={"Accept": "application/json", **headers})  # noqa: S310 - checked above
            with opener.open(request, timeout=self.timeout_seconds) as answer:
                return self._body(answer)
        except urllib.error.HTTPError:
            raise
        except TimeoutError:
            raise NoAnswer(f"nothing within {self.timeout_seconds:g} s") from None
        except urllib.error.URLError as error:
            if isinstance(error.reason, TimeoutError):
                raise NoAnswer(f"nothing within {self.timeout_seconds:g} s") from None
            raise NoAnswer(f"no connection ({error.reason})") from None
        except (OSError, http.client.HTTPException) as error:
            raise NoAnswer(f"a broken answer ({type(error).__name__}: {error})") from None
        except ValueError:  # an address or header that HTTP cannot carry: its text may hold a key
            raise NoAnswer("nothing, for the address or the key holds a character that HTTP cannot carry") from None

    def _body(self, answer: http.client.HTTPResponse) -> bytes:
        deadline = time.monotonic() + MAX_ANSWER_TIMEOUTS * self.timeout_seconds
        body = bytearray()
        while chunk := answer.read1(CHUNK_BYTES):
            body += chunk
            if len(body) > MAX_ANSWER_BYTES:
                raise NoAnswer(f"more than {MAX_ANSWER_BYTES // 2**20} MiB")
            if time.monotonic() > deadline:
                raise NoAnswer(f"an answer that is not complete after {MAX_ANSWER_TIMEOUTS * self.timeout_seconds:g} s")
        announced = answer.headers.get("Content-Length")
        if announced is not None and announced.isdecimal() and len(body) < int(announced):
            raise NoAnswer(f"an answer cut off after {len(body)} of {announced} bytes")
        return bytes(body)


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """Prices come from the address that was named, and a key goes nowhere else: a redirection is an error like 404."""

    def redirect_request(
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: http.client.HTTPMessage, newurl: str
    ) -> urllib.request.Request | None:
        return None


def check_address(url: str) -> None:
    """Raise `NoAnswer` for an address that is not https, or http on this machine, or that carries a password."""
    parts: Any = urlsplit(url)
    if parts.username or parts.password:
        raise NoAnswer("nothing, for the address carries a user name or password")
    if parts.scheme == "https" and parts.hostname:
        return
    if parts.scheme != "http" or parts.hostname not in LOOPBACK_HOSTS:
        raise NoAnswer("nothing, for only https addresses are asked (http on this machine alone)")


def _masked(body: bytes, headers: Mapping[str, str]) -> bytes:
    """A body without the values of our headers, before any of it is cut for a message: a server may echo a key."""
    for value in headers.values():
        if len(value) >= MIN_KEY_CHARACTERS:
            body = body.replace(value.encode(), b"***")
    return body


def _described(error: urllib.error.HTTPError, tries: int, headers: Mapping[str, str]) -> str:
    answer: Any = error.fp
    start = b""
    with contextlib.suppress(OSError, http.client.HTTPException):
        start = answer.read1(4 * SHOWN_CHARACTERS)  # what has come: the rest may never come
    shown = " ".join(_masked(start, headers).decode("utf-8", "replace").split())[:SHOWN_CHARACTERS]
    often = f" {tries} times" if tries > 1 else ""
    return f"{error.code} {error.reason}{often}" + (f" ({shown})" if shown else "")


def _wait_seconds(retry_after: str | None, tries: int) -> float:
    """Seconds before the next try: as the server asks, in seconds or as a date, else 1, 2, 4; at most a minute.

    >>> _wait_seconds("7", 1), _wait_seconds(None, 3), _wait_seconds("86400", 1), _wait_seconds("soon", 1)
    (7.0, 4.0, 60.0, 1.0)
    """
    asked = 2.0 ** (tries - 1)
    if retry_after is not None and retry_after.strip().isdecimal():
        asked = float(retry_after)
    elif retry_after is not None:
        with contextlib.suppress(ValueError, OverflowError):
            asked = email.utils.parsedate_to_datetime(retry_after).timestamp() - time.time()
    return min(max(asked, 0.0), MAX_WAIT_SECONDS)
