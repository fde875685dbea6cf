"""The plugin as a gRPC server: `pulumi.provider.experimental`'s, with errors that a user can read.

The SDK's own server answers every exception with a traceback, and cannot say "it exists but is not finished"
(`ErrorResourceInitFailed`), which an interrupted run must say so that the engine remembers it.
"""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Awaitable, Callable
from typing import Any

import grpc
from pulumi.provider.experimental import provider as api
from pulumi.provider.experimental.property_value import PropertyValue
from pulumi.provider.experimental.server import ProviderServicer
from pulumi.runtime.proto import provider_pb2, provider_pb2_grpc, status_pb2

from provider.engine import Engine, end_with_the_engine
from provider.resource import PartialFailure
from provider.values import wrapped_map
from trainer.refusal import Refusal

Call = Callable[[Any, Any], Awaitable[Any]]
END_SECONDS = 4.0
"""For calls that still run when the engine ends us; it kills after five."""
GRPC_OPTIONS = [("grpc.max_receive_message_length", 400 * 1024 * 1024)]


class Servicer(ProviderServicer):
    """The SDK's servicer; refusals and partial failures travel as what they are."""

    async def Create(self, request: Any, context: Any) -> Any:  # noqa: N802 - gRPC names it
        """Make a resource."""
        return await _answered(super().Create, request, context)

    async def Update(self, request: Any, context: Any) -> Any:  # noqa: N802
        """Change a resource in place."""
        return await _answered(super().Update, request, context)

    async def Delete(self, request: Any, context: Any) -> Any:  # noqa: N802
        """Remove a resource."""
        return await _answered(super().Delete, request, context)

    async def Read(self, request: Any, context: Any) -> Any:  # noqa: N802
        """See whether a resource is there."""
        return await _answered(super().Read, request, context)

    async def Diff(self, request: Any, context: Any) -> Any:  # noqa: N802
        """Compare a resource with its new inputs."""
        return await _answered(super().Diff, request, context)

    async def Check(self, request: Any, context: Any) -> Any:  # noqa: N802
        """Judge inputs."""
        return await _answered(super().Check, request, context)

    async def Configure(self, request: Any, context: Any) -> Any:  # noqa: N802
        """Take the provider's settings."""
        return await _answered(super().Configure, request, context)

    async def Construct(self, request: Any, context: Any) -> Any:  # noqa: N802
        """Make a component that the plugin has the code of."""
        return await _answered(super().Construct, request, context)

    async def Invoke(self, request: Any, context: Any) -> Any:  # noqa: N802
        """Call a function of the plugin."""
        return await _answered(super().Invoke, request, context)


async def _answered(call: Call, request: Any, context: Any) -> Any:
    try:
        return await call(request, context)
    except Exception as problem:
        # The SDK's decorator raises a new exception, whose text holds a traceback; the one that we raised is its context.
        cause = problem.__context__ or problem
        if isinstance(cause, PartialFailure):
            await context.abort_with_status(_partial_failure_status(cause))
        if isinstance(cause, Refusal):
            await context.abort(grpc.StatusCode.INVALID_ARGUMENT, str(cause))
        raise


def _partial_failure_status(failure: PartialFailure) -> Any:
    detail = provider_pb2.ErrorResourceInitFailed(
        id=failure.resource_id,
        properties=PropertyValue.marshal_map(wrapped_map(failure.state)),
        reasons=[failure.reason],
    )
    code = grpc.StatusCode.ABORTED
    status = status_pb2.Status(code=code.value[0], message=failure.reason)
    status.details.add().Pack(detail)
    answer = grpc.Status()
    answer.code, answer.details = code, failure.reason
    answer.trailing_metadata = (("grpc-status-details-bin", status.SerializeToString()),)
    return answer


def serve(engine_address: str, new_provider: Callable[[Engine], api.Provider], *, version: str) -> None:
    """Answer the engine at `engine_address` until it is gone. Prints the port, as the engine expects."""
    end_with_the_engine()
    asyncio.run(_serve(engine_address, new_provider, version))


async def _serve(engine_address: str, new_provider: Callable[[Engine], api.Provider], version: str) -> None:
    provider = new_provider(Engine(engine_address))
    server = grpc.aio.server(options=GRPC_OPTIONS)
    servicer = Servicer([], version, provider, engine_address=engine_address)
    provider_pb2_grpc.add_ResourceProviderServicer_to_server(servicer, server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    # The engine's SIGINT says that its work is done. The user's Ctrl-C is not that one: it arrives as a call of `Cancel`.
    done = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, done.set)
    sys.stdout.write(f"{port}\n")
    sys.stdout.flush()
    await done.wait()
    await provider.cancel()
    await server.stop(grace=END_SECONDS)
