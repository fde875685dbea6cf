"""The generated block of docs/stacks/onprem.md."""

from __future__ import annotations

from pathlib import Path

from docs.figures.pages import rewritten
from docs.figures.stack_diagram import Declared, declared, drawn
from stacks import settings

PROJECT = Path(__file__).parents[2]
PAGE = PROJECT / "docs" / "stacks" / "onprem.md"
IMAGE = f"registry.example.org/trainer@sha256:{'0' * 64}"
AT_RUN_TIME = (
    "operator([MPI Operator]) -- takes up --> train-mpijob",
    "operator -- makes --> pods([launcher and worker pods])",
    "pods -- mount --> volume-persistentvolumeclaim",
    "attach([burst attach]) -. follows and collects .-> pods",
)
"""What happens in the cluster after `up`, as edges of the diagram."""


def draw() -> None:
    """Write the diagram of the stack `onprem` into its page."""
    page = PAGE.read_text(encoding="utf-8")
    PAGE.write_text(rewritten(page, {"resources": drawn(resources(), AT_RUN_TIME)}), encoding="utf-8")


def resources() -> list[Declared]:
    """What the stack `onprem` declares as its settings are shipped."""
    from stacks import kubernetes  # takes a second, which the other figures need not wait for

    burst = settings.from_file("onprem", PROJECT)
    cluster = burst.cluster
    assert cluster is not None
    return declared(lambda: kubernetes.declare(burst, IMAGE, provider=kubernetes.provider_of(cluster)))
