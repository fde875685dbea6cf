"""The provider: each call of the engine, answered by the rehearsed cloud."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from pulumi.provider.experimental import provider as api
from pulumi.provider.experimental.property_value import PropertyValue

from provider.engine import Engine
from provider.resource import PartialFailure
from provider.values import UNKNOWN, Plain, wrapped_map
from sandbox.cloud import rules
from sandbox.cloud.faults import PartlyMadeError
from sandbox.cloud.ledger import Ledger, folder
from sandbox.cloud.operations import Cloud, with_endpoint
from sandbox.providers.gcp import schema
from sandbox.providers.kubernetes.objects import covers, differences, has_secret, manifest, written
from trainer.refusal import Refusal

Answer = TypeVar("Answer")
Values = Mapping[str, PropertyValue]
SETTINGS = ("project", "region", "zone", "defaultLabels")
_IGNORED = ("version", "disableGlobalProjectWarning", "addPulumiAttributionLabel", "userProjectOverride", "billingProject")


class GoogleCloudProvider(api.Provider):
    """Package `gcp`: the types of `sandbox/cloud/kinds.csv`, in a rehearsal alone."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._cloud = Cloud(ledger=Ledger(folder()))
        self._where: dict[str, Any] = {}

    async def get_schema(self, request: api.GetSchemaRequest) -> api.GetSchemaResponse:
        """An empty package: the schema is the official one's."""
        return api.GetSchemaResponse(json.dumps({"name": "gcp", "version": "10.2.0", "resources": {}}))

    async def check_config(self, request: api.CheckRequest) -> api.CheckResponse:
        """Refuse settings that the stand-in does not know."""
        known = {*SETTINGS, *_IGNORED}
        for name, value in manifest(request.new_inputs).items():
            if name not in known and value not in (None, "", False):
                failure = api.CheckFailure(
                    name, f"sandbox: the provider's setting {name}; known are {', '.join(sorted(known))}"
                )
                return api.CheckResponse(inputs=dict(request.new_inputs), failures=[failure])
        return api.CheckResponse(inputs=dict(request.new_inputs))

    async def diff_config(self, request: api.DiffRequest) -> api.DiffResponse:
        """Another project is another cloud; all else changes in place."""
        old, new = manifest(request.old_state), manifest(request.new_inputs)
        changed = [name for name in SETTINGS if old.get(name) != new.get(name)]
        return api.DiffResponse(diffs=changed, replaces=[name for name in changed if name == "project"])

    async def configure(self, request: api.ConfigureRequest) -> api.ConfigureResponse:
        """Remember project, place and labels."""
        given = manifest(request.args)
        labels = given.get("defaultLabels") or {}
        labels = json.loads(labels) if isinstance(labels, str) and labels != UNKNOWN else labels
        self._where = {name: given[name] for name in SETTINGS[:3] if given.get(name)} | {"labels": labels}
        return api.ConfigureResponse(accept_secrets=True, supports_preview=True)

    async def construct(self, request: api.ConstructRequest) -> api.ConstructResponse:
        """The package has no components."""
        raise beyond_the_stand_in(request.resource_type)

    async def invoke(self, request: api.InvokeRequest) -> api.InvokeResponse:
        """The few functions that a program may ask for before anything is made."""
        project = str(self._where.get("project", ""))
        if request.tok == "gcp:organizations/getProject:getProject":
            asked = str(manifest(request.args).get("projectId") or project)
            found = {"projectId": asked, "name": asked, "number": "0", "id": f"projects/{asked}"}
            return api.InvokeResponse(return_value=wrapped_map(found))
        raise beyond_the_stand_in(request.tok)

    async def check(self, request: api.CheckRequest) -> api.CheckResponse:
        """Refuse what the SDK's classes do not have, and values that no API takes."""
        inputs = {key: value for key, value in request.new_inputs.items() if value.value is not None}
        try:
            rules.kind(type_of(request.urn))
            plain = manifest(inputs)
            schema.check(type_of(request.urn), plain)
            rules.check(type_of(request.urn), plain)
        except Refusal as refusal:
            return api.CheckResponse(inputs=inputs, failures=[api.CheckFailure("", str(refusal))])
        return api.CheckResponse(inputs=inputs)

    async def diff(self, request: api.DiffRequest) -> api.DiffResponse:
        """What of the inputs differs from those of the last `up`; what the API cannot change needs another resource."""
        type_, old, new = type_of(request.urn), manifest_of_inputs(request.old_state), manifest(request.new_inputs)
        found = {}
        for path, how in differences(old, new):
            text = written(path)
            if not any(covers(ignored, text) for ignored in request.ignore_changes):
                name = f"{how}_replace" if rules.is_immutable(type_, text) else how
                found[text] = api.PropertyDiff(api.PropertyDiffKind[name.upper()], input_diff=True)
        replacing = [path for path, change in found.items() if change.kind.name.endswith("REPLACE")]
        return api.DiffResponse(
            changes=bool(found),
            diffs=sorted({path.split(".")[0].split("[")[0] for path in found}),
            replaces=replacing,
            detailed_diff=found,
            delete_before_replace=bool(replacing),  # names are the program's, and two of one name there cannot be
        )

    async def create(self, request: api.CreateRequest) -> api.CreateResponse:
        """Make it; a preview shows what is known of it."""
        type_, inputs = type_of(request.urn), manifest(request.properties)
        if request.preview:
            return api.CreateResponse("", self._state(request.properties, planned(type_, inputs)))
        made = await self._done(request.urn, request.properties, lambda cloud: cloud.create(type_, inputs, self._where))
        return api.CreateResponse(made.id, self._state(request.properties, made.properties))

    async def update(self, request: api.UpdateRequest) -> api.UpdateResponse:
        """Change it in place."""
        type_, inputs = type_of(request.urn), manifest(request.news)
        if request.preview:
            kept = {key: value for key, value in manifest(request.olds).items() if key in rules.kind(type_).outputs}
            return api.UpdateResponse(self._state(request.news, {**inputs, **kept}))
        own_id = request.resource_id
        changed = await self._done(request.urn, request.news, lambda cloud: cloud.update(type_, own_id, inputs, self._where))
        return api.UpdateResponse(self._state(request.news, changed.properties))

    async def read(self, request: api.ReadRequest) -> api.ReadResponse:
        """What the ledger has of it; what is gone has no id."""
        found = self._cloud.ledger.resources().get(request.resource_id)
        if found is None:
            return api.ReadResponse("", {}, {})
        inputs = dict(request.inputs) or wrapped_map(found.properties)
        return api.ReadResponse(request.resource_id, self._state(inputs, found.properties), inputs)

    async def delete(self, request: api.DeleteRequest) -> None:
        """Remove it, unless the cloud did already."""
        await self._done(request.urn, {}, lambda cloud: cloud.delete(request.resource_id))

    async def cancel(self) -> None:
        """The user pressed Ctrl-C; what Google was asked for goes on there."""

    def _state(self, inputs: Values, properties: Plain) -> dict[str, PropertyValue]:
        hides = {key for key, value in inputs.items() if has_secret(value)}
        found = wrapped_map({key: value for key, value in properties.items() if key != "__inputs"})
        shown = {key: PropertyValue(value.value, is_secret=key in hides) for key, value in found.items()}
        return {
            **shown,
            "__inputs": PropertyValue({key: inputs[key] for key in inputs if key != "__inputs"}, is_secret=bool(hides)),
        }

    async def _done(self, urn: str, inputs: Values, call: Callable[[Cloud], Answer]) -> Answer:
        """An operation in a thread; what the cloud says of it is shown beside the resource. Raises PartialFailure."""
        loop = asyncio.get_running_loop()

        def tell(text: str) -> None:
            asyncio.run_coroutine_threadsafe(self._engine.info(urn, f"sandbox: {text}"), loop)

        cloud = Cloud(ledger=self._cloud.ledger, tells=tell, began=self._cloud.began)
        try:
            return await asyncio.to_thread(call, cloud)
        except PartlyMadeError as problem:
            state = self._state(inputs, problem.made.properties)
            raise PartialFailure(f"sandbox: {problem}", resource_id=problem.made.id, state=state) from problem


