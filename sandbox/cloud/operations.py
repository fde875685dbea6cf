"""What can be done in the rehearsed cloud, in virtual time, and what becomes of it: one line of the ledger each."""

from __future__ import annotations

import datetime
import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from sandbox.cloud import durations, machines, rules
from sandbox.cloud.clusters import Clusters
from sandbox.cloud.faults import Fault, Faults, PartlyMadeError
from sandbox.cloud.ledger import By, Entry, Ledger, Op, Plain, Resource, within
from sandbox.cloud.refusals import RETRIED, ApiError, in_use, invalid, not_found
from sandbox.cloud.rules import CLUSTER, POOL, kind

TRIES = 3
"""As often the real plugin asks where it is told to come back."""
_LABELLED = {
    CLUSTER: "resourceLabels",
    "gcp:storage/bucket:Bucket": "labels",
    "gcp:artifactregistry/repository:Repository": "labels",
}
"""What gets the provider's default labels, and by which property its own."""


@dataclass(slots=True, kw_only=True)
class Cloud:
    """The rehearsed cloud of a folder. Its methods block, and may be called from several threads."""

    ledger: Ledger
    tells: Callable[[str], None] = lambda _: None
    began: datetime.datetime | None = None
    """Nothing that is done here begins before; what does not need each other begins together."""
    clusters: Clusters = field(init=False)
    faults: Faults = field(init=False)

    def __post_init__(self) -> None:
        self.clusters = Clusters(self.ledger.folder)
        self.faults = Faults(self.ledger)
        self.began = self.began or self.ledger.now()

    def create(self, type_: str, inputs: Plain, where: Mapping[str, Any], *, by: By = By.USER) -> Resource:
        """Make a resource. Raises ApiError, or PartlyMadeError with what there is of it."""
        rules.check(type_, inputs)
        with self.ledger.held():
            there = self.ledger.resources()
            properties, own_id = completed(type_, inputs, where)
            if own_id in there:
                raise ApiError(
                    409, "alreadyExists", f"The resource '{own_id}' already exists", remedy="import it, or name another"
                )
            needed = rules.check_against(type_, own_id, properties, there)
            if type_ == POOL:
                machines.check_pool(properties, next(one.properties for one in needed if one.type == CLUSTER))
            num_nodes = machines.first_nodes(properties) if type_ == POOL else None
            start = self._after([own_id, *(one.id for one in needed)])
            fault = self._granted(Op.CREATE, type_, own_id, start, properties)
            if fault is not None and fault.kind == "partial":
                num_nodes = min(int(fault.value), num_nodes or 0)
            end = start + self._lasts(type_, Op.CREATE, own_id, fault)
            entry = Entry(
                start=start, end=end, op=Op.CREATE, type=type_, id=own_id, by=by, properties=properties, num_nodes=num_nodes
            )
            self.ledger.append(entry)
        self.tells(f"{type_.rpartition(':')[2]} {own_id.rpartition('/')[2]}: made in {_clock(end - start)}")
        made = Resource(type=type_, id=own_id, properties=properties, num_nodes=num_nodes or 0)
        made = self._made_real(made)
        if fault is not None and fault.kind == "partial":
            raise PartlyMadeError(made, f"only {made.num_nodes} nodes came: {fault.message(own_id)}")
        return made

    def update(self, type_: str, own_id: str, inputs: Plain, where: Mapping[str, Any]) -> Resource:
        """Change a resource in place. Raises ApiError for a change that needs another one."""
        rules.check(type_, inputs)
        with self.ledger.held():
            there = self.ledger.resources()
            if own_id not in there:
                raise not_found(own_id)
            old = there[own_id]
            properties, new_id = completed(type_, inputs, where, endpoint=str(old.properties.get("endpoint", "")))
            _check_in_place(type_, old.properties, properties, own_id == new_id)
            needed = rules.check_against(type_, own_id, properties, there)
            num_nodes = None
            if type_ == POOL:
                machines.check_pool(properties, next(one.properties for one in needed if one.type == CLUSTER))
                num_nodes = machines.resized(old, properties)
            start = self._after([own_id, *(one.id for one in needed)])
            fault = self._granted(Op.UPDATE, type_, own_id, start, properties)
            grows = num_nodes is not None and num_nodes != old.num_nodes
            end = start + (self._lasts(type_, Op.CREATE, own_id, fault) if grows else durations.SHORT)
            self.ledger.append(
                Entry(start=start, end=end, op=Op.UPDATE, type=type_, id=own_id, properties=properties, num_nodes=num_nodes)
            )
        self.tells(f"{type_.rpartition(':')[2]} {own_id.rpartition('/')[2]}: changed in {_clock(end - start)}")
        changed = Resource(
            type=type_, id=own_id, properties=properties, num_nodes=old.num_nodes if num_nodes is None else num_nodes
        )
        if type_ == POOL:
            self._made_real(changed)
        return changed

    def delete(self, own_id: str, *, by: By = By.USER, note: str = "") -> None:
        """Remove a resource and its parts; none there is as good. Raises ApiError while others need it."""
        with self.ledger.held():
            there = self.ledger.resources()
            if own_id not in there:
                return
            resource = there[own_id]
            gone = [*parts(resource, there), resource]
            _check_deletable(resource, gone, there)
            if by is By.USER and within(resource.properties, "deletionProtection") == [True]:
                raise invalid(
                    "Cannot destroy cluster because deletion_protection is set to true", remedy="set it to false, and `up`"
                )
            start = self._after([one.id for one in gone] + self._former_users(resource))
            fault = self._granted(Op.DELETE, resource.type, own_id, start, resource.properties)
            end = start + self._lasts(resource.type, Op.DELETE, own_id, fault)
            for one in gone:
                self.ledger.append(Entry(start=start, end=end, op=Op.DELETE, type=one.type, id=one.id, by=by, note=note))
        self.tells(f"{resource.type.rpartition(':')[2]} {resource.name}: deleted in {_clock(end - start)}")
        if resource.type == POOL:
            self.clusters.remove_nodes(resource)
        if resource.type == CLUSTER:
            self.clusters.down(resource)

    def set_nodes(self, pool: Resource, num_nodes: int, *, op: Op, by: By, note: str = "") -> None:
        """Another number of nodes in a pool, by nobody's update."""
        start = self.ledger.now()
        is_more = num_nodes > pool.num_nodes
        end = start + self._lasts(pool.type, Op.CREATE, pool.id, None) if is_more else start
        self.ledger.append(
            Entry(start=start, end=end, op=op, type=pool.type, id=pool.id, by=by, num_nodes=num_nodes, note=note)
        )
        self.clusters.set_nodes(Resource(type=pool.type, id=pool.id, properties=pool.properties, num_nodes=num_nodes))

    def _made_real(self, made: Resource) -> Resource:
        """Control plane and nodes on this machine."""
        try:
            if made.type == POOL:
                self.clusters.set_nodes(made)
            if made.type != CLUSTER:
                return made
            endpoint = self.clusters.up(made)
        except (TimeoutError, OSError) as problem:
            raise PartlyMadeError(made, f"it did not come up on this machine: {problem}") from problem
        # Known only once the server listens: another line says so.
        properties = with_endpoint(made.properties, endpoint)
        with self.ledger.held():
            end = next(entry.end for entry in reversed(self.ledger.entries()) if entry.id == made.id)
            line = Entry(start=end, end=end, op=Op.UPDATE, type=CLUSTER, id=made.id, by=By.GOOGLE, properties=properties)
            self.ledger.append(line)
        return Resource(type=made.type, id=made.id, properties=properties)

    def _lasts(self, type_: str, op: Op, own_id: str, fault: Fault | None) -> datetime.timedelta:
        slower = float(fault.value) if fault is not None and fault.kind == "latency" else 1.0
        return durations.of(type_, op, f"{own_id} {op} {len(self.ledger.entries())}") * slower

    def _after(self, ids: Iterable[str]) -> datetime.datetime:
        """When an operation begins: once all that these did has ended."""
        wanted = set(ids)
        assert self.began
        return max([self.began, *(entry.end for entry in self.ledger.entries() if entry.id in wanted)])

    def _former_users(self, resource: Resource) -> list[str]:
        """What referred to it once, and is gone."""
        made = [entry for entry in self.ledger.entries() if entry.op is Op.CREATE]
        return [
            entry.id
            for entry in made
            for rule, value in rules.references(entry.type, entry.properties)
            if rule.value == resource.type and resource.is_called(value)
        ]

    def _granted(self, op: Op, type_: str, own_id: str, start: datetime.datetime, properties: Plain) -> Fault | None:
        """The fault that changes an operation; one that ends it is written down and raised."""
        for tries in range(1, TRIES + 1):
            fault = self.faults.take(op, type_, own_id, properties, self.ledger.resources())
            problem = fault and fault.problem(own_id)
            if not fault or not problem:
                return fault
            self.ledger.append(
                Entry(
                    start=start,
                    end=start,
                    op=Op.REFUSED,
                    type=type_,
                    id=own_id,
                    by=By.GOOGLE,
                    note=f"{fault.key}: {problem.got}",
                )
            )
            self.tells(problem.got.removeprefix("sandbox: "))
            if problem.code not in RETRIED or tries == TRIES:
                raise problem
        raise AssertionError


