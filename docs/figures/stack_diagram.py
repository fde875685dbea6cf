"""The diagram of a stack in its page: what the program declares, written down by Pulumi's own mocks instead of a cloud."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pulumi
from pulumi.runtime import mocks

from docs.figures.pages import code, rewritten
from stacks import settings

PROJECT = Path(__file__).parents[2]
PAGE = PROJECT / "docs" / "stacks" / "onprem.md"
IMAGE = f"registry.example.org/trainer@sha256:{'0' * 64}"
OWNERS = "hepburst:"
"""How the types of our components begin."""
AT_RUN_TIME = (
    "operator([MPI Operator]) -- takes up --> train-mpijob",
    "operator -- makes --> pods([launcher and worker pods])",
    "pods -- mount --> volume-persistentvolumeclaim",
    "attach([burst attach]) -. follows and collects .-> pods",
)
"""What happens in the cluster after `up`, as edges of the diagram."""


class Declared(NamedTuple):
    """A resource: its type, its name, and that of the component that owns it."""

    type: str
    name: str
    owner: str


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
        self.declared.append(Declared(request.type, request.name, request.parent.rpartition("::")[2]))
        return super().RegisterResource(request)  # type: ignore[no-untyped-call]  # the SDK's mocks have no types


def draw() -> None:
    """Write the diagram of the stack `onprem` into its page."""
    page = PAGE.read_text(encoding="utf-8")
    PAGE.write_text(rewritten(page, {"resources": resources()}), encoding="utf-8")


def resources() -> str:
    """The resources that Pulumi.onprem.yaml declares, in Mermaid's language."""
    return code(diagram(declared(), AT_RUN_TIME), "mermaid")


def declared() -> list[Declared]:
    """The resources of the stack `onprem` as its settings are shipped, by name."""
    from stacks import kubernetes  # takes a second, which the other figures need not wait for

    burst = settings.from_file("onprem", PROJECT)
    monitor = _Monitor()

    async def run() -> None:
        mocks.set_mocks(_Echo(), preview=False, monitor=monitor)
        try:
            kubernetes.declare(burst, IMAGE)
            await pulumi.runtime.stack.wait_for_rpcs()
        finally:
            pulumi.runtime.settings.reset_options()

    asyncio.run(run())
    return sorted(monitor.declared, key=lambda each: (each.name, each.type))


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
