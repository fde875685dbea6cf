"""Kubernetes objects as plain values: numbers, names, differences. Pure."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterator, Mapping
from typing import Any, TypeAlias

from pulumi.provider.experimental.property_value import PropertyValue

from provider.values import UNKNOWN, plain, wrapped

Object: TypeAlias = dict[str, Any]
Path: TypeAlias = tuple[str | int, ...]
AUTONAMED = "pulumi.com/autonamed"


def whole(value: Any) -> Any:
    """Integers where protobuf made floats of them, as the API server refuses `2.0` replicas; no nulls in maps.

    >>> whole({"replicas": 2.0, "ratio": [0.5], "note": None, "on": True})
    {'replicas': 2, 'ratio': [0.5], 'on': True}
    """
    if isinstance(value, Mapping):
        return {key: whole(item) for key, item in value.items() if item is not None}
    if isinstance(value, list):
        return [whole(item) for item in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def manifest(values: Mapping[str, PropertyValue]) -> Object:
    """Properties from the engine as an object for the API server, without what only the engine keeps (`__inputs` ...)."""
    found: Object = whole({key: plain(value) for key, value in values.items() if not key.startswith("__")})
    return found


def has_unknown(value: Any) -> bool:
    """Whether something in it is known only after an `up`."""
    if isinstance(value, Mapping):
        return any(has_unknown(item) for item in value.values())
    return any(has_unknown(item) for item in value) if isinstance(value, list) else bool(value == UNKNOWN)


def has_secret(value: PropertyValue) -> bool:
    """Whether something in it is a secret."""
    inner = value.value
    if isinstance(inner, Mapping):
        return value.is_secret or any(has_secret(item) for item in inner.values())
    if isinstance(inner, list | tuple):
        return value.is_secret or any(has_secret(item) for item in inner)
    return value.is_secret


def checkpoint(live: Object, inputs: Mapping[str, PropertyValue], field_manager: str) -> dict[str, PropertyValue]:
    """What the engine keeps: the live object, what it was made from, and by whom. What holds a secret is one as a whole."""
    metadata = {key: value for key, value in live.get("metadata", {}).items() if key != "managedFields"}
    hides = {key for key, value in inputs.items() if has_secret(value)}
    if live.get("kind") == "Secret":
        hides |= {"data", "stringData"}
    made_from = PropertyValue(dict(inputs), is_secret=bool(hides))
    shown = {key: PropertyValue(wrapped(value).value, is_secret=key in hides) for key, value in live.items()}
    return {
        **shown,
        "metadata": PropertyValue(wrapped(metadata).value, is_secret="metadata" in hides),
        "__inputs": made_from,
        "__fieldManager": PropertyValue(field_manager),
    }


def field_manager(urn: str) -> str:
    """Who owns the fields of a resource. The official plugin draws the eight digits; here they come of the resource's name."""
    return f"pulumi-kubernetes-{hashlib.sha256(urn.encode()).hexdigest()[:8]}"


def auto_name(name: str, seed: bytes) -> str:
    """A name for an object that the program names none: the resource's, and eight digits of the engine's random seed.

    >>> auto_name("quota", b"seed")
    'quota-19b25856'
    """
    return f"{name}-{hashlib.sha256(seed).hexdigest()[:8]}"


def object_id(live: Object) -> str:
    """The engine's id of an object.

    >>> object_id({"metadata": {"name": "burst", "namespace": "hepburst"}}), object_id({"metadata": {"name": "burst"}})
    ('hepburst/burst', 'burst')
    """
    metadata = live["metadata"]
    return f"{metadata['namespace']}/{metadata['name']}" if metadata.get("namespace") else str(metadata["name"])


def annotation(inputs: Object, name: str) -> str:
    """The value of an annotation `pulumi.com/...`, empty if there is none."""
    metadata = inputs.get("metadata")
    annotations = metadata.get("annotations") if isinstance(metadata, dict) else None
    return str(annotations.get(f"pulumi.com/{name}", "")) if isinstance(annotations, dict) else ""


def encoded_secret(text: str) -> str:
    """An entry of a Secret's `stringData` as its `data` has it."""
    return base64.b64encode(text.encode()).decode()


def pruned(live: Any, like: Any) -> Any:
    """Of a live value what `like` has too: what the cluster added is no difference.

    >>> pruned({"a": 1, "uid": "x", "list": [{"b": 2, "c": 3}]}, {"a": 0, "gone": 0, "list": [{"b": 0}]})
    {'a': 1, 'list': [{'b': 2}]}
    """
    if isinstance(live, dict) and isinstance(like, dict):
        return {key: pruned(live[key], like[key]) for key in like if key in live}
    if isinstance(live, list) and isinstance(like, list) and len(live) == len(like):
        return [pruned(*pair) for pair in zip(live, like, strict=True)]
    return live


def differences(old: Any, new: Any, path: Path = ()) -> Iterator[tuple[Path, str]]:
    """Where two values differ: `add`, `delete` or `update`.

    >>> list(differences({"a": 1, "b": {"c": [1, 2]}}, {"b": {"c": [1, 3]}, "d": 4}))
    [(('a',), 'delete'), (('b', 'c', 1), 'update'), (('d',), 'add')]
    """
    if isinstance(old, dict) and isinstance(new, dict):
        for key in sorted(old.keys() | new.keys()):
            if key not in new:
                yield (*path, key), "delete"
            elif key not in old:
                yield (*path, key), "add"
            else:
                yield from differences(old[key], new[key], (*path, key))
    elif isinstance(old, list) and isinstance(new, list):
        for number in range(max(len(old), len(new))):
            if number >= len(new):
                yield (*path, number), "delete"
            elif number >= len(old):
                yield (*path, number), "add"
            else:
                yield from differences(old[number], new[number], (*path, number))
    elif old != new:
        yield path, "update"


def written(path: Path) -> str:
    """A path as the engine writes it.

    >>> written(("spec", "list", 0, "pulumi.com/x"))
    'spec.list[0]["pulumi.com/x"]'
    """
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        elif re.fullmatch(r"[\w$-]+", part):
            text += f".{part}" if text else part
        else:
            text += f'["{part}"]'
    return text


def covers(ignored: str, path: str) -> bool:
    """Whether a path of the option `ignore_changes` is, or is above, another.

    >>> covers("spec", "spec.list[0]"), covers("spec.list[*].a", "spec.list[3].a"), covers("spec", "special")
    (True, True, False)
    """
    pattern = re.escape(ignored).replace(r"\[\*\]", r"\[\d+\]").replace(r"\*", r"[^.\[]+")
    return re.match(rf"{pattern}(?:$|[.\[])", path) is not None
