"""What the rehearsed APIs ask of each type beyond its properties' types: the rows of `rules.csv` and `kinds.csv`, applied."""

from __future__ import annotations

import csv
import ipaddress
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from burst.facts import rows, snapshots
from provider.values import UNKNOWN
from sandbox.cloud.ledger import Plain, Resource, within
from sandbox.cloud.refusals import ApiError, invalid, not_found
from trainer.refusal import Refusal, closest

FOLDER = Path(__file__).parent
CLUSTER, POOL = "gcp:container/cluster:Cluster", "gcp:container/nodePool:NodePool"
SUBNETWORK, JOB, SERVICE = "gcp:compute/subnetwork:Subnetwork", "gcp:cloudscheduler/job:Job", "gcp:projects/service:Service"
LABEL = re.compile(r"[a-z0-9_-]{0,63}")
_WORKLOAD_POOL = "workloadIdentityConfig.workloadPool"
_MULTI_REGIONS = ("us", "eu", "asia")


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """A type that the rehearsed cloud has."""

    type: str
    name_property: str
    id: str
    """A template over the resource's properties and the provider's project, region and zone."""
    location: str
    """The property-like value that `location` means by default: `region` or `zone`."""
    seconds: str
    """Of its creation: a number, or the phase of `lifecycle.csv`: `cluster`, `node`."""
    outputs: Mapping[str, str]
    """Templates of what only the API knows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One row of `rules.csv`."""

    type: str
    property: str
    rule: str
    value: str


@cache
def kinds() -> dict[str, Kind]:
    """All types by their tokens."""
    found = {}
    for row in _table("kinds.csv"):
        pairs = [part.partition("=")[::2] for part in row["outputs"].split(";") if part]
        outputs = dict(pairs)
        found[row["type"]] = Kind(
            **{key: row[key] for key in ("type", "name_property", "id", "location", "seconds")}, outputs=outputs
        )
    return found


def kind(type_: str) -> Kind:
    """A type. Raises Refusal for one that the stand-in does not have."""
    if type_ not in kinds():
        raise Refusal(
            f"{type_} is more than the stand-in of Google Cloud has{closest(type_, kinds())}",
            expected=f"one of {', '.join(sorted(kinds()))}",
            remedy="add it to sandbox/cloud/kinds.csv and rules.csv, or leave the resource out",
        )
    return kinds()[type_]


@cache
def rules(type_: str, *names: str) -> tuple[Rule, ...]:
    """The rules of a type, of these names or all."""
    found = (Rule(**{key: row[key] for key in ("type", "property", "rule", "value")}) for row in _table("rules.csv"))
    return tuple(rule for rule in found if rule.type in ("*", type_) and (not names or rule.rule in names))


@cache
def regions() -> frozenset[str]:
    """All that the price table knows."""
    return frozenset(row["region"] for row in rows.rows(snapshots.current().prices_file) if row["provider"] == "gcp")


def is_immutable(type_: str, path: str) -> bool:
    """Whether a change at this path needs another resource.

    >>> is_immutable(POOL, "nodeConfig.guestAccelerators[0].count"), is_immutable(POOL, "nodeCount")
    (True, False)
    """
    plain = re.sub(r"\[[^]]*\]", "", path)
    return any(plain == rule.property or plain.startswith(f"{rule.property}.") for rule in rules(type_, "immutable"))


def check(type_: str, inputs: Plain) -> None:
    """Refuse values that no ledger is needed to judge. What is yet unknown passes."""
    for rule in rules(type_):
        found = [value for value in within(inputs, rule.property) if value != UNKNOWN] if rule.property else []
        judge = _JUDGES.get(rule.rule)
        if rule.rule == "required" and not _is_given(inputs, rule.property):
            raise invalid(f"{_short(type_)}: {rule.property} is required")
        if rule.rule == "excludes" and any(found) and within(inputs, rule.value):
            raise invalid(f'{_short(type_)}: "{rule.property}" conflicts with "{rule.value}"')
        for value in found if judge else ():
            assert judge
            expected = judge(value, rule.value)
            if expected:
                raise invalid(f"Invalid value for field '{rule.property}' of {_short(type_)}: '{value}'. Must be {expected}")
    for name in ("labels", "resourceLabels"):
        _check_labels(inputs.get(name), name)
    _check_labels(next(iter(within(inputs, "nodeConfig.resourceLabels")), None), "nodeConfig.resourceLabels")


def _is_given(inputs: Plain, path: str) -> bool:
    """Whether there is something, or what it lies in is yet unknown."""
    parts = path.split(".")
    above = [".".join(parts[:length]) for length in range(1, len(parts))]
    return bool(within(inputs, path)) or any(UNKNOWN in within(inputs, each) for each in above)


def _pattern(value: Any, wanted: str) -> str:
    return "" if re.fullmatch(wanted, str(value)) else f"a match of regex '{wanted}'"


def _enum(value: Any, wanted: str) -> str:
    known = wanted.split("|")
    return "" if value in known else f"one of {', '.join(known)}{closest(str(value), known)}"