def completed(type_: str, inputs: Plain, where: Mapping[str, Any], endpoint: str = "") -> tuple[Plain, str]:
    """A resource's properties with what the API adds, and its id."""
    of = kind(type_)
    if of.name_property and not inputs.get(of.name_property):
        raise invalid(f"{of.name_property} of {type_} is not given", remedy="name it: the deadline must know names beforehand")
    project = str(inputs.get("project") or where.get("project") or "")
    if not project.startswith("sandbox-"):
        raise invalid(
            f"the project {project or 'that is not named'}, which is no rehearsal's",
            remedy="name one that begins with sandbox-",
        )
    own = {key: value for key, value in inputs.items() if isinstance(value, str)}
    region = own.get("region") or where.get("region") or str(where.get("zone", "")).rpartition("-")[0]
    default = {"zone": where.get("zone") or region, "region": region}.get(of.location, "")
    number = str(int.from_bytes(hashlib.sha256(repr(sorted(own.items())).encode()).digest()[:5], "big"))
    values = {"number": number, "location": default, **own, "project": project, "region": region}
    values = {
        key: value.rpartition("/")[2] if key in ("router", "cluster", "repository") else value for key, value in values.items()
    }
    try:
        own_id = of.id.format(**values)
        outputs = {name: template.format(**values, id=own_id) for name, template in of.outputs.items()}
    except KeyError as problem:
        raise invalid(f"{problem.args[0]} of {type_} is not given") from problem
    properties: Plain = {**inputs, **outputs, "project": project, "sandbox": "a rehearsal: nothing is rented"}
    if type_ in _LABELLED:
        labels = {**where.get("labels", {}), **inputs.get(_LABELLED[type_], {}), "goog-pulumi-provisioned": "true"}
        properties |= {"effectiveLabels": labels, "pulumiLabels": labels}
    return (with_endpoint(properties, endpoint) if type_ == CLUSTER else properties), own_id


