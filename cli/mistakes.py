"""Mistakes of a command line, collected so that one run tells them all."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import TypeVar

from trainer.refusal import Refusal, closest

T = TypeVar("T")


class Mistakes:
    """Refusals so far."""

    def __init__(self) -> None:
        self.found: list[Refusal] = []

    def attempt(self, make: Callable[[], T]) -> T | None:
        """The value, or None after a refusal, which is kept."""
        try:
            return make()
        except Refusal as refusal:
            self.found.append(refusal)
        except ExceptionGroup as refusals:
            self.found += flattened(refusals)
        return None

    def end(self) -> None:
        """Raise all that was found, if anything was."""
        if self.found:
            raise ExceptionGroup("mistakes", self.found)


def flattened(refusals: BaseExceptionGroup[BaseException]) -> list[Refusal]:
    """The refusals of a group, and of groups in it; anything else in there is a mistake of ours and is raised."""
    ours, others = refusals.split(Refusal)
    if others is not None:
        raise others
    found: list[Refusal] = []
    for each in ours.exceptions if ours is not None else ():
        found += flattened(each) if isinstance(each, BaseExceptionGroup) else [each]
    return found


def one_of(option: str, given: str, known: Iterable[str]) -> str:
    """A choice; refuses another with the closest.

    >>> one_of("--sort", "usd", ["usd", "hours"])
    'usd'
    """
    choices = list(known)
    if given not in choices:
        raise Refusal(
            f"{option} is {given}{closest(given, choices)}", expected=" or ".join(choices), remedy=f"correct {option}"
        )
    return given


def above_zero(option: str, given: float | None, unit: str) -> float | None:
    """A limit, if there is one; refuses what is none."""
    if given is not None and not 0 < given < math.inf:
        raise Refusal(f"{option} is {given:g}", expected=f"{unit}, above 0", remedy=f"correct {option}")
    return given


def at_least(option: str, given: int, least: int) -> int:
    """A count; refuses one below `least`."""
    if given < least:
        raise Refusal(f"{option} is {given}", expected=f"{least} or more", remedy=f"correct {option}")
    return given
