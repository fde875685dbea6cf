"""A small client of the Kubernetes API: what making and tending a cluster needs, on the standard library."""

from __future__ import annotations

import base64
import http.client
import json
import ssl
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml

from engine.progress import clock

FIELD_MANAGER = "hepburst-rehearsal"
Manifest = dict[str, Any]
"""An object of Kubernetes as JSON has it."""


class ApiError(Exception):
    """The API server refused; `status` is HTTP's."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(f"{status}: {message}")
        self.status = status


class Api:
    """The API server that a kubeconfig names, spoken to with its token. Raises ApiError, or OSError where no server is."""

    def __init__(self, kubeconfig: Path) -> None:
        config = yaml.safe_load(kubeconfig.read_text(encoding="utf-8"))
        cluster, user = config["clusters"][0]["cluster"], config["users"][0]["user"]
        authority = base64.b64decode(cluster["certificate-authority-data"]).decode()
        self._address = urlsplit(cluster["server"])
        self._tls = ssl.create_default_context(cadata=authority)
        self._token = user["token"]
        self._plurals: dict[str, dict[str, Manifest]] = {}

    def request(self, method: str, path: str, body: Manifest | None = None, *, kind: str = "application/json") -> Manifest:
        """One request; the answer as JSON, `{}` if it is none."""
        assert self._address.hostname
        connection = http.client.HTTPSConnection(self._address.hostname, self._address.port, context=self._tls, timeout=30)
        try:
            headers = {"Authorization": f"Bearer {self._token}", "Content-Type": kind, "Accept": "application/json"}
            connection.request(method, path, body=None if body is None else json.dumps(body), headers=headers)
            answer = connection.getresponse()
            text = answer.read().decode()
        except (http.client.HTTPException, ssl.SSLError) as problem:
            raise ConnectionError(str(problem)) from problem
        finally:
            connection.close()
        try:
            value = json.loads(text)
        except ValueError:
            value = {}
        if answer.status >= 400:
            raise ApiError(answer.status, (isinstance(value, dict) and value.get("message")) or text or answer.reason)
        return value if isinstance(value, dict) else {}

    def get(self, path: str) -> Manifest | None:
        """What is at a path; None if nothing is."""
        try:
            return self.request("GET", path)
        except ApiError as problem:
            if problem.status == 404:
                return None
            raise

    def items(self, path: str) -> list[Manifest]:
        """The objects of a list."""
        return list(self.request("GET", path).get("items") or [])

    def apply(self, manifest: Manifest) -> Manifest:
        """Server-side apply: the object is as `manifest` says, whatever was there before."""
        query = f"?fieldManager={FIELD_MANAGER}&force=true"
        return self.request("PATCH", self.path(manifest) + query, manifest, kind="application/apply-patch+yaml")

    def delete(self, path: str) -> None:
        """Ask for an object's deletion; none there is as good."""
        try:
            self.request("DELETE", path)
        except ApiError as problem:
            if problem.status != 404:
                raise

    def path(self, manifest: Manifest) -> str:
        """Where an object lives."""
        root = self.root(manifest["apiVersion"])
        resource = self._resource(root, manifest["kind"])
        meta = manifest["metadata"]
        scope = f"/namespaces/{meta.get('namespace', 'default')}" if resource["namespaced"] else ""
        return f"{root}{scope}/{resource['name']}/{meta['name']}"

    @staticmethod
    def root(api_version: str) -> str:
        """Where a group's version lives.

        >>> Api.root("v1"), Api.root("kubeflow.org/v2beta1")
        ('/api/v1', '/apis/kubeflow.org/v2beta1')
        """
        return f"/apis/{api_version}" if "/" in api_version else f"/api/{api_version}"

    def _resource(self, root: str, kind: str) -> Manifest:
        if kind not in self._plurals.get(root, {}):
            found = self.request("GET", root)["resources"]
            self._plurals[root] = {one["kind"]: one for one in found if "/" not in one["name"]}
        return self._plurals[root][kind]

    def is_ready(self) -> bool:
        """Whether the server says that it is ready to serve."""
        try:
            self.request("GET", "/readyz")
        except (ApiError, OSError):
            return False
        return True


def never() -> None:
    """Nothing that makes waiting hopeless."""


def wait_for(what: str, is_so: Callable[[], bool], *, seconds: float, is_hopeless: Callable[[], str | None] = never) -> None:
    """Wait until something is so. Raises TimeoutError with `what`, or with the reason that `is_hopeless` gives."""
    began = time.monotonic()
    while not is_so():
        reason = is_hopeless()
        if reason:
            raise TimeoutError(reason)
        if time.monotonic() - began > seconds:
            raise TimeoutError(f"{what} did not come about in {clock(seconds)}")
        time.sleep(0.1)


def condition(manifest: Mapping[str, Any] | None, kind: str) -> str:
    """The status of a condition of an object: True, False, Unknown or nothing.

    >>> condition({"status": {"conditions": [{"type": "Ready", "status": "True"}]}}, "Ready")
    'True'
    """
    found = ((manifest or {}).get("status") or {}).get("conditions") or []
    return next((one["status"] for one in found if one["type"] == kind), "")
