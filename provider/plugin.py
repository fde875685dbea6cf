"""The provider: hands each call of the engine to the kind of resource that it is about."""

from __future__ import annotations

import asyncio
import json
from typing import TypeAlias

from pulumi.provider.experimental import provider as api

from provider.dataset import Dataset
from provider.engine import Engine
from provider.image import TrainerImage
from provider.report import ReportPage
from provider.resource import Changes, ResourceKind
from provider.run import Run
from provider.stack_folder import StackFolder
from provider.values import UNKNOWN, Plain, plain_map, wrapped_map
from trainer.refusal import Refusal, closest

# A fixed word, not the project's version: a new version of our code must not look like a change of anybody's run.
VERSION = "0.0.0"
Request: TypeAlias = (
    api.CheckRequest | api.DiffRequest | api.CreateRequest | api.ReadRequest | api.UpdateRequest | api.DeleteRequest
)


class HepburstProvider(api.Provider):
    """Package `hepburst`: `local:Folder`, `local:Dataset`, `local:Run`, `local:Report`, `image:TrainerImage`."""

    def __init__(self, engine: Engine) -> None:
        self._cancelled = asyncio.Event()
        self._kinds: dict[str, ResourceKind] = {
            "hepburst:local:Folder": StackFolder(),
            "hepburst:local:Dataset": Dataset(),
            "hepburst:local:Run": Run(engine, self._cancelled),
            "hepburst:local:Report": ReportPage(),
            "hepburst:image:TrainerImage": TrainerImage(engine, self._cancelled),
        }

    def _kind(self, request: Request) -> ResourceKind:
        type_name = request.type.rsplit("$", 1)[-1]  # A URN's type begins with those of the resource's parents.
        if type_name not in self._kinds:
            raise Refusal(
                f"no resource type {type_name}{closest(type_name, self._kinds)}",
                expected=", ".join(self._kinds),
                remedy="correct the type's name",
            )
        return self._kinds[type_name]

    async def get_schema(self, request: api.GetSchemaRequest) -> api.GetSchemaResponse:
        """An empty package: our resource classes are written by hand, in components/local."""
        return api.GetSchemaResponse(json.dumps({"name": "hepburst", "version": VERSION, "resources": {}}))

    async def diff_config(self, request: api.DiffRequest) -> api.DiffResponse:
        """The provider has no configuration, so nothing changes it."""
        return api.DiffResponse(changes=False)

    async def check(self, request: api.CheckRequest) -> api.CheckResponse:
        """Refusals become check failures, which the engine shows in a preview."""
        try:
            self._kind(request).check(plain_map(request.new_inputs))
        except Refusal as refusal:
            return api.CheckResponse(inputs=dict(request.new_inputs), failures=[api.CheckFailure("", str(refusal))])
        return api.CheckResponse(inputs=dict(request.new_inputs))

    async def diff(self, request: api.DiffRequest) -> api.DiffResponse:
        """Which properties cause an update and which a replacement."""
        state, inputs = plain_map(request.old_state), plain_map(request.new_inputs)
        kind = self._kind(request)
        changes = kind.changes(state, inputs)
        return api.DiffResponse(
            changes=bool(changes.names),
            replaces=sorted(changes.replaces),
            diffs=sorted(changes.names),
            detailed_diff={
                name: _property_diff(name, changes, state, inputs, kind.unknown_until_made) for name in sorted(changes.names)
            },
            delete_before_replace=True,
        )

    async def create(self, request: api.CreateRequest) -> api.CreateResponse:
        """In a preview, what will be known; else make it."""
        kind, inputs = self._kind(request), plain_map(request.properties)
        if request.preview:
            return api.CreateResponse("", wrapped_map(_planned(kind, inputs)))
        created = await kind.create(request.urn, inputs)
        return api.CreateResponse(created.id, wrapped_map(created.state))

    async def update(self, request: api.UpdateRequest) -> api.UpdateResponse:
        """In a preview, what will be known; else change it in place."""
        kind, inputs = self._kind(request), plain_map(request.news)
        if request.preview:
            return api.UpdateResponse(wrapped_map(_planned(kind, inputs)))
        return api.UpdateResponse(wrapped_map(await kind.update(request.urn, plain_map(request.olds), inputs)))

    async def read(self, request: api.ReadRequest) -> api.ReadResponse:
        """A resource that is gone has no id; one that is there is as the state says."""
        if await self._kind(request).exists(plain_map(request.properties)):
            return api.ReadResponse(request.resource_id, dict(request.properties), dict(request.inputs))
        return api.ReadResponse("", {}, {})

    async def delete(self, request: api.DeleteRequest) -> None:
        """Remove it."""
        await self._kind(request).delete(plain_map(request.properties))

    async def cancel(self) -> None:
        """The user pressed Ctrl-C: runs stop at a checkpoint."""
        self._cancelled.set()


def _planned(kind: ResourceKind, inputs: Plain) -> Plain:
    return {**kind.planned(inputs), **dict.fromkeys(kind.unknown_until_made, UNKNOWN)}


def _property_diff(name: str, changes: Changes, state: Plain, inputs: Plain, outputs: frozenset[str]) -> api.PropertyDiff:
    kinds = api.PropertyDiffKind
    replaces = name in changes.replaces
    if name in outputs:
        return api.PropertyDiff(kinds.UPDATE, input_diff=False)
    if name not in state:
        kind = kinds.ADD_REPLACE if replaces else kinds.ADD
    elif name not in inputs:
        kind = kinds.DELETE_REPLACE if replaces else kinds.DELETE
    else:
        kind = kinds.UPDATE_REPLACE if replaces else kinds.UPDATE
    return api.PropertyDiff(kind, input_diff=True)
