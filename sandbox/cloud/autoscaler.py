"""GKE's cluster autoscaler and node repair, when they are asked: pods that find no node get one, idle nodes go."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from sandbox.cloud import machines, nodes
from sandbox.cloud.ledger import By, Ledger, Op, Resource
from sandbox.cloud.operations import Cloud
from sandbox.cloud.rules import POOL
from sandbox.cluster.api import Api, Manifest
from trainer.refusal import Refusal

SCHEDULING_SECONDS = 20.0
"""In real time: the scheduler puts pods onto nodes that came."""
Amounts = dict[str, float]
_UNITS = {"Ki": 2.0**10, "Mi": 2.0**20, "Gi": 2.0**30, "Ti": 2.0**40, "k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12, "m": 1e-3}


def settle(ledger: Ledger) -> list[str]:
    """Let all pools come to rest; gives what changed, in words."""
    said = []
    cloud = Cloud(ledger=ledger)
    for pool in [one for one in ledger.resources().values() if one.type == POOL]:
        api = cloud.clusters.api(str(pool.properties["cluster"]).rpartition("/")[2])
        wanted = pool.num_nodes if api is None else _wanted(api, pool)
        if wanted != pool.num_nodes:
            cloud.set_nodes(pool, wanted, op=Op.NODES, by=By.AUTOSCALER)
            said.append(f"{pool.name}: {pool.num_nodes} -> {wanted} nodes")
            assert api
            _wait_for_scheduling(api)
    return said


def preempt(ledger: Ledger, name: str, num_nodes: int) -> str:
    """Compute Engine takes spot nodes back, with the pods on them."""
    pools = {one.name: one for one in ledger.resources().values() if one.type == POOL}
    if name not in pools:
        raise Refusal(
            f"no node pool {name}", expected=f"one of {', '.join(sorted(pools)) or 'none'}", remedy="correct the name"
        )
    pool = pools[name]
    config = pool.properties.get("nodeConfig") or {}
    if not (config.get("spot") or config.get("preemptible")):
        raise Refusal(f"{name} is not spot", expected="a pool of spot nodes", remedy="nobody takes others back")
    left = max(pool.num_nodes - num_nodes, 0)
    Cloud(ledger=ledger).set_nodes(pool, left, op=Op.PREEMPT, by=By.GOOGLE, note=f"{pool.num_nodes - left} nodes taken back")
    return f"{name}: {pool.num_nodes - left} nodes taken back, {left} left"


def _wanted(api: Api, pool: Resource) -> int:
    scaling = machines.bounds(pool.properties)
    if scaling is None:
        return machines.first_nodes(pool.properties)  # a fixed pool is made whole again
    least, most = scaling
    used = _last_used(api, pool)
    added = _needed(api, pool) if used == pool.num_nodes or pool.num_nodes == 0 else 0
    return max(least, min(used + added, most))


def _last_used(api: Api, pool: Resource) -> int:
    """Nodes up to the last on which a pod is that no daemon set put there; nodes go from the end."""
    busy = {pod["spec"].get("nodeName") for pod in api.items("/api/v1/pods") if _is_live(pod) and not _is_daemon(pod)}
    names = [nodes.node(pool, index)["metadata"]["name"] for index in range(pool.num_nodes)]
    return max((index + 1 for index, name in enumerate(names) if name in busy), default=0)


def _needed(api: Api, pool: Resource) -> int:
    """Nodes more, so that each pod that waits and may go there has room: first fit."""
    one = nodes.node(pool, 0)
    room = {name: _amount(text) for name, text in one["status"]["allocatable"].items()}
    free: list[Amounts] = []
    for pod in api.items("/api/v1/pods"):
        if pod["spec"].get("nodeName") or not _is_live(pod) or not fits(pod["spec"], one):
            continue
        wants = requests(pod["spec"])
        place = next((left for left in free if _has_room(left, wants)), None)
        if place is None and _has_room(room, wants):
            place = dict(room)
            free.append(place)
        for name, amount in wants.items() if place is not None else ():
            assert place is not None
            place[name] -= amount
    return len(free)


def fits(spec: Mapping[str, Any], node: Manifest) -> bool:
    """Whether a pod may go onto a node: selector, required affinity, taints."""
    labels = node["metadata"]["labels"]
    if any(labels.get(key) != value for key, value in (spec.get("nodeSelector") or {}).items()):
        return False
    required = ((spec.get("affinity") or {}).get("nodeAffinity") or {}).get("requiredDuringSchedulingIgnoredDuringExecution")
    terms = (required or {}).get("nodeSelectorTerms") or []
    if terms and not any(all(_matches(one, labels) for one in term.get("matchExpressions") or []) for term in terms):
        return False
    return all(_is_tolerated(taint, spec.get("tolerations") or []) for taint in node["spec"]["taints"])


def _matches(expression: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    value, values = labels.get(expression["key"]), expression.get("values") or []
    answers = {"In": value in values, "NotIn": value not in values, "Exists": value is not None, "DoesNotExist": value is None}
    return answers[expression["operator"]]


def _is_tolerated(taint: Mapping[str, str], tolerations: list[Mapping[str, str]]) -> bool:
    if taint["effect"] == "PreferNoSchedule":
        return True
    return any(
        one.get("key", taint["key"]) == taint["key"]
        and (one.get("operator") == "Exists" or one.get("value", "") == taint.get("value", ""))
        and one.get("effect", taint["effect"]) == taint["effect"]
        for one in tolerations
    )


def requests(spec: Mapping[str, Any]) -> Amounts:
    """What a pod asks of a node; sidecars that start first and stay among them."""
    total: Amounts = {"pods": 1.0}
    stays = [one for one in spec.get("initContainers") or [] if one.get("restartPolicy") == "Always"]
    for container in [*spec["containers"], *stays]:
        for name, text in ((container.get("resources") or {}).get("requests") or {}).items():
            total[name] = total.get(name, 0.0) + _amount(text)
    return total


def _has_room(room: Amounts, wants: Amounts) -> bool:
    return all(room.get(name, 0.0) >= amount for name, amount in wants.items())


def _amount(text: Any) -> float:
    """A quantity as Kubernetes writes it.

    >>> _amount("1500m"), _amount("2Gi"), _amount("8")
    (1.5, 2147483648.0, 8.0)
    """
    unit = next((unit for unit in _UNITS if str(text).endswith(unit)), "")
    return float(str(text).removesuffix(unit)) * _UNITS.get(unit, 1.0)


def _is_live(pod: Manifest) -> bool:
    return (pod.get("status") or {}).get("phase") not in ("Succeeded", "Failed") and not pod["metadata"].get(
        "deletionTimestamp"
    )


def _is_daemon(pod: Manifest) -> bool:
    return any(one["kind"] == "DaemonSet" for one in pod["metadata"].get("ownerReferences") or [])


def _wait_for_scheduling(api: Api) -> None:
    """Until no more pods find a node, or for a while."""
    ends = time.monotonic() + SCHEDULING_SECONDS
    before = -1
    while time.monotonic() < ends:
        waiting = sum(not pod["spec"].get("nodeName") and _is_live(pod) for pod in api.items("/api/v1/pods"))
        if waiting in (0, before):
            return
        before = waiting
        time.sleep(1)
