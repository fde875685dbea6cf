"""The provider: each call of the engine, answered with the API server's help."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from typing import TypeVar

from pulumi.provider.experimental import provider as api
from pulumi.provider.experimental.property_value import PropertyValue

from provider.engine import Engine
from provider.resource import PartialFailure
from provider.values import plain
from sandbox.providers.kubernetes import checking, settings
from sandbox.providers.kubernetes.cluster import ApiError, Cluster, Unreachable
from sandbox.providers.kubernetes.objects import (
    Object,
    annotation,
    checkpoint,
    covers,
    differences,
    field_manager,
    has_unknown,
    manifest,
    object_id,
    pruned,
    whole,
    written,
)
from sandbox.providers.kubernetes.replacements import replaces
from sandbox.providers.kubernetes.waiting import NotReadyError, Waiter, patience
from trainer.refusal import Refusal

Answer = TypeVar("Answer")
Values = Mapping[str, PropertyValue]
_UNPREVIEWABLE = (403, 404, 409)
"""Not allowed to try, no such namespace or kind yet, already there: a preview then shows the inputs, as the official one."""


class KubernetesProvider(api.Provider):
    """Package `kubernetes`: every built-in kind but Patch and List ones, and custom resources. No Helm, no YAML."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._cancelled = asyncio.Event()
        self._use(settings.Settings())

    def _use(self, found: settings.Settings) -> None:
        self._settings = found
        self._cluster = Cluster(access=found.access)
        self._waiter = Waiter(self._cluster, self._engine, self._cancelled)

    async def get_schema(self, request: api.GetSchemaRequest) -> api.GetSchemaResponse:
        """An empty package: the schema is the official one's."""
        return api.GetSchemaResponse(json.dumps({"name": "kubernetes", "version": "4.34.2", "resources": {}}))

    async def check_config(self, request: api.CheckRequest) -> api.CheckResponse:
        """Refuse settings that the stand-in does not know."""
        try:
            settings.read({key: plain(value) for key, value in request.new_inputs.items()})
        except Refusal as refusal:
            return api.CheckResponse(inputs=dict(request.new_inputs), failures=[api.CheckFailure("", str(refusal))])
        return api.CheckResponse(inputs=dict(request.new_inputs))

    async def diff_config(self, request: api.DiffRequest) -> api.DiffResponse:
        """Settings change in place; another context is another cluster, whose objects are others."""
        old, new = manifest(request.old_state), manifest(request.new_inputs)
        changed = [name for name in sorted(old.keys() | new.keys()) if old.get(name) != new.get(name) and name != "version"]
        # `changes` stays unset, and the engine compares by itself: the SDK's server would send True as "none".
        return api.DiffResponse(diffs=changed, replaces=[name for name in changed if name == "context"])

    async def configure(self, request: api.ConfigureRequest) -> api.ConfigureResponse:
        """Remember which cluster; nothing is asked of it yet."""
        self._use(settings.read({key: plain(value) for key, value in request.args.items()}))
        return api.ConfigureResponse(accept_secrets=True, supports_preview=True)

    async def construct(self, request: api.ConstructRequest) -> api.ConstructResponse:
        """Charts and YAML files are components of the official plugin."""
        raise checking.beyond_the_stand_in(request.resource_type)

    async def invoke(self, request: api.InvokeRequest) -> api.InvokeResponse:
        """Functions too."""
        raise checking.beyond_the_stand_in(request.tok)

    async def check(self, request: api.CheckRequest) -> api.CheckResponse:
        """Names the object, and refuses what the SDK's classes do not have."""
        is_namespaced = await self._is_namespaced(request)
        try:
            inputs = checking.checked(request, self._settings.namespace if is_namespaced else "")
        except Refusal as refusal:
            return api.CheckResponse(inputs=dict(request.new_inputs), failures=[api.CheckFailure("", str(refusal))])
        return api.CheckResponse(inputs=inputs)

    async def _is_namespaced(self, request: api.CheckRequest) -> bool:
        """Also sees to it that a cluster that is no rehearsal's is refused already in a preview."""
        try:
            await self._checked()
            api_version, kind = checking.type_of(request.urn)
            return (await self._ask(lambda: self._cluster.kind(api_version, kind))).is_namespaced
        except (Unreachable, ApiError):
            return True

    async def diff(self, request: api.DiffRequest) -> api.DiffResponse:
        """What of the new inputs differs from the object as it was seen last, by the last `up` or refresh."""
        new, live = manifest(request.new_inputs), manifest(request.old_state)
        made_from = request.old_state.get("__inputs")
        old = pruned(live, whole(plain(made_from)) if made_from else live)
        for one in (old, new):
            if isinstance(one.get("metadata"), dict):  # not one that is yet unknown
                one["metadata"].setdefault("namespace", "default")
        names = [object_id(one) if isinstance(one["metadata"], dict) else "" for one in (old, new)]
        found = {}
        for path, how in differences(old, new):
            if not any(covers(ignored, written(path)) for ignored in request.ignore_changes):
                anew = replaces(new, path)
                found[written(path)] = api.PropertyDiff(
                    api.PropertyDiffKind[f"{how}_replace".upper() if anew else how.upper()], input_diff=True
                )
        replacing = [path for path, change in found.items() if change.kind.name.endswith("REPLACE")]
        return api.DiffResponse(
            changes=bool(found),
            diffs=sorted({path.split(".")[0].split("[")[0] for path in found}),
            replaces=replacing,
            detailed_diff=found,
            delete_before_replace=bool(replacing) and names[0] == names[1] and annotation(new, "autonamed") != "true",
        )

    async def create(self, request: api.CreateRequest) -> api.CreateResponse:
        """Make the object, and wait until it is ready; in a preview, have the server try it."""
        wanted, manager = manifest(request.properties), field_manager(request.urn)
        if request.preview:
            return api.CreateResponse("", await self._previewed(request.properties, lambda: self._made(wanted, manager, True)))
        await self._checked()
        live = await self._ask(lambda: self._made(wanted, manager, False), wanted)
        state = await self._finished(request, request.properties, live, manager)
        return api.CreateResponse(object_id(live), state)

    def _made(self, wanted: Object, manager: str, is_dry: bool) -> Object:
        if self._settings.adopts_existing:
            return self._applied(wanted, manager, is_dry)
        return self._cluster.create(wanted, manager=manager, is_dry=is_dry)

    def _applied(self, wanted: Object, manager: str, is_dry: bool) -> Object:
        forces = annotation(wanted, "patchForce")
        is_forced = forces == "true" if forces else self._settings.forces
        return self._cluster.apply(wanted, manager=manager, is_forced=is_forced, is_dry=is_dry)

    async def update(self, request: api.UpdateRequest) -> api.UpdateResponse:
        """Apply the new inputs; in a preview, have the server try it."""
        wanted, kept = manifest(request.news), request.olds.get("__fieldManager")
        manager = str(kept.value) if kept and kept.value else field_manager(request.urn)
        if request.preview:
            return api.UpdateResponse(await self._previewed(request.news, lambda: self._applied(wanted, manager, True)))
        await self._checked()
        live = await self._ask(lambda: self._applied(wanted, manager, False), wanted)
        return api.UpdateResponse(await self._finished(request, request.news, live, manager))

    async def _previewed(self, inputs: Values, tried: Callable[[], Object]) -> dict[str, PropertyValue]:
        if not self._settings.is_known or has_unknown(manifest(inputs)):
            return dict(inputs)
        try:
            await self._checked()
            found = await asyncio.to_thread(tried)
        except Unreachable:
            return dict(inputs)
        except ApiError as problem:
            if problem.status in _UNPREVIEWABLE and problem.reason != "Conflict":
                return dict(inputs)
            raise checking.refused_by_server(manifest(inputs), problem) from problem
        return checkpoint({key: value for key, value in found.items() if key != "status"}, inputs, "")

    async def _finished(
        self, request: api.CreateRequest | api.UpdateRequest, inputs: Values, live: Object, manager: str
    ) -> dict[str, PropertyValue]:
        wanted = manifest(inputs)
        try:
            live = await self._waiter.ready(request.urn, live, wanted, patience(wanted, request.timeout))
        except NotReadyError as problem:
            state = checkpoint(problem.live, inputs, manager)
            raise PartialFailure(str(problem), resource_id=object_id(live), state=state) from problem
        return checkpoint(live, inputs, manager)

    async def read(self, request: api.ReadRequest) -> api.ReadResponse:
        """The live object, and of it what the inputs name; an object that is gone has no id."""
        namespace, _, name = request.resource_id.rpartition("/")
        api_version, kind = checking.type_of(request.urn)
        wanted = {"apiVersion": api_version, "kind": kind, "metadata": {"name": name, "namespace": namespace}}
        try:
            await self._checked()
            live = await self._ask(lambda: self._cluster.get(wanted), wanted)
        except Unreachable:
            if not self._settings.deletes_unreachable:
                raise
            live = None
        if live is None:
            return api.ReadResponse("", {}, {})
        inputs = checking.live_inputs(live, request.inputs)
        kept = request.properties.get("__fieldManager")
        manager = str(kept.value) if kept and kept.value else field_manager(request.urn)
        return api.ReadResponse(request.resource_id, checkpoint(live, inputs, manager), inputs)

    async def delete(self, request: api.DeleteRequest) -> None:
        """Ask for the deletion, dependents first, and wait until the object is gone."""
        wanted = manifest(request.properties)
        try:
            await self._checked()
            live = await self._ask(lambda: self._cluster.get(wanted), wanted)
            if live is None or live["metadata"].get("uid") != wanted["metadata"].get("uid", live["metadata"].get("uid")):
                return
            await self._ask(lambda: self._cluster.delete(live), wanted)
        except Unreachable:
            if not self._settings.deletes_unreachable:
                raise
            await self._engine.warning(request.urn, "no API server answers: forgotten, whether it is gone or not")
            return
        if annotation(wanted, "skipAwait") != "true":
            await self._waiter.gone(request.urn, live, patience(wanted, request.timeout))

    async def cancel(self) -> None:
        """The user pressed Ctrl-C: waiting ends."""
        self._cancelled.set()

    async def _checked(self) -> None:
        if self._settings.is_known:
            await asyncio.to_thread(self._cluster.check)

    async def _ask(self, call: Callable[[], Answer], wanted: Object | None = None) -> Answer:
        """A call of the cluster in a thread; what the server refuses of `wanted` becomes a Refusal."""
        try:
            return await asyncio.to_thread(call)
        except ApiError as problem:
            if wanted is None:
                raise
            raise checking.refused_by_server(wanted, problem) from problem
