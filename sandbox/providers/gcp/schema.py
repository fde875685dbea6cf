"""Properties checked against the SDK's argument classes: their names, their types, and which must be there. Pure."""

from __future__ import annotations

import importlib
import inspect
import warnings
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any, get_args, get_origin

from pulumi import _types as sdk_types

from provider.values import UNKNOWN
from trainer.refusal import Refusal, closest

_PLAIN: dict[type, tuple[tuple[type, ...], str]] = {
    str: ((str,), "a string"),
    bool: ((bool,), "a boolean"),
    int: ((int, float), "a whole number"),
    float: ((int, float), "a number"),
}


def check(type_: str, inputs: Mapping[str, Any]) -> None:
    """Raise Refusal for the first property that the SDK's classes do not have, have otherwise, or miss."""
    for problem in _within_class(inputs, arguments(type_), ""):
        raise Refusal(
            f"{type_.rpartition(':')[2]}{problem}",
            expected="the properties that pulumi_gcp documents",
            remedy="correct it; the API writes names in camelCase",
        )


@cache
def arguments(type_: str) -> type:
    """The SDK's class of a type's arguments.

    >>> arguments("gcp:container/nodePool:NodePool").__name__
    'NodePoolArgs'
    """
    _, module, name = type_.split(":")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # the SDK's, of classes that nobody asks for
        package = importlib.import_module(f"pulumi_gcp.{module.partition('/')[0].lower()}")
        found: type = getattr(package, f"{name}Args")  # which is when it is read
    return found


@cache
def _properties(of: type) -> tuple[dict[str, Any], frozenset[str]]:
    """Types of a class's properties by their names in the API, and the names that must be given."""
    names = sdk_types.input_type_py_to_pulumi_names(of)
    parameters = inspect.signature(of).parameters.values()
    required = {names[one.name] for one in parameters if one.default is inspect.Parameter.empty and one.name in names}
    return sdk_types.input_type_types(of), frozenset(required)


def _within_class(values: Mapping[str, Any], of: type, path: str) -> Iterator[str]:
    known, required = _properties(of)
    for name in sorted(required - values.keys()):
        yield f" lacks the property {path}{name}"
    for name, value in values.items():
        if name not in known:
            yield f" has no property {path}{name}{closest(name, known)}"
        else:
            yield from _within(value, known[name], f"{path}{name}")


def _within(value: Any, of: Any, path: str) -> Iterator[str]:
    if value == UNKNOWN or value is None:
        return
    if isinstance(of, type) and sdk_types.is_input_type(of):
        if isinstance(value, Mapping):
            yield from _within_class(value, of, f"{path}.")
        else:
            yield f".{path} is {value!r}, not an object"
    elif get_origin(of) is not None and len(get_args(of)) == 1:
        if not isinstance(value, list):
            yield f".{path} is {value!r}, not a list"
        for number, item in enumerate(value if isinstance(value, list) else ()):
            yield from _within(item, _bare(get_args(of)[0]), f"{path}[{number}]")
    elif get_origin(of) is not None and len(get_args(of)) == 2:
        if not isinstance(value, Mapping):
            yield f".{path} is {value!r}, not a map"
        for name, item in value.items() if isinstance(value, Mapping) else ():
            yield from _within(item, _bare(get_args(of)[1]), f"{path}.{name}")
    elif of in _PLAIN:
        kinds, what = _PLAIN[of]
        is_whole = of is not int or float(value).is_integer() if isinstance(value, int | float) else True
        if not isinstance(value, kinds) or (of is not bool and isinstance(value, bool)) or not is_whole:
            yield f".{path} is {value!r}, not {what}"


def _bare(of: Any) -> Any:
    """Of what an item may be in a program (`Input[X]`) the plain type."""
    return get_args(of)[0] if get_args(of) and get_origin(of) is not None and _is_input(of) else of


def _is_input(of: Any) -> bool:
    return any("Awaitable" in str(one) for one in get_args(of))