def _range(value: Any, wanted: str) -> str:
    low, high = (float(end) for end in wanted.split(".."))
    return "" if low <= float(value) <= high else f"{low:.0f} to {high:.0f}"


def _region(value: Any, _: str) -> str:
    known = str(value).lower()
    is_known = known in regions() or known in _MULTI_REGIONS
    return "" if is_known else f"a region{closest(known, regions())}"


def _zone(value: Any, _: str) -> str:
    """A region too, of a regional cluster; which letters a region has, no table tells."""
    region = re.sub(r"-[a-f]$", "", str(value))
    return "" if region in regions() else f"a zone{closest(region, regions())}"


_JUDGES: dict[str, Callable[[Any, str], str]] = {
    "pattern": _pattern,
    "enum": _enum,
    "range": _range,
    "region": _region,
    "zone": _zone,
}


def _check_labels(labels: Any, where: str) -> None:
    for key, value in labels.items() if isinstance(labels, dict) else ():
        if not (LABEL.fullmatch(key) and key[:1].isalpha()) or (value != UNKNOWN and not LABEL.fullmatch(str(value))):
            raise invalid(f"Invalid label in {where}: '{key}: {value}'; lower case letters, digits, - and _ alone, 63 at most")


def references(type_: str, properties: Plain) -> Iterator[tuple[Rule, str]]:
    """The rules by which a resource refers to others, with each value that must be found."""
    for rule in rules(type_, "part_of", "uses", "needs"):
        for value in within(properties, rule.property):
            if _is_of_project(rule.property, str(value), str(properties.get("project", ""))):
                yield rule, str(value)


def _is_of_project(name: str, value: str, project: str) -> bool:
    """Members and roles may be Google's own; accounts and roles of the project must be there."""
    if name == "member":
        return value.startswith("serviceAccount:") and value.endswith(f"@{project}.iam.gserviceaccount.com")
    return name != "role" or value.startswith("projects/")


def target(rule: Rule, value: str, there: Mapping[str, Resource], near: Plain) -> Resource | None:
    """What a reference means, of several of that name the one in the same place."""
    found = [one for one in there.values() if one.type == rule.value and one.is_called(value)]
    location = near.get("location") or near.get("region")
    same = [one for one in found if location in (one.properties.get("location"), one.properties.get("region"))]
    return next(iter(same or found), None)


def check_against(type_: str, own_id: str, properties: Plain, there: Mapping[str, Resource]) -> list[Resource]:
    """Refuse references to nothing and overlapping ranges; gives what the resource refers to."""
    found = []
    _check_enabled(type_, there)
    for rule, value in references(type_, properties):
        other = target(rule, value, there, properties)
        if other is None:
            raise not_found(value)
        found.append(other)
    for member in within(properties, "member"):
        pool = re.fullmatch(r"serviceAccount:(.+\.svc\.id\.goog)\[.+/.+\]", str(member))
        makers = [one for one in there.values() if pool and pool[1] in within(one.properties, _WORKLOAD_POOL)]
        if pool and not makers:
            raise invalid(f"Identity Pool does not exist ({pool[1]})", remedy="bind it after a cluster with that pool")
        found += makers
    if type_ == SUBNETWORK:
        _check_ranges(own_id, properties, there)
    return found


def _check_enabled(type_: str, there: Mapping[str, Resource]) -> None:
    enabled = {value for one in there.values() if one.type == SERVICE for value in within(one.properties, "service")}
    for rule in rules(type_, "service"):
        if enabled and rule.value not in enabled:  # none in the ledger: the project's owner did it
            message = f"{rule.value} has not been used in project before or it is disabled"
            raise ApiError(403, "accessNotConfigured", message, remedy="enable it: gcp.projects.Service")


def _check_ranges(own_id: str, properties: Plain, there: Mapping[str, Resource]) -> None:
    def ranges(of: Plain) -> list[ipaddress.IPv4Network]:
        texts = [*within(of, "ipCidrRange"), *within(of, "secondaryIpRanges.ipCidrRange")]
        return [ipaddress.IPv4Network(text) for text in texts]

    try:
        own = ranges(properties)
    except ValueError as problem:
        raise invalid(f"Invalid IPCidrRange: {problem}") from problem
    beside = [
        one
        for one in there.values()
        if one.type == SUBNETWORK and one.id != own_id and one.properties.get("network") == properties.get("network")
    ]
    others = [(one.name, each) for one in beside for each in ranges(one.properties)]
    others += [(str(properties.get("name")), each) for each in own]
    for number, mine in enumerate(own):
        for index, (name, each) in enumerate(others):
            is_itself = index == len(others) - len(own) + number
            if not is_itself and mine.overlaps(each):
                raise invalid(f"Invalid IPCidrRange: {mine} conflicts with existing subnetwork '{name}' ({each})")


def _short(type_: str) -> str:
    return type_.rpartition(":")[2]


@cache
def _table(name: str) -> tuple[dict[str, str], ...]:
    with (FOLDER / name).open(encoding="utf-8", newline="") as file:
        return tuple(csv.DictReader(file))
