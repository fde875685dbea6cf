"""What happened in the rehearsed cloud, line by line in virtual time, and what of it is there. Lines are only ever added."""

from __future__ import annotations

import datetime
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from enum import StrEnum
from pathlib import Path
from typing import Any

from engine.go_modules import alone
from trainer.refusal import Refusal

VARIABLE = "HEPBURST_SANDBOX"
Plain = dict[str, Any]


class Op(StrEnum):
    """What was done. `NODES` sets how many nodes a pool has; `REFUSED` is a fault or a request that was not granted."""

    CREATE = "create"
    UPDATE = "update"
    DELETE = "delete"
    NODES = "nodes"
    PREEMPT = "preempt"
    DEADLINE = "deadline"
    REFUSED = "refused"


class By(StrEnum):
    """Who did it."""

    USER = "user"
    SCHEDULER = "scheduler"
    AUTOSCALER = "autoscaler"
    GOOGLE = "google"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One operation. It is written when it begins, with the end that it will have: its starter may be gone by then."""

    start: datetime.datetime
    end: datetime.datetime
    op: Op
    type: str
    """The resource's, as Pulumi has it: `gcp:container/cluster:Cluster`."""
    id: str
    by: By = By.USER
    properties: Plain = field(default_factory=dict)
    """Inputs and outputs after the operation; none for a deletion."""
    num_nodes: int | None = None
    """Of a node pool, from `start` on."""
    note: str = ""

    def line(self) -> str:
        """As the file has it."""
        values = {key: value for key, value in asdict(self).items() if value not in (None, {}, "")}
        return json.dumps({**values, "start": self.start.isoformat(), "end": self.end.isoformat()}, sort_keys=True)

    @classmethod
    def read(cls, line: str) -> Entry:
        """The inverse of `line`."""
        values = json.loads(line)
        times = {name: datetime.datetime.fromisoformat(values[name]) for name in ("start", "end")}
        return cls(**{**values, **times, "op": Op(values["op"]), "by": By(values.get("by", By.USER))})


@dataclass(frozen=True, slots=True, kw_only=True)
class Resource:
    """What is there."""

    type: str
    id: str
    properties: Plain
    num_nodes: int = 0

    @property
    def name(self) -> str:
        """The last part of its id, or its own."""
        return str(self.properties.get("name") or self.id.rpartition("/")[2])

    def is_called(self, reference: str) -> bool:
        """Whether a property with this value means it: its id, link, name, or an account's address."""
        own = self.properties
        email = str(own.get("email") or "")
        names = {self.id, self.name, own.get("selfLink"), own.get("networkId"), email, f"serviceAccount:{email}"}
        return reference in names or reference.endswith(f"/{self.id}")


def folder(environ: Mapping[str, str] = os.environ) -> Path:
    """Where the rehearsed cloud lies. Raises Refusal outside a rehearsal."""
    if not environ.get(VARIABLE):
        raise Refusal(
            f"{VARIABLE} is not set",
            expected="a rehearsal, for this is the stand-in of Google Cloud",
            remedy="SANDBOX=1 make up STACK=...; for the real cloud: pulumi plugin install resource gcp",
        )
    return Path(environ[VARIABLE]).absolute()


class Ledger:
    """The ledger of a folder, and its clock."""

    def __init__(self, place: Path) -> None:
        self.folder = place
        self._file = place / "ledger.jsonl"
        self._clock = place / "clock"

    @contextmanager
    def held(self) -> Iterator[None]:
        """Nobody else writes meanwhile. Not to be taken twice."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with alone(self.folder / ".ledger.lock"):
            yield

    def entries(self) -> list[Entry]:
        """All lines, in the order in which they were written."""
        lines = self._file.read_text(encoding="utf-8").splitlines() if self._file.exists() else []
        return [Entry.read(line) for line in lines]

    def append(self, entry: Entry) -> None:
        """One more line."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with self._file.open("a", encoding="utf-8") as file:
            file.write(entry.line() + "\n")

    def clock(self) -> datetime.datetime:
        """Until when the cloud's own jobs have run: what the clock was set to, at first the real time."""
        if not self._clock.exists():
            self.set_clock(datetime.datetime.now(datetime.UTC).replace(microsecond=0))
        found = datetime.datetime.fromisoformat(self._clock.read_text(encoding="ascii").strip())
        assert found.tzinfo, found
        return found

    def now(self) -> datetime.datetime:
        """The virtual time: the clock's, or the end of the last operation if that is later."""
        return max([self.clock(), *(entry.end for entry in self.entries())])

    def set_clock(self, when: datetime.datetime) -> None:
        """Nobody comes back from there."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self._clock.write_text(when.isoformat() + "\n", encoding="ascii")

    def resources(self) -> dict[str, Resource]:
        """What is there by its id, once all operations have ended."""
        return fold(self.entries())


def fold(entries: Iterable[Entry], *, until: datetime.datetime | None = None) -> dict[str, Resource]:
    """What these operations leave; with `until`, what there was at that time: begun, and not yet wholly deleted."""
    found: dict[str, Resource] = {}
    for entry in entries:
        if until is not None and until < (entry.end if entry.op is Op.DELETE else entry.start):
            continue
        before = found.get(entry.id)
        if entry.op is Op.CREATE:
            found[entry.id] = Resource(
                type=entry.type, id=entry.id, properties=entry.properties, num_nodes=entry.num_nodes or 0
            )
        elif entry.op is Op.DELETE:
            found.pop(entry.id, None)
        elif before is not None and entry.op in (Op.UPDATE, Op.NODES, Op.PREEMPT):
            num_nodes = before.num_nodes if entry.num_nodes is None else entry.num_nodes
            found[entry.id] = replace(before, properties=entry.properties or before.properties, num_nodes=num_nodes)
    return found


def within(value: Any, path: str) -> list[Any]:
    """What a path leads to, through lists.

    >>> within({"groups": [{"type": "a"}, {"type": "b"}]}, "groups.type"), within({}, "groups.type")
    (['a', 'b'], [])
    """
    found = [value]
    for part in path.split("."):
        inner = [item for one in found for item in (one if isinstance(one, list) else [one])]
        found = [item[part] for item in inner if isinstance(item, dict) and item.get(part) is not None]
    return [item for one in found for item in (one if isinstance(one, list) else [one])]
