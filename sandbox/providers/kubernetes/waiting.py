"""Waiting until an object is ready, or gone: by asking again and again, so that a server that restarts meanwhile is no end."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any, TypeVar

from provider.engine import Engine
from sandbox.providers.kubernetes.cluster import ApiError, Cluster, Unreachable
from sandbox.providers.kubernetes.objects import Object, annotation
from sandbox.providers.kubernetes.readiness import DEFAULT_SECONDS, KIND_SECONDS, readiness
from trainer.refusal import Refusal

Answer = TypeVar("Answer")
FIRST_POLL_SECONDS, SLOWEST_POLL_SECONDS = 0.2, 2.0


class NotReadyError(Exception):
    """An object that is there but did not become ready: `live` is as it was seen last."""

    def __init__(self, reason: str, live: Object) -> None:
        super().__init__(reason)
        self.live = live


def patience(manifest: Object, asked_seconds: float) -> float:
    """Seconds to wait: the resource option `custom_timeouts`, else the annotation, else what is usual for the kind.

    >>> patience({"metadata": {"annotations": {"pulumi.com/timeoutSeconds": "120"}}}, 0)
    120.0
    """
    try:
        annotated = float(annotation(manifest, "timeoutSeconds") or 0)
    except ValueError:
        annotated = 0
    return asked_seconds or annotated or KIND_SECONDS.get(str(manifest.get("kind")), DEFAULT_SECONDS)


class Waiter:
    """Waits for objects of one cluster. `cancelled` ends all waiting."""

    def __init__(self, cluster: Cluster, engine: Engine, cancelled: asyncio.Event) -> None:
        self._cluster, self._engine, self._cancelled = cluster, engine, cancelled

    async def ready(self, urn: str, live: Object, inputs: Object, seconds: float) -> Object:
        """The object once it is ready. Raises NotReadyError if it fails, is gone, or takes longer than `seconds`."""
        ends, poll, said = time.monotonic() + seconds, FIRST_POLL_SECONDS, ""
        binds_at_once = await self._asked(self._cluster.binds_at_once, live, otherwise=True)
        while True:
            now = readiness(live, inputs, binds_at_once=binds_at_once)
            if now.is_ready:
                return live
            is_late = time.monotonic() > ends or self._cancelled.is_set()
            if now.is_failed or is_late:
                why = "" if now.is_failed else " (cancelled)" if self._cancelled.is_set() else f" after {seconds:g} s"
                events = await asyncio.to_thread(self._cluster.events, live)
                raise NotReadyError(f"{live['kind']} {live['metadata']['name']} {now.says}{why}{events}", live)
            if now.says != said:
                said = now.says
                await self._engine.status(urn, f"{live['kind']} {said}")
            await self._pause(poll)
            poll = min(poll * 1.5, SLOWEST_POLL_SECONDS)
            seen: Object | None = await self._asked(self._cluster.get, live, otherwise=live)
            if seen is None:
                raise NotReadyError(f"{live['kind']} {live['metadata']['name']} was deleted by someone else", live)
            live = seen

    async def gone(self, urn: str, live: Object, seconds: float) -> None:
        """Return once the object is gone. Raises Refusal if it takes longer than `seconds`."""
        ends, poll = time.monotonic() + seconds, FIRST_POLL_SECONDS
        uid: Any = live["metadata"].get("uid")
        await self._engine.status(urn, "waits until it is gone")
        while True:
            seen: Object | None = await self._asked(self._cluster.get, live, otherwise=live)
            if seen is None or seen["metadata"].get("uid") != uid:
                return
            if time.monotonic() > ends or self._cancelled.is_set():
                raise Refusal(
                    f"{seen['kind']} {seen['metadata']['name']} is still there after {seconds:g} s (finalizers: "
                    f"{', '.join(seen['metadata'].get('finalizers') or ['none'])})",
                    expected="an object that goes when its deletion is asked for",
                    remedy="look at what its finalizers wait for (kubectl describe), and repeat",
                )
            await self._pause(poll)
            poll = min(poll * 1.5, SLOWEST_POLL_SECONDS)

    async def _pause(self, seconds: float) -> None:
        try:
            await asyncio.wait_for(self._cancelled.wait(), seconds)
        except TimeoutError:
            return

    async def _asked(self, call: Callable[[Object], Answer], live: Object, *, otherwise: Answer) -> Answer:
        """One question; while no server answers, what was known before."""
        try:
            return await asyncio.to_thread(call, live)
        except Unreachable:
            return otherwise
        except ApiError as problem:
            if problem.status not in (429, 500, 502, 503, 504):
                raise
            return otherwise