def type_of(urn: str) -> str:
    """A resource's type.

    >>> type_of("urn:pulumi:gke-sandbox::hepburst::hepburst:gcp:Deadline$gcp:cloudscheduler/job:Job::cluster")
    'gcp:cloudscheduler/job:Job'
    """
    return urn.split("::")[2].rsplit("$", 1)[-1]


def beyond_the_stand_in(what: str) -> Refusal:
    """Of what only the official plugin does."""
    return Refusal(
        f"{what} is more than the stand-in of Pulumi's plugin for Google Cloud does",
        expected="the types of sandbox/cloud/kinds.csv",
        remedy="leave it out of what is rehearsed",
    )


def planned(type_: str, inputs: Plain) -> Plain:
    """A new resource as a preview knows it: what the API tells is yet unknown."""
    unknown = dict.fromkeys((*rules.kind(type_).outputs, "effectiveLabels", "pulumiLabels"), UNKNOWN)
    found = {**unknown, **inputs}
    return with_endpoint(found, UNKNOWN) if type_ == rules.CLUSTER else found


def manifest_of_inputs(state: Values) -> Plain:
    """The inputs that a state was made from."""
    kept = state.get("__inputs")
    return manifest(kept.value) if kept is not None and isinstance(kept.value, Mapping) else manifest(state)
