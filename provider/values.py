"""Pulumi's property values as plain Python values, and back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, TypeAlias

from pulumi.provider.experimental.property_value import Computed, PropertyValue
from pulumi.runtime import rpc

Plain: TypeAlias = dict[str, Any]
"""JSON-like values; a value that is not known in a preview is `UNKNOWN`."""


# What stands for it in the protocol; the SDK's `Computed` can neither be sent nor be compared.
UNKNOWN: Final[str] = rpc.UNKNOWN


def plain(value: PropertyValue) -> Any:
    """A property value as JSON-like Python. Numbers are floats, as protobuf has no integers; secrets lose their mark."""
    inner = value.value
    if isinstance(inner, Mapping):
        return {key: plain(item) for key, item in inner.items()}
    if isinstance(inner, Sequence) and not isinstance(inner, str):
        return [plain(item) for item in inner]
    return UNKNOWN if isinstance(inner, Computed) else inner


def plain_map(values: Mapping[str, PropertyValue]) -> Plain:
    """`plain` for the properties of a resource, without the engine's own and without absent ones."""
    return {key: plain(value) for key, value in values.items() if not key.startswith("__") and value.value is not None}


def wrapped(value: Any) -> PropertyValue:
    """The inverse of `plain`.

    >>> plain(wrapped({"epochs": 3, "losses": [0.5], "note": None}))
    {'epochs': 3.0, 'losses': [0.5], 'note': None}
    """
    if isinstance(value, PropertyValue):  # which may be a secret
        return value
    if isinstance(value, Mapping):
        return PropertyValue(wrapped_map(value))
    if isinstance(value, list | tuple):
        return PropertyValue([wrapped(item) for item in value])
    if isinstance(value, int) and not isinstance(value, bool):
        return PropertyValue(float(value))
    return PropertyValue(value)


def wrapped_map(values: Mapping[str, Any]) -> dict[str, PropertyValue]:
    """The inverse of `plain_map`."""
    return {key: wrapped(value) for key, value in values.items()}
