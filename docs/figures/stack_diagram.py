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
    """A resource: its type, its name, that of the component that owns it, and the keys of what it waits for."""

    type: str
    name: str
    owner: str
    needs: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        """By which others name it: names alone may be those of several types."""
        return f"{self.type}::{self.name}"


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
        needs = {_key(urn) for urn in request.dependencies}
        # A component that waits keeps what it owns waiting too: the engine registers children after their parent.
        needs |= {need for each in self.declared if request.parent and each.key == _key(request.parent) for need in each.needs}
        self.declared.append(Declared(request.type, request.name, request.parent.rpartition("::")[2], tuple(sorted(needs))))
        return super().RegisterResource(request)  # type: ignore[no-untyped-call]  # the SDK's mocks have no types


def _key(urn: str) -> str:
    """
    >>> _key("urn:pulumi:gke::hepburst::hepburst:gcp:Cluster$gcp:container/cluster:Cluster::cluster")
    'gcp:container/cluster:Cluster::cluster'
    """
    *_, types, name = urn.split("::")
    return f"{types.rpartition('$')[2]}::{name}"


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
