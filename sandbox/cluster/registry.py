"""Debian's docker-registry on loopback, and pushing an image to it by its HTTP interface."""

from __future__ import annotations

import http.client
from pathlib import Path
from urllib.parse import urlsplit

import yaml

from sandbox.cluster.image import MANIFEST_TYPE, Image
from sandbox.cluster.places import Places
from sandbox.cluster.processes import Program

REGISTRY = "registry"
TAG = "rehearsal"


def registry(places: Places, packages: Path, *, port: int, within: tuple[str, ...]) -> Program:
    """The registry's program; it keeps images in the cluster's folder."""
    folder = places.node / REGISTRY
    folder.mkdir(parents=True, exist_ok=True)
    config = {
        "version": "0.1",
        "log": {"level": "warn", "accesslog": {"disabled": True}},
        "storage": {"filesystem": {"rootdirectory": str(folder / "data")}, "delete": {"enabled": True}},
        "http": {"addr": f"127.0.0.1:{port}"},
    }
    (folder / "config.yml").write_text(yaml.safe_dump(config), encoding="ascii")
    command = (str(packages / "usr" / "bin" / "docker-registry"), "serve", str(folder / "config.yml"))
    return Program(name=REGISTRY, command=command, within=within, memory_mb=100)


def answers(host: str) -> bool:
    """Whether a registry serves at HOST:PORT."""
    try:
        return _request(host, "GET", "/v2/")[0] == 200
    except OSError:
        return False


def push(image: Image, *, host: str, repository: str) -> str:
    """Put an image into the registry at HOST:PORT, what is missing of it, and give its reference by digest."""
    base = f"/v2/{repository}"
    for digest in image.blob_digests:
        if _request(host, "HEAD", f"{base}/blobs/{digest}")[0] == 200:
            continue
        _, location = _expect(host, "POST", f"{base}/blobs/uploads/", status=202)
        where = urlsplit(location)
        query = f"{where.query}&digest={digest}" if where.query else f"digest={digest}"
        _expect(host, "PUT", f"{where.path}?{query}", status=201, body=image.blobs / digest, kind="application/octet-stream")
    for name in (image.digest, TAG):  # the tag is for those who list what is there
        _expect(host, "PUT", f"{base}/manifests/{name}", status=201, body=image.manifest, kind=MANIFEST_TYPE)
    return f"{host}/{repository}@{image.digest}"


def _expect(
    host: str, method: str, path: str, *, status: int, body: Path | bytes | None = None, kind: str = ""
) -> tuple[int, str]:
    answer = _request(host, method, path, body=body, kind=kind)
    if answer[0] != status:
        raise ConnectionError(f"the registry answered {answer[0]} to {method} {path.partition('?')[0]}")
    return answer


def _request(host: str, method: str, path: str, *, body: Path | bytes | None = None, kind: str = "") -> tuple[int, str]:
    """One request: the answer's status, and its Location."""
    connection = http.client.HTTPConnection(host, timeout=120)
    headers = {"Content-Type": kind} if kind else {}
    try:
        if isinstance(body, Path):
            with body.open("rb") as file:
                connection.request(method, path, body=file, headers={**headers, "Content-Length": str(body.stat().st_size)})
        else:
            connection.request(method, path, body=body, headers={**headers, "Content-Length": str(len(body or b""))})
        answer = connection.getresponse()
        answer.read()
        return answer.status, answer.getheader("Location") or ""
    except http.client.HTTPException as problem:
        raise ConnectionError(str(problem)) from problem
    finally:
        connection.close()
