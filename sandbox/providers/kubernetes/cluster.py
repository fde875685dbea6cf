"""The API server that a kubeconfig names: where kinds live, and what can be done with objects. Calls block: use threads."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import urllib3
import yaml
from kubernetes import client, config

from sandbox.providers.kubernetes.objects import Object
from trainer.refusal import Refusal

MARK = "/api/v1/namespaces/kube-public/configmaps/hepburst-rehearsal"
"""The ConfigMap by which a rehearsal cluster is known."""
TIMEOUT = urllib3.Timeout(connect=5, read=60)


class Unreachable(Refusal):
    """No API server answers."""


class ApiError(Refusal):
    """The API server refused; `status` is HTTP's, `reason` its own word."""

    def __init__(self, status: int, reason: str, message: str) -> None:
        super().__init__(message, expected="a request that the API server grants", remedy="check the object, and your rights")
        self.status, self.reason = status, reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """Where objects of a kind live."""

    root: str
    plural: str
    is_namespaced: bool

    def path(self, namespace: str, name: str = "") -> str:
        """Of one object, or of all."""
        scope = f"/namespaces/{namespace}" if self.is_namespaced else ""
        return f"{self.root}{scope}/{self.plural}" + (f"/{name}" if name else "")


@dataclass(slots=True, kw_only=True)
class Access:
    """A kubeconfig by path or content (empty: KUBECONFIG, then ~/.kube/config), and what to use of it."""

    kubeconfig: str = ""
    context: str = ""

    def client(self) -> Any:
        """The official client. Raises Refusal for a kubeconfig that cannot be used."""
        configuration: Any = client.Configuration()
        using: dict[str, Any] = {"context": self.context or None, "client_configuration": configuration}
        load_file: Any = config.load_kube_config
        load_content: Any = config.load_kube_config_from_dict
        try:
            content = yaml.safe_load(self.kubeconfig) if self.kubeconfig else None
            if isinstance(content, dict):
                load_content(content, **using)
            elif self.kubeconfig:
                load_file(str(Path(self.kubeconfig).expanduser()), **using)
            else:
                load_file(**using)
        except (config.ConfigException, yaml.YAMLError, OSError, TypeError) as problem:
            raise Refusal(
                f"the kubeconfig cannot be used: {problem}",
                expected="a kubeconfig whose context is there",
                remedy="check the provider's kubeconfig and context, or KUBECONFIG",
            ) from problem
        return client.ApiClient(configuration)


