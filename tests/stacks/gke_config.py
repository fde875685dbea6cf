"""Settings on GKE that work, for the tests of those that do not."""

from __future__ import annotations

import datetime
import json
from collections.abc import Mapping
from typing import Any

from burst.spec import Burst
from stacks import settings

NOW = datetime.datetime(2026, 11, 24, 19, tzinfo=datetime.UTC)
IMAGE = "us-central1-docker.pkg.dev/my-project/hepburst/trainer@sha256:" + "5a" * 32
BASE = {
    "network": "hepburst",
    "bucket": "my-project-hepburst",
    "repository": "us-central1-docker.pkg.dev/my-project/hepburst",
    "node_account": "hepburst-nodes@my-project.iam.gserviceaccount.com",
    "trainer_account": "hepburst-trainer@my-project.iam.gserviceaccount.com",
    "deadline_account": "hepburst-deadline@my-project.iam.gserviceaccount.com",
}


def working() -> dict[str, Any]:
    """As Python values: the study's 128 V100."""
    return {
        "target": "gke",
        "project": "my-project",
        "zone": "us-central1-a",
        "deadline_utc": "2026-12-01T18:00Z",
        "data": "sample/angle",
        "image": IMAGE,
        "workload": {"preset": "published", "num_epochs": 60, "batch_per_rank": 6},
        "pool": {"accelerator": "V100-16GB", "groups": [{"num_nodes": 16, "gpus_per_node": 8}]},
    }


def as_the_engine_gives_them(config: Mapping[str, Any]) -> dict[str, str]:
    """Every value as text, maps and lists as JSON."""
    return {key: value if isinstance(value, str) else json.dumps(value) for key, value in config.items()}


def burst_of(config: Mapping[str, Any], stack: str = "gke-v100") -> Burst:
    """The burst of such settings, at `NOW`."""
    return settings.to_burst(as_the_engine_gives_them(config), stack=stack, now=NOW)
