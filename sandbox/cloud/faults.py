"""What goes wrong in the rehearsed cloud: rows of `faults.csv` in its folder, each used so often as it says.

    type,op,kind,times,value,where
    *NodePool,create,stockout,1,,
    *NodePool,create,partial,1,3,*v100*
    *,*,503,20%,seed-1,

`kind`: quota, stockout, 429, 503; partial (only `value` nodes come); latency (`value` times as slow); gpus (no more than
`value` accelerators at a time, always). `times` is a number, or the share of requests that meet the fault, drawn from the seed
in `value`: the same requests in the same order meet the same faults.
"""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase

from sandbox.cloud import machines
from sandbox.cloud.ledger import Ledger, Op, Plain, Resource
from sandbox.cloud.refusals import ApiError
from sandbox.cloud.rules import POOL
from trainer.refusal import Refusal, closest

COLUMNS = ("type", "op", "kind", "times", "value", "where")
KINDS = ("quota", "stockout", "429", "503", "partial", "latency", "gpus")


class PartlyMadeError(Exception):
    """A resource is there, and is not what was asked for."""

    def __init__(self, made: Resource, reason: str) -> None:
        super().__init__(reason)
        self.made = made


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One row."""

    key: str
    """By which the ledger counts how often it came."""
    type: str
    op: str
    kind: str
    times: str
    value: str
    where: str
    """A pattern of ids; empty: all."""

    def message(self, own_id: str) -> str:
        """What Google says."""
        name = own_id.rpartition("/")[2]
        return {
            "quota": f'Insufficient regional quota to satisfy request for {name}: resource "GPUS"',
            "gpus": f'Insufficient regional quota to satisfy request for {name}: resource "GPUS", limit {self.value}',
            "429": "Quota exceeded for quota metric 'Requests' and limit 'Requests per minute'",
            "503": "The service is currently unavailable",
        }.get(self.kind, f"The zone does not have enough resources available to fulfill the request for {name} (GCE_STOCKOUT)")

    def problem(self, own_id: str) -> ApiError | None:
        """The answer that ends the operation; None for a fault that only changes it."""
        code, reason = {
            "quota": (403, "quotaExceeded"),
            "gpus": (403, "quotaExceeded"),
            "stockout": (503, "ZONE_RESOURCE_POOL_EXHAUSTED"),
            "429": (429, "rateLimitExceeded"),
            "503": (503, "backendError"),
        }.get(self.kind, (0, ""))
        remedy = {"stockout": "take another zone or another way to buy, or try later"}.get(
            self.kind, "ask for more quota" if code == 403 else "try again"
        )
        # A stock-out is told by a long operation's end, not by an answer that is asked for again.
        return ApiError(409 if self.kind == "stockout" else code, reason, self.message(own_id), remedy=remedy) if code else None


class Faults:
    """The faults of a rehearsal."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def rows(self) -> list[Fault]:
        """All of the file. Raises Refusal for one that cannot be understood."""
        file = self._ledger.folder / "faults.csv"
        if not file.exists():
            return []
        found = []
        with file.open(encoding="utf-8", newline="") as text:
            for number, row in enumerate(csv.DictReader(text)):
                known = row["kind"] in KINDS and set(row) <= set(COLUMNS)
                if not known:
                    raise Refusal(
                        f"{file}: {row['kind']}{closest(row['kind'], KINDS)}",
                        expected=f"one of {', '.join(KINDS)}",
                        remedy="correct it",
                    )
                values = {name: (row.get(name) or "") for name in COLUMNS}
                told = ", ".join(text for text in values.values() if text)
                found.append(Fault(key=f"fault {number} ({told})", **{**values, "times": values["times"] or "1"}))
        return found

    def take(self, op: Op, type_: str, own_id: str, properties: Plain, there: Mapping[str, Resource]) -> Fault | None:
        """The next fault that this operation meets."""
        for fault in self.rows():
            if not (fnmatchcase(type_, fault.type) and fnmatchcase(op, fault.op) and fnmatchcase(own_id, fault.where or "*")):
                continue
            if fault.kind == "gpus":
                if type_ == POOL and _num_gpus(properties, own_id, there) > int(fault.value):
                    return fault
            elif self._comes(fault, own_id):
                if fault.problem(own_id) is None:
                    self._count(fault)
                return fault
        return None

    def _comes(self, fault: Fault, own_id: str) -> bool:
        if fault.times.endswith("%"):
            seed = f"{fault.value} {own_id} {len(self._ledger.entries())}".encode()
            return int.from_bytes(hashlib.sha256(seed).digest()[:4], "big") / 2**32 < float(fault.times[:-1]) / 100
        return self._times(fault) < int(fault.times)

    def _times(self, fault: Fault) -> int:
        refused = sum(entry.op is Op.REFUSED and entry.note.startswith(f"{fault.key}:") for entry in self._ledger.entries())
        used = self._ledger.folder / "faults-used"
        lines = used.read_text(encoding="ascii").splitlines() if used.exists() else []
        return refused + lines.count(fault.key)

    def _count(self, fault: Fault) -> None:
        with (self._ledger.folder / "faults-used").open("a", encoding="ascii") as file:
            file.write(f"{fault.key}\n")


def _num_gpus(properties: Plain, own_id: str, there: Mapping[str, Resource]) -> int:
    """Accelerators of all pools at their largest."""
    pools = {one.id: one.properties for one in there.values() if one.type == POOL} | {own_id: properties}
    return sum(
        machines.most_nodes(one) * machines.of_pool(one, str(one["location"])).num_accelerators for one in pools.values()
    )
