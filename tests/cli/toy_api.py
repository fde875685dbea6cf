"""A small API server on loopback: lists, watches and logs as Kubernetes gives them, strict, and breakable."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

TOKEN = "toy-token"  # noqa: S105 - of this server alone
NAMESPACE = "hepburst-onprem"
PATHS = {
    f"/apis/kubeflow.org/v2beta1/namespaces/{NAMESPACE}/mpijobs": "jobs",
    f"/api/v1/namespaces/{NAMESPACE}/pods": "pods",
    f"/api/v1/namespaces/{NAMESPACE}/events": "events",
}
KNOWN = {
    "labelSelector",
    "fieldSelector",
    "watch",
    "allowWatchBookmarks",
    "timeoutSeconds",
    "resourceVersion",
    "container",
    "timestamps",
    "follow",
    "sinceTime",
}
POLL_SECONDS = 0.02


class ToyApi:
    """Objects by kind and uid, every change of them, and the logs of pods as lines with their times."""

    def __init__(self) -> None:
        self.objects: dict[str, dict[str, dict[str, Any]]] = {"jobs": {}, "pods": {}, "events": {}}
        self.changes: list[tuple[str, dict[str, Any]]] = []
        self.logs: dict[str, list[str]] = {}
        self.log_ended: set[str] = set()
        self.forgotten = 0
        """Changes up to this number are not told any more: 410."""
        self.error: tuple[int, str] | None = None
        """What every request is answered with."""
        self.is_away = False
        """Whether every connection is closed without an answer."""
        self.breaks = 0
        """Counts: each growth breaks all streams."""
        self.requests: list[str] = []
        self.lock = threading.RLock()
        toy = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                toy.answer(self)

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.address = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def close(self) -> None:
        self.break_streams()
        self.server.shutdown()
        self.server.server_close()

    def kubeconfig(self, path: Path) -> Path:
        """A kubeconfig for it, with one context `toy`."""
        content = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "toy",
            "clusters": [{"name": "toy", "cluster": {"server": self.address}}],
            "users": [{"name": "toy", "user": {"token": TOKEN}}],
            "contexts": [{"name": "toy", "context": {"cluster": "toy", "user": "toy"}}],
        }
        path.write_text(json.dumps(content))
        return path

    def put(self, kind: str, thing: dict[str, Any]) -> None:
        """Make or change an object."""
        with self.lock:
            uid = thing["metadata"]["uid"]
            change = "MODIFIED" if uid in self.objects[kind] else "ADDED"
            self._record(kind, change, thing)
            self.objects[kind][uid] = thing

    def remove(self, kind: str, thing: dict[str, Any]) -> None:
        with self.lock:
            del self.objects[kind][thing["metadata"]["uid"]]
            self._record(kind, "DELETED", thing)

    def _record(self, kind: str, change: str, thing: dict[str, Any]) -> None:
        thing["metadata"]["resourceVersion"] = str(len(self.changes) + 1)
        self.changes.append((kind, json.loads(json.dumps({"type": change, "object": thing}))))

    def say(self, pod: str, text: str) -> None:
        """A line in a pod's log, now."""
        moment = time.time_ns()
        stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(moment // 10**9))
        self.logs.setdefault(pod, []).append(f"{stamp}.{moment % 10**9:09d}Z {text}")

    def break_streams(self) -> None:
        """As a network does."""
        self.breaks += 1

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        """One request."""
        if self.is_away:
            request.close_connection = True
            request.connection.shutdown(socket.SHUT_RDWR)
            return
        url = urlsplit(request.path)
        query = {key: values[-1] for key, values in parse_qs(url.query).items()}
        self.requests.append(request.path)
        assert query.keys() <= KNOWN, query
        if request.headers["Authorization"] != f"Bearer {TOKEN}":
            self.error = (401, "Unauthorized")
        if self.error:
            _send(request, self.error[0], {"kind": "Status", "message": self.error[1], "code": self.error[0]})
        elif url.path.endswith("/log"):
            self._stream(request, self._log(url.path.split("/")[-2], query))
        elif url.path not in PATHS:
            _send(request, 404, {"kind": "Status", "message": "not found", "code": 404})
        elif query.get("watch") == "true":
            assert "resourceVersion" in query, "a watch without a version begins anywhere"
            self._stream(request, self._watch(PATHS[url.path], int(query["resourceVersion"])))
        else:
            with self.lock:
                items = [each for each in self.objects[PATHS[url.path]].values() if _selected(each, query)]
                _send(request, 200, {"metadata": {"resourceVersion": str(len(self.changes))}, "items": items})

    def _watch(self, kind: str, version: int) -> Iterator[str | None]:
        """What has changed since; None: nothing yet."""
        while True:
            if version < self.forgotten:
                yield json.dumps({"type": "ERROR", "object": {"kind": "Status", "code": 410, "message": "too old"}})
                return
            with self.lock:
                found = self.changes[version:]
                version = len(self.changes)
            for of_kind, change in found:
                if of_kind == kind:
                    yield json.dumps(change)
            yield None

    def _log(self, pod: str, query: dict[str, str]) -> Iterator[str | None]:
        since, told = query.get("sinceTime", ""), 0
        while True:
            lines = self.logs.get(pod, [])[told:]
            told += len(lines)
            yield from (line for line in lines if line[:19] >= since[:19])
            if query.get("follow") != "true" or (pod in self.log_ended and told == len(self.logs.get(pod, []))):
                return
            yield None

    def _stream(self, request: BaseHTTPRequestHandler, lines: Iterator[str | None]) -> None:
        """In chunks; a broken one ends in the middle of a line."""
        breaks = self.breaks
        request.send_response(200)
        request.send_header("Transfer-Encoding", "chunked")
        request.end_headers()
        try:
            for line in lines:
                if self.breaks > breaks or self.is_away:
                    request.wfile.write(b'6\r\n{"torn\r\n')
                    request.close_connection = True
                    request.connection.shutdown(socket.SHUT_RDWR)
                    return
                if line is None:
                    time.sleep(POLL_SECONDS)
                    continue
                content = line.encode() + b"\n"
                request.wfile.write(f"{len(content):x}\r\n".encode() + content + b"\r\n")
                request.wfile.flush()
            request.wfile.write(b"0\r\n\r\n")
        except OSError:
            request.close_connection = True


def _selected(thing: dict[str, Any], query: dict[str, str]) -> bool:
    labels = thing["metadata"].get("labels", {})
    pairs = [pair.split("=") for pair in query.get("labelSelector", "").split(",") if pair]
    name = query.get("fieldSelector", "").partition("metadata.name=")[2]
    return all(labels.get(key) == value for key, value in pairs) and name in ("", thing["metadata"]["name"])


def _send(request: BaseHTTPRequestHandler, status: int, document: dict[str, Any]) -> None:
    content = json.dumps(document).encode()
    request.send_response(status)
    request.send_header("Content-Type", "application/json")
    request.send_header("Content-Length", str(len(content)))
    request.end_headers()
    request.wfile.write(content)
