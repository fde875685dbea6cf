"""Inputs as the official plugin completes them, and the API server's refusals in words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pulumi.provider.experimental import provider as api
from pulumi.provider.experimental.property_value import Computed, PropertyValue

from provider.values import wrapped_map
from sandbox.providers.kubernetes import schema
from sandbox.providers.kubernetes.cluster import ApiError
from sandbox.providers.kubernetes.objects import (
    AUTONAMED,
    Object,
    auto_name,
    encoded_secret,
    has_secret,
    manifest,
    pruned,
)
from sandbox.providers.kubernetes.readiness import wishes
from trainer.refusal import Refusal

Values = dict[str, PropertyValue]
_NOT_INPUTS = ("creationTimestamp", "generation", "managedFields", "resourceVersion", "uid", "selfLink")


def type_of(urn: str) -> tuple[str, str]:
    """apiVersion and kind of a resource. Raises Refusal for types that are no objects of the API.

    >>> type_of("urn:pulumi:onprem::hepburst::hepburst:x:Y$kubernetes:rbac.authorization.k8s.io/v1:Role::role")
    ('rbac.authorization.k8s.io/v1', 'Role')
    """
    token = urn.split("::")[2].rsplit("$", 1)[-1]
    _, version, kind = token.split(":", 2)
    if "/" not in version or version.startswith(("helm.sh/", "yaml/", "kustomize/")) or kind.endswith(("Patch", "List")):
        raise beyond_the_stand_in(token)
    return version.removeprefix("core/"), kind


def beyond_the_stand_in(what: str) -> Refusal:
    """The refusal of what only the official plugin does."""
    return Refusal(
        f"{what} is more than the stand-in of Pulumi's Kubernetes plugin does",
        expected="objects of the API: built-in kinds and custom resources",
        remedy="use the official plugin (pulumi plugin install resource kubernetes), or leave the resource out",
    )


def checked(request: api.CheckRequest, default_namespace: str) -> Values:
    """Inputs with apiVersion, kind, name and namespace. Raises Refusal for properties that no such object has."""
    inputs = {key: value for key, value in request.new_inputs.items() if value.value is not None}
    api_version, kind = type_of(request.urn)
    inputs.setdefault("apiVersion", PropertyValue(api_version))
    inputs.setdefault("kind", PropertyValue(kind))
    metadata = inputs.get("metadata", PropertyValue({}))
    if not isinstance(metadata.value, Computed):
        inputs["metadata"] = PropertyValue(_named(request, _entries(metadata), default_namespace), metadata.is_secret)
    if kind == "Secret" and api_version == "v1":
        inputs = _encoded(inputs)
    plain_inputs = manifest(inputs)
    schema.check(plain_inputs)
    wishes(plain_inputs)
    return inputs


def _named(request: api.CheckRequest, metadata: Values, default_namespace: str) -> Values:
    if _text(metadata, "generateName"):
        raise Refusal(
            "metadata.generateName",
            expected="metadata.name, or neither: server-side apply needs a name that is known",
            remedy="leave it out; the object is then named by the resource",
        )
    if not _text(metadata, "name"):
        old = _entries(request.old_inputs.get("metadata"))
        was_autonamed = AUTONAMED in _entries(old.get("annotations"))
        fresh = PropertyValue(auto_name(request.name, request.random_seed))
        metadata["name"] = old["name"] if was_autonamed else fresh
        metadata["annotations"] = PropertyValue({**_entries(metadata.get("annotations")), AUTONAMED: PropertyValue("true")})
    if default_namespace and not _text(metadata, "namespace"):
        metadata["namespace"] = PropertyValue(default_namespace)
    return metadata


def _entries(value: PropertyValue | None) -> Values:
    return dict(value.value) if value is not None and isinstance(value.value, Mapping) else {}


def _text(values: Values, name: str) -> Any:
    return values[name].value if name in values else None


def _encoded(inputs: Values) -> Values:
    """A Secret's `stringData` as `data`, which is what the server gives back; both are secrets."""
    rest = {key: value for key, value in inputs.items() if key not in ("data", "stringData")}
    for key in ("data", "stringData"):
        if key in inputs and isinstance(inputs[key].value, Computed):
            return inputs
    entries = _entries(inputs.get("data"))
    for key, item in _entries(inputs.get("stringData")).items():
        entries[key] = PropertyValue(encoded_secret(item.value)) if isinstance(item.value, str) else item
    return {**rest, "data": PropertyValue(entries, is_secret=True)} if entries else rest


def live_inputs(live: Object, old_inputs: Any) -> Values:
    """Inputs as they would have to be for the live object; where none are known (an import), all that are inputs."""
    if old_inputs:
        like = manifest(old_inputs)
        hides = {key for key, value in old_inputs.items() if has_secret(value)}
        found = pruned(live, like)
    else:
        metadata = {key: value for key, value in live["metadata"].items() if key not in _NOT_INPUTS}
        found, hides = {**{key: live[key] for key in live if key != "status"}, "metadata": metadata}, set()
    if live.get("kind") == "Secret":
        hides |= {"data"}
    return {key: PropertyValue(value.value, is_secret=key in hides) for key, value in wrapped_map(found).items()}


def refused_by_server(wanted: Object, problem: ApiError) -> Refusal:
    """What the API server said, and what can be done."""
    name = f"{wanted.get('kind')} {wanted['metadata'].get('name')}"
    if problem.reason == "AlreadyExists":
        return Refusal(
            f"{name} is there already, and not of this stack",
            expected="an object that is yet to be made",
            remedy="import it, name it differently, or set the provider's upsertExistingObjects to take over what is there",
        )
    if problem.status == 409 and problem.reason == "Conflict":
        return Refusal(
            f"{name}: {problem.got}",
            expected="fields that nobody else manages",
            remedy='leave those fields out, or annotate the object "pulumi.com/patchForce": "true"',
        )
    if "immutable" in problem.got or "updates to" in problem.got:
        return Refusal(
            f"{name}: {problem.got}",
            expected="a change that the API server makes in place",
            remedy="have the resource replaced: the option replace_on_changes with that field's path",
        )
    return Refusal(
        f"the API server refuses {name}: {problem.got}", expected="an object that it takes", remedy="correct the resource"
    )