def with_endpoint(properties: Plain, endpoint: str) -> Plain:
    """A cluster's properties with the address of its API server, as `endpoint` and as the DNS endpoint."""
    config: dict[str, Any] = dict(properties.get("controlPlaneEndpointsConfig") or {})
    dns = {**(config.get("dnsEndpointConfig") or {}), "endpoint": endpoint}
    return {**properties, "endpoint": endpoint, "controlPlaneEndpointsConfig": {**config, "dnsEndpointConfig": dns}}


def parts(resource: Resource, there: Mapping[str, Resource]) -> list[Resource]:
    """What goes with it."""
    found = []
    for one in there.values():
        for rule, value in rules.references(one.type, one.properties):
            if rule.rule == "part_of" and rules.target(rule, value, there, one.properties) == resource:
                found += [one]
    return found


def _check_deletable(resource: Resource, gone: list[Resource], there: Mapping[str, Resource]) -> None:
    for one in there.values():
        for rule, value in rules.references(one.type, one.properties):
            if rule.rule == "uses" and one not in gone and rules.target(rule, value, there, one.properties) == resource:
                raise in_use(resource.id, one.id)


def _check_in_place(type_: str, old: Plain, new: Plain, is_same: bool) -> None:
    for rule in rules.rules(type_, "immutable"):
        if within(old, rule.property) != within(new, rule.property):
            raise invalid(f"field {rule.property} is immutable and cannot be updated in place", remedy="replace the resource")
    if not is_same:
        raise invalid("a resource keeps its name and place", remedy="replace the resource")


def _clock(duration: datetime.timedelta) -> str:
    seconds = round(duration.total_seconds())
    return f"{seconds // 60} min {seconds % 60} s" if seconds >= 60 else f"{seconds} s"
