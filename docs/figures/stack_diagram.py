"""The diagram of a stack in its page: what the program declares, written down by Pulumi's own mocks instead of a cloud."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import pulumi
from pulumi.runtime import mocks

from docs.figures.pages import code

OWNERS = "hepburst:"
"""How the types of our components begin."""


class Declared(NamedTuple):
    """A resource: its type, its name, that of the component that owns it, and the names of what it waits for."""

    type: str
    name: str
    owner: str
    needs: tuple[str, ...] = ()


class _Echo(mocks.Mocks):
    """Answers with the inputs."""

    def new_resource(self, args: mocks.MockResourceArgs) -> tuple[str | None, dict[str, Any]]:
        return args.name, dict(args.inputs)

    def call(self, args: mocks.MockCallArgs) -> tuple[dict[str, Any], list[tuple[str, str]] | None]:
        raise AssertionError(f"no function is called: {args.token}")


class _Monitor(mocks.MockMonitor):
    """Writes down what is registered."""

    def __init__(self) -> None:
        super().__init__(_Echo())
        self.declared: list[Declared] = []

    def RegisterResource(self, request: Any) -> Any:  # noqa: N802 - gRPC names it
        """Note it."""
        needs = {urn.rpartition("::")[2] for urn in request.dependencies}
        self.declared.append(Declared(request.type, request.name, request.parent.rpartition("::")[2], tuple(sorted(needs))))
        return super().RegisterResource(request)  # type: ignore[no-untyped-call]  # the SDK's mocks have no types


def declared(program: Callable[[], object]) -> list[Declared]:
    """The resources that a program declares, by name."""
    monitor = _Monitor()

    async def run() -> None:
        mocks.set_mocks(_Echo(), preview=False, monitor=monitor)
        try:
            program()
            await pulumi.runtime.stack.wait_for_rpcs()
        finally:
            pulumi.runtime.settings.reset_options()

    asyncio.run(run())
    return sorted(monitor.declared, key=lambda each: (each.name, each.type))


def drawn(resources: Sequence[Declared], edges: Sequence[str]) -> str:
    """The diagram as a block of a page."""
    return code(diagram(resources, edges), "mermaid")


def diagram(resources: Sequence[Declared], edges: Sequence[str]) -> list[str]:
    """Components as boxes around what they own; `edges` as Mermaid writes them, a resource called NAME-KIND.

    >>> made = [Declared("hepburst:kubernetes:MpiJob", "train", ""), Declared("kubernetes:core/v1:ConfigMap", "run", "train")]
    >>> print("\\n".join(diagram(made, ["run-configmap --> x"])))
    flowchart LR
      subgraph train ["MpiJob train"]
        run-configmap["ConfigMap run"]
      end
      run-configmap --> x
    """
    lines = ["flowchart LR"]
    for component in (each for each in resources if each.type.startswith(OWNERS)):
        lines.append(f'  subgraph {component.name} ["{_kind(component)} {component.name}"]')
        owned = [each for each in resources if each.owner == component.name and not each.type.startswith(OWNERS)]
        lines += [f'    {each.name}-{_kind(each).lower()}["{_kind(each)} {each.name}"]' for each in owned]
        lines.append("  end")
    return [*lines, *(f"  {edge}" for edge in edges)]


def _kind(resource: Declared) -> str:
    return resource.type.rpartition(":")[2]
