"""What a call of the command leaves."""

from __future__ import annotations

import datetime
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

TODAY = datetime.date(2026, 11, 24)
V100 = ("--provider", "gcp", "--accelerator", "V100-16GB")
"""A question that is answered fast."""


@dataclass(frozen=True)
class Outcome:
    """Exit status and both outputs."""

    status: int
    out: str
    err: str

    @property
    def refusals(self) -> list[str]:
        """What was refused, a line each; nothing else may stand on stderr then."""
        lines = self.err.splitlines()
        assert all(line.startswith("refused: ") for line in lines), self.err
        return [line.removeprefix("refused: ") for line in lines]

    @property
    def document(self) -> dict[str, Any]:
        """The JSON document on stdout."""
        found: dict[str, Any] = json.loads(self.out, parse_constant=_refuse)
        return found


def _refuse(constant: str) -> None:
    raise AssertionError(f"{constant} is no JSON")


Run = Callable[..., Outcome]
