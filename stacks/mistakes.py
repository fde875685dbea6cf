"""How settings are refused all at once: each that cannot work is noted by its full name, and the others are looked at too."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from trainer.refusal import Refusal

T = TypeVar("T")
NAMESPACE = "hepburst"


def attempt(make: Callable[[], T], mistakes: list[Refusal]) -> T | None:
    """What `make` gives; None where it refuses, which is added to `mistakes`."""
    try:
        return make()
    except Refusal as refusal:
        mistakes.append(refusal)
        return None


def keyed(key: str, make: Callable[[], T], *, joint: str = ": ") -> T:
    """What `make` gives; what it refuses, with the setting's name before it.

    >>> keyed("hepburst:zone", lambda: int("7"))
    7
    """
    try:
        return make()
    except Refusal as refusal:
        raise Refusal(f"{key}{joint}{refusal.got}", expected=refusal.expected, remedy=refusal.remedy) from None


def full_name(*path: str | int) -> str:
    """How a setting is called on the command line.

    >>> full_name("pool", "groups", 0, "num_nodes")
    'hepburst:pool.groups[0].num_nodes'
    """
    return f"{NAMESPACE}:" + "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path).removeprefix(".")
