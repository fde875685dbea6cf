"""What the last set-up left behind, so that the next one knows in milliseconds that nothing is to be done."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
from dataclasses import dataclass
from pathlib import Path

from engine.places import PROJECT

LOCKED_FILES = ("uv.lock", "pyproject.toml", "trainer/pyproject.toml")


@dataclass(frozen=True)
class Stamp:
    """`digest` of the locked environment that was installed, with which dependency groups and extras."""

    digest: str = ""
    groups: tuple[str, ...] = ()
    extras: tuple[str, ...] = ()

    def covers(self, wanted: Stamp) -> bool:
        """Whether an environment with this stamp has all that `wanted` asks for.

        >>> Stamp("a", ("dev",)).covers(Stamp("a"))
        True
        >>> Stamp("a").covers(Stamp("a", ("dev",)))
        False
        """
        return (
            self.digest == wanted.digest and set(wanted.groups) <= set(self.groups) and set(wanted.extras) <= set(self.extras)
        )

    def joined(self, other: Stamp) -> Stamp:
        """This digest, with the groups and extras of both: what a sync must ask for so that none of them grows stale."""
        groups = tuple(sorted({*self.groups, *other.groups}))
        return Stamp(self.digest, groups, tuple(sorted({*self.extras, *other.extras})))

    def write(self, file: Path) -> None:
        """Write as JSON, atomically."""
        file.parent.mkdir(parents=True, exist_ok=True)
        partial = file.with_name(f".{file.name}.{os.getpid()}")
        partial.write_text(json.dumps(dataclasses.asdict(self)) + "\n", encoding="utf-8")
        partial.replace(file)

    @classmethod
    def read(cls, file: Path) -> Stamp:
        """The stamp in a file; an empty one, which covers nothing, if there is none or it is damaged."""
        try:
            values = json.loads(file.read_text(encoding="utf-8"))
            return cls(values["digest"], tuple(values["groups"]), tuple(values["extras"]))
        except (OSError, ValueError, KeyError, TypeError):
            return cls()


def environment_digest(project: Path = PROJECT) -> str:
    """Over the lock, what it was made from, and where the project lies (environments do not survive a move)."""
    digest = hashlib.sha256(str(project).encode())
    for name in LOCKED_FILES:
        digest.update(name.encode() + (project / name).read_bytes())
    return digest.hexdigest()[:16]
