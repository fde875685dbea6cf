"""Property names of built-in kinds, checked against the classes of the SDK `pulumi_kubernetes`. Pure."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from functools import cache
from typing import Any, get_args

from pulumi import _types as sdk_types

from sandbox.providers.kubernetes.objects import Object
from trainer.refusal import Refusal, closest


@cache
def _resource_class(api_version: str, kind: str) -> type | None:
    """The SDK's class of a kind; None for custom resources, which it does not know.

    >>> _resource_class("batch/v1", "Job").__name__, _resource_class("kubeflow.org/v2beta1", "MPIJob")
    ('Job', None)
    """
    group, _, version = api_version.rpartition("/")
    if "." in group and not group.endswith(".k8s.io"):
        return None
    try:
        module = importlib.import_module(f"pulumi_kubernetes.{group.split('.')[0] or 'core'}.{version}")
    except ImportError:
        return None
    found = getattr(module, kind, None)
    return found if isinstance(found, type) else None


def check(inputs: Object) -> None:
    """Raise Refusal for a property that the SDK's classes do not have, as a dictionary with a slip of the pen may."""
    found = _resource_class(str(inputs.get("apiVersion", "")), str(inputs.get("kind", "")))
    if found is None:
        return
    names = sdk_types.resource_types(found)
    for path, name, known in _unknown_names(inputs, names, ""):
        raise Refusal(
            f"{inputs['kind']} has no property {path}{name}{closest(name, known)}",
            expected=f"one of {', '.join(sorted(known))}",
            remedy="correct the name; the API writes it in camelCase",
        )


def _unknown_names(value: Any, names: dict[str, Any], path: str) -> Iterator[tuple[str, str, list[str]]]:
    for name, item in value.items():
        known = name if name in names else name.replace("-", "_")  # x-kubernetes-...: the SDK cannot write its hyphens
        if known not in names:
            yield path, name, list(names)
        else:
            yield from _within(item, names[known], f"{path}{name}")


def _within(value: Any, kind: Any, path: str) -> Iterator[tuple[str, str, list[str]]]:
    """Go on into lists, maps and the SDK's own types; a plain `Any` may hold anything."""
    if isinstance(kind, type) and sdk_types.is_output_type(kind):
        if isinstance(value, dict):
            yield from _unknown_names(value, sdk_types.output_type_types(kind), f"{path}.")
    elif isinstance(value, list) and get_args(kind):
        for number, item in enumerate(value):
            yield from _within(item, get_args(kind)[0], f"{path}[{number}]")
    elif isinstance(value, dict) and len(get_args(kind)) == 2:
        for name, item in value.items():
            yield from _within(item, get_args(kind)[1], f"{path}.{name}")