@dataclass(slots=True, kw_only=True)
class Cluster:
    """One API server."""

    access: Access
    _client: Any = None
    _kinds: dict[tuple[str, str], Kind] = field(default_factory=dict)
    _is_rehearsal: bool = False

    def request(self, method: str, path: str, body: Any = None, *, content: str = "application/json", **query: str) -> Object:
        """One request; the answer's JSON. Raises ApiError, or Unreachable."""
        self._client = self._client or self.access.client()
        headers = {"Content-Type": content, "Accept": "application/json"}
        for setting in self._client.configuration.auth_settings().values():
            headers[setting["key"]] = setting["value"]
        url = self._client.configuration.host + path + (f"?{urlencode(query)}" if query else "")
        try:
            answer = self._client.rest_client.pool_manager.request(
                method, url, body=None if body is None else json.dumps(body), headers=headers, timeout=TIMEOUT, retries=False
            )
        except urllib3.exceptions.HTTPError as problem:
            raise Unreachable(
                f"the API server at {self._client.configuration.host} does not answer ({type(problem).__name__})",
                expected="a running cluster",
                remedy="bring the cluster up (make cluster-up), or correct the kubeconfig; PULUMI_K8S_DELETE_UNREACHABLE=true"
                " forgets what was in a cluster that is gone",
            ) from problem
        try:
            value = json.loads(answer.data)
        except ValueError:
            value = {}
        if answer.status >= 400:
            raise ApiError(answer.status, value.get("reason", ""), value.get("message") or f"HTTP status {answer.status}")
        return dict(value)

    def check(self) -> None:
        """Refuse a cluster that is no rehearsal's: the stand-in knows less than the official plugin."""
        if self._is_rehearsal:
            return
        try:
            self.request("GET", MARK)
        except ApiError as problem:
            raise Refusal(
                f"{self._client.configuration.host} is not a rehearsal cluster ({problem.got})",
                expected="the ConfigMap kube-public/hepburst-rehearsal, for this is the stand-in of Pulumi's Kubernetes plugin",
                remedy="use the official plugin: pulumi plugin install resource kubernetes",
            ) from problem
        self._is_rehearsal = True

    def kind(self, api_version: str, kind: str) -> Kind:
        """Where a kind lives. Raises ApiError 404 if the server does not know it (yet)."""
        key = api_version, kind
        if key not in self._kinds:
            root = f"/apis/{api_version}" if "/" in api_version else f"/api/{api_version}"
            for one in self.request("GET", root)["resources"]:
                if "/" not in one["name"]:
                    place = Kind(root=root, plural=one["name"], is_namespaced=one["namespaced"])
                    self._kinds[api_version, one["kind"]] = place
        if key not in self._kinds:
            raise ApiError(404, "NotFound", f"the server knows no {kind} of {api_version}")
        return self._kinds[key]

    def path(self, manifest: Object, *, with_name: bool = True) -> str:
        """Where an object lives, or its like."""
        metadata = manifest["metadata"]
        place = self.kind(manifest["apiVersion"], manifest["kind"])
        return place.path(metadata.get("namespace") or "default", metadata["name"] if with_name else "")

    def get(self, manifest: Object) -> Object | None:
        """The live object; None if there is none, or no such kind any more."""
        try:
            return self.request("GET", self.path(manifest))
        except ApiError as problem:
            if problem.status == 404:
                return None
            raise

    def create(self, manifest: Object, *, manager: str, is_dry: bool = False) -> Object:
        """Make an object that is not there yet. Raises ApiError `AlreadyExists` for one that is."""
        if self.get(manifest) is not None:
            raise ApiError(409, "AlreadyExists", f"{manifest['kind']} {manifest['metadata']['name']} already exists")
        return self.apply(manifest, manager=manager, is_forced=False, is_dry=is_dry)

    def apply(self, manifest: Object, *, manager: str, is_forced: bool, is_dry: bool = False) -> Object:
        """Server-side apply."""
        query = {"fieldManager": manager, "fieldValidation": "Strict", "force": str(is_forced).lower()}
        query |= {"dryRun": "All"} if is_dry else {}
        return self.request("PATCH", self.path(manifest), manifest, content="application/apply-patch+yaml", **query)

    def delete(self, manifest: Object) -> None:
        """Ask for a deletion, dependents first; none there is as good."""
        body = {"kind": "DeleteOptions", "apiVersion": "v1", "propagationPolicy": "Foreground"}
        try:
            self.request("DELETE", self.path(manifest), body)
        except ApiError as problem:
            if problem.status != 404:
                raise

    def binds_at_once(self, claim: Object) -> bool:
        """Whether a claim is bound before a pod uses it."""
        name = (claim.get("spec") or {}).get("storageClassName")
        if claim.get("kind") != "PersistentVolumeClaim" or not name:
            return True
        found = self.get({"apiVersion": "storage.k8s.io/v1", "kind": "StorageClass", "metadata": {"name": name}})
        return (found or {}).get("volumeBindingMode") != "WaitForFirstConsumer"

    def events(self, live: Object) -> str:
        """The last events of an object, in words."""
        metadata = live["metadata"]
        try:
            found = self.request(
                "GET",
                f"/api/v1/namespaces/{metadata.get('namespace', 'default')}/events",
                fieldSelector=f"involvedObject.uid={metadata.get('uid', '')}",
            )
        except (ApiError, Unreachable):
            return ""
        last = [f"{one.get('reason')}: {one.get('message')}" for one in found.get("items", [])][-3:]
        return f" (events: {'; '.join(last)})" if last else ""
