"""When an object counts as ready, by its kind or by its annotation `pulumi.com/waitFor`. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sandbox.providers.kubernetes.objects import Object, annotation
from trainer.refusal import Refusal

DEFAULT_SECONDS = 600.0
KIND_SECONDS = {"Pod": 300.0, "PersistentVolumeClaim": 300.0}
FORMS = "condition=TYPE[=STATUS], jsonpath={.path}[=VALUE], or a JSON list of them"


@dataclass(frozen=True, slots=True, kw_only=True)
class Readiness:
    """Whether an object is ready, or never will be, and what is to be said of it meanwhile."""

    is_ready: bool
    is_failed: bool = False
    says: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """One condition of `pulumi.com/waitFor`; `value` is None where anything will do."""

    text: str
    steps: tuple[str, ...]
    value: str | None


def wishes(inputs: Object) -> list[Wish]:
    """The conditions that an object's annotation names; none if it has none. Raises Refusal for one that cannot be read.

    >>> [wish.steps for wish in wishes({"metadata": {"annotations": {"pulumi.com/waitFor": "jsonpath={.status.list[0]}=x"}}})]
    [('status', 'list', '0')]
    """
    text = annotation(inputs, "waitFor")
    try:
        several = json.loads(text) if text.startswith("[") else [text]
    except ValueError:
        several = [text]
    return [_wish(str(each)) for each in several if text]


def _wish(text: str) -> Wish:
    if path := re.fullmatch(r"jsonpath=\{?\$?((?:\.[\w-]+|\[\d+\])+)\}?(?:=(.*))?", text):
        return Wish(text=text, steps=tuple(re.findall(r"[\w-]+", path[1])), value=path[2])
    if condition := re.fullmatch(r"condition=([^=]+)(?:=(.*))?", text):
        return Wish(text=text, steps=("status", "conditions", condition[1], "status"), value=condition[2] or "True")
    raise Refusal(f"pulumi.com/waitFor is {text}", expected=FORMS, remedy="correct the annotation")


def is_granted(live: Object, wish: Wish) -> bool:
    """Whether an object is as a wish asks."""
    value: Any = live
    for step in wish.steps:
        if isinstance(value, list) and step.isdigit():
            value = value[int(step)] if int(step) < len(value) else None
        elif isinstance(value, list):
            value = next((one for one in value if str(one.get("type")).lower() == step.lower()), None)
        else:
            value = value.get(step) if isinstance(value, dict) else None
        if value is None:
            return False
    shown = json.dumps(value) if isinstance(value, bool | dict | list) else str(value)
    return wish.value is None or shown.lower() == wish.value.lower()


def readiness(live: Object, inputs: Object, *, binds_at_once: bool = True) -> Readiness:
    """How far an object is. `binds_at_once` is false for a claim whose storage class waits for the first pod."""
    if annotation(inputs, "skipAwait") == "true":
        return Readiness(is_ready=True)
    if wanted := wishes(inputs):
        missing = [wish.text for wish in wanted if not is_granted(live, wish)]
        return Readiness(is_ready=not missing, says=f"waits for {', '.join(missing)}")
    if live.get("kind") == "PersistentVolumeClaim" and not binds_at_once:
        return Readiness(is_ready=True)
    judge = _JUDGES.get((str(live.get("apiVersion")), str(live.get("kind"))))
    return judge(live) if judge else Readiness(is_ready=True)


def _phase(*wanted: str, failed: str = "") -> Callable[[Object], Readiness]:
    def judge(live: Object) -> Readiness:
        phase = str((live.get("status") or {}).get("phase", "not taken up yet"))
        return Readiness(is_ready=phase in wanted, is_failed=phase == failed, says=f"is {phase}")

    return judge


def _condition(live: Object, kind: str) -> Object:
    conditions = (live.get("status") or {}).get("conditions") or []
    return next((one for one in conditions if one.get("type") == kind), {})


def _pod(live: Object) -> Readiness:
    found = _phase("Succeeded", failed="Failed")(live)
    ready = _condition(live, "Ready")
    if found.is_ready or ready.get("status") == "True":
        return Readiness(is_ready=True)
    return Readiness(is_ready=False, is_failed=found.is_failed, says=ready.get("message") or found.says)


def _job(live: Object) -> Readiness:
    failed = _condition(live, "Failed")
    if failed.get("status") == "True":
        return Readiness(is_ready=False, is_failed=True, says=failed.get("message") or "failed")
    return Readiness(is_ready=_condition(live, "Complete").get("status") == "True", says="is not complete")


def _replicas(live: Object) -> Readiness:
    status, wanted = live.get("status") or {}, (live.get("spec") or {}).get("replicas", 1)
    seen = status.get("observedGeneration", 0) >= live["metadata"].get("generation", 0)
    updated, ready = status.get("updatedReplicas", 0), status.get("readyReplicas", 0)
    says = _condition(live, "Available").get("message") or f"{ready} of {wanted} replicas are ready"
    return Readiness(is_ready=seen and updated >= wanted and ready >= wanted, says=says)


def _established(live: Object) -> Readiness:
    return Readiness(is_ready=_condition(live, "Established").get("status") == "True", says="is not established")


_JUDGES: dict[tuple[str, str], Callable[[Object], Readiness]] = {
    ("v1", "Namespace"): _phase("Active"),
    ("v1", "PersistentVolumeClaim"): _phase("Bound", failed="Lost"),
    ("v1", "PersistentVolume"): _phase("Available", "Bound", failed="Failed"),
    ("v1", "Pod"): _pod,
    ("batch/v1", "Job"): _job,
    ("apps/v1", "Deployment"): _replicas,
    ("apps/v1", "StatefulSet"): _replicas,
    ("apiextensions.k8s.io/v1", "CustomResourceDefinition"): _established,
}
