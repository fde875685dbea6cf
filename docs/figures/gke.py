"""The generated blocks of docs/stacks/gke.md."""

from __future__ import annotations

import json
from pathlib import Path

import yaml

from burst.gke import BaseIds
from burst.spec import Burst
from docs.figures import critical_path
from docs.figures.pages import rewritten
from docs.figures.stack_diagram import Declared, declared, drawn
from stacks import settings

PROJECT = Path(__file__).parents[2]
PAGE = PROJECT / "docs" / "stacks" / "gke.md"
STACK = "gke-v100"
IMAGE = f"us-central1-docker.pkg.dev/my-project/hepburst/trainer@sha256:{'0' * 64}"
BASE = BaseIds(
    network="hepburst",
    bucket="my-project-hepburst",
    repository="us-central1-docker.pkg.dev/my-project/hepburst",
    node_account="hepburst-nodes@my-project.iam.gserviceaccount.com",
    trainer_account="hepburst-trainer@my-project.iam.gserviceaccount.com",
    deadline_account="hepburst-deadline@my-project.iam.gserviceaccount.com",
)
AT_RUN_TIME = (
    "scheduler([Cloud Scheduler]) -- at the deadline deletes --> cluster-cluster",
    "scheduler -- and --> network-router",
    "operator([MPI Operator]) -- takes up --> train-mpijob",
    "operator -- makes --> pods([launcher and worker pods])",
    "autoscaler([GKE's autoscaler]) -- nodes for waiting pods --> pods",
    "pods -- mount --> bucket([the base's bucket])",
    "attach([burst attach]) -. follows and collects .-> pods",
)
"""What happens after `up`, as edges of the diagram."""


def draw() -> None:
    """Write the blocks into the page."""
    page = PAGE.read_text(encoding="utf-8")
    PAGE.write_text(rewritten(page, blocks(resources())), encoding="utf-8")


def blocks(found: list[Declared]) -> dict[str, str]:
    """The diagram, and the longest chain of what waits for what, of the resources of `resources`."""
    return {"resources": drawn(found, AT_RUN_TIME), "critical-path": critical_path.drawn(found, _last_pool(found))}


def resources() -> list[Declared]:
    """What the stack `gke-v100` declares with a project, an image and a deadline."""
    from stacks import gke  # takes a second, which the other figures need not wait for

    burst = _burst()
    return declared(lambda: gke.declare(burst, IMAGE))


def _burst() -> Burst:
    config = yaml.safe_load((PROJECT / f"Pulumi.{STACK}.yaml").read_text(encoding="utf-8"))["config"]
    given = {
        "project": "my-project",
        "image": IMAGE,
        "deadline_utc": "2027-01-01T00:00Z",
        "base": {field: getattr(BASE, field) for field in BaseIds.__dataclass_fields__},
    }
    ours = {key.removeprefix("hepburst:"): value for key, value in config.items()} | given
    # As the engine hands them to a program.
    texts = {key: value if isinstance(value, str) else json.dumps(value) for key, value in ours.items()}
    return settings.to_burst(texts, stack=STACK)


def _last_pool(found: list[Declared]) -> str:
    (key,) = [each.key for each in found if each.type.endswith("NodePool") and each.name != "system"]
    return key
