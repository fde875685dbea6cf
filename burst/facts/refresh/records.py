"""JSON objects of somebody else's API, read strictly: what is not as expected is refused by its name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from trainer.refusal import Refusal


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One JSON object. `refuse` makes the refusal that names the provider and the address."""

    fields: Mapping[str, object]
    refuse: Callable[[str], Refusal]

    def text(self, name: str) -> str:
        """A string that must be there."""
        value = self.fields.get(name)
        if not isinstance(value, str):
            raise self._unlike(name, "a text")
        return value

    def text_or_empty(self, name: str) -> str:
        """A string, or empty where it is missing or null."""
        return "" if self.fields.get(name) is None else self.text(name)

    def number(self, name: str) -> float:
        """A number that must be there; may be NaN or infinite, as JSON's readers allow."""
        value = self.fields.get(name)
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise self._unlike(name, "a number")
        try:
            return float(value)
        except OverflowError:
            return float("inf")

    def number_or(self, name: str, default: float) -> float:
        """A number, or `default` where it is missing or null."""
        return default if self.fields.get(name) is None else self.number(name)

    def record(self, name: str) -> Record:
        """An object within the object."""
        value = self.fields.get(name)
        if not isinstance(value, dict):
            raise self._unlike(name, "an object")
        return Record(fields=value, refuse=self.refuse)

    def records(self, name: str) -> list[Record]:
        """A list of objects."""
        values = self._list(name)
        if not all(isinstance(value, dict) for value in values):
            raise self._unlike(name, "a list of objects")
        return [Record(fields=value, refuse=self.refuse) for value in values if isinstance(value, dict)]

    def texts(self, name: str) -> list[str]:
        """A list of strings."""
        values = self._list(name)
        if not all(isinstance(value, str) for value in values):
            raise self._unlike(name, "a list of texts")
        return [value for value in values if isinstance(value, str)]

    def _list(self, name: str) -> list[object]:
        value = self.fields.get(name)
        if not isinstance(value, list):
            raise self._unlike(name, "a list")
        return value

    def _unlike(self, name: str, wanted: str) -> Refusal:
        came = repr(self.fields[name]) if name in self.fields else "nothing"
        shown = came if len(came) <= 60 else f"{came[:57]}..."
        return self.refuse(f"{shown} where `{name}` should be {wanted}")
