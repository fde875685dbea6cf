"""Runs a program against an engine that writes down what is registered."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

import pulumi
import pytest
from pulumi.runtime import mocks


class Recorder(mocks.Mocks):
    """Answers with the inputs, and for the types in `outputs` with those too."""

    def __init__(self, outputs: Mapping[str, dict[str, Any]]) -> None:
        self.outputs = outputs
        self.registered: dict[str, mocks.MockResourceArgs] = {}

    def new_resource(self, args: mocks.MockResourceArgs) -> tuple[str | None, dict[str, Any]]:
        self.registered[f"{args.typ} {args.name}"] = args
        return f"{args.name}-id", {**args.inputs, **self.outputs.get(args.typ, {})}

    def call(self, args: mocks.MockCallArgs) -> tuple[dict[str, Any], list[tuple[str, str]] | None]:
        raise AssertionError(f"no function is called: {args.token}")


def registered_by(
    program: Callable[[], object], outputs: Mapping[str, dict[str, Any]] | None = None
) -> dict[str, mocks.MockResourceArgs]:
    """What `program` registers, by type and name."""
    recorder = Recorder(outputs or {})

    async def run() -> None:
        mocks.set_mocks(recorder, preview=False)
        try:
            program()
            await pulumi.runtime.stack.wait_for_rpcs()
        finally:
            pulumi.runtime.settings.reset_options()

    # Pulumi's recorder opens an event loop in each of its threads and closes none.
    opened: list[asyncio.AbstractEventLoop] = []
    new_event_loop = asyncio.new_event_loop

    def kept() -> asyncio.AbstractEventLoop:
        opened.append(new_event_loop())
        return opened[-1]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(asyncio, "new_event_loop", kept)
        try:
            asyncio.run(run())
        finally:
            for loop in opened:
                loop.close()
    return recorder.registered
