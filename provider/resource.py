"""What a kind of resource must answer, in plain values, so that it knows nothing of protobuf."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field

from provider.values import Plain


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """What `up` will do about new inputs, property by property: nothing, update in place, or replace."""

    updates: frozenset[str] = frozenset()
    replaces: frozenset[str] = frozenset()

    @property
    def names(self) -> frozenset[str]:
        """All properties that cause something."""
        return self.updates | self.replaces


class PartialFailure(Exception):  # noqa: N818 - the engine's word for it
    """A resource that exists, so the engine must remember it, but is not what was asked for; the next `up` goes on with it."""

    def __init__(self, reason: str, *, resource_id: str, state: Plain) -> None:
        super().__init__(reason)
        self.reason, self.resource_id, self.state = reason, resource_id, state


@dataclass(frozen=True, slots=True, kw_only=True)
class Created:
    """A new resource: its id, and its state, which holds its inputs too."""

    id: str
    state: Plain = field(default_factory=dict)


class ResourceKind(ABC):
    """One type of resource. Inputs and states are plain maps; a state holds the inputs that it was made from."""

    unknown_until_made: frozenset[str] = frozenset()
    """Names of outputs that a preview cannot know."""

    def check(self, inputs: Plain) -> None:  # noqa: B027 - most kinds have nothing to refuse
        """Raise `Refusal` for inputs that cannot work. Runs in previews."""

    def changes(self, state: Plain, inputs: Plain) -> Changes:
        """By default any changed, added or removed input is an update in place."""
        return Changes(updates=changed_names(state, inputs, without=self.unknown_until_made))

    def planned(self, inputs: Plain) -> Plain:
        """The outputs that are known before anything is made."""
        return dict(inputs)

    @abstractmethod
    async def create(self, urn: str, inputs: Plain) -> Created:
        """Make it."""

    @abstractmethod
    async def update(self, urn: str, state: Plain, inputs: Plain) -> Plain:
        """Change it in place; returns the new state."""

    @abstractmethod
    async def exists(self, state: Plain) -> bool:
        """Whether it is still there."""

    @abstractmethod
    async def delete(self, state: Plain) -> None:
        """Remove it; nothing to remove is no error."""


def changed_names(state: Mapping[str, object], inputs: Mapping[str, object], *, without: frozenset[str]) -> frozenset[str]:
    """Names of inputs that differ from what the state was made from; `without` names the outputs, which are no inputs.

    >>> sorted(changed_names({"a": 1, "b": 2, "out": 3}, {"a": 1, "b": 5, "c": 6}, without=frozenset({"out"})))
    ['b', 'c']
    """
    names = (state.keys() | inputs.keys()) - without
    return frozenset(name for name in names if state.get(name) != inputs.get(name))
