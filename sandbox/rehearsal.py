"""`python -m sandbox.rehearsal prepare STACK | show STACK | forget`: what SANDBOX=1 does beside the engine's own work."""

from __future__ import annotations

import argparse
import datetime
import os
import shutil
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import yaml

from engine.places import PROJECT, SANDBOX
from engine.rehearsal import SUFFIX
from sandbox.cloud import __main__ as cloud
from sandbox.cloud import autoscaler
from sandbox.cloud.clusters import Clusters, is_full
from sandbox.cloud.ledger import Ledger, folder
from sandbox.cluster import places
from sandbox.cluster.api import Api, Manifest, wait_for
from sandbox.providers import install
from trainer.refusal import Refusal

REFUSED = 2
PACKAGES = ("gcp", "kubernetes")
HOURS = 6
"""From the first `up` of a rehearsal to its deadline."""
CLUSTER_PREFIX = "hepburst-"
ROLES = ("launcher", "worker")
PLACING_SECONDS = 60.0
_PLACED = "pods that all have nodes"
PROJECT_ID = "sandbox-rehearsal"
FILESTORE = "standard-rwx"
"""The storage class that the rehearsal cluster has too."""
IMAGE = "us-central1-docker.pkg.dev/sandbox-rehearsal/hepburst/trainer@sha256:" + "5a" * 32
"""Simulated nodes pull nothing: any reference with a digest will do."""


def main(arguments: Sequence[str]) -> int:
    """Run one command. Exit status 0 done, 2 refused."""
    parser = argparse.ArgumentParser(prog="python -m sandbox.rehearsal")
    commands = parser.add_subparsers(dest="command", required=True)
    for name in ("prepare", "show"):
        commands.add_parser(name).add_argument("stack")
    commands.add_parser("forget")
    options = parser.parse_args(arguments)
    try:
        if options.command == "forget":
            forget()
        else:
            {"prepare": prepare, "show": show}[options.command](options.stack)
    except (Refusal, ExceptionGroup) as refused:
        print(f"refused: {refused}", file=sys.stderr)
        return REFUSED
    return 0


def prepare(stack: str, environ: Mapping[str, str] = os.environ) -> None:
    """Put the stand-ins into the rehearsal's home, and write the rehearsed stack's settings."""
    for package in PACKAGES:
        install.put(package, environ)
    file = PROJECT / f"Pulumi.{stack}{SUFFIX}.yaml"
    before = yaml.safe_load(file.read_text(encoding="utf-8")) if file.exists() else {}
    settings = yaml.safe_load((PROJECT / f"Pulumi.{stack}.yaml").read_text(encoding="utf-8"))
    now = max(datetime.datetime.now(datetime.UTC), Ledger(folder(environ)).now())  # a rehearsal's clock may be ahead
    config = small(settings["config"]) if is_full() else settings["config"]
    config = rehearsed(config, before.get("config") or {}, now=now)
    kept = {"encryptionsalt": before["encryptionsalt"]} if "encryptionsalt" in before else {}
    head = f"# Written by SANDBOX=1 make up STACK={stack}, from Pulumi.{stack}.yaml: change that one.\n"
    file.write_text(head + yaml.safe_dump({"config": config, **kept}, sort_keys=False), encoding="utf-8")
    print(
        f"sandbox: {stack}{SUFFIX} is a rehearsal on a stand-in of Google Cloud; nothing is rented, nothing is billed.",
        flush=True,
    )


def small(config: Mapping[str, Any]) -> dict[str, Any]:
    """A stack's settings cut down to what really trains on this machine: two ranks, and nothing that comes and goes."""
    if config["hepburst:target"] != "gke":
        return dict(config)
    pool = config["hepburst:pool"]
    return {
        **{key: value for key, value in config.items() if key != "hepburst:build"},
        "hepburst:data": "sample/fixed",
        "hepburst:image": str(places.Places(folder=places.FULL).image.relative_to(PROJECT)),
        "hepburst:storage": {"size_gib": 1, "storage_class": FILESTORE},
        "hepburst:workload": {"preset": "demo", "num_epochs": 1, "batch_per_rank": 16},
        "hepburst:pool": {
            "accelerator": pool["accelerator"],
            "groups": [{**pool["groups"][0], "num_nodes": 2, "gpus_per_node": 1, "autoscales": False}],
            "threads_per_rank": 1,
            "cpus_per_rank": 0.5,
            "memory_gib_per_rank": 2,
        },
        "hepburst:cluster": {"mpi_operator": "there"},
    }


def rehearsed(config: Mapping[str, Any], before: Mapping[str, Any], *, now: datetime.datetime) -> dict[str, Any]:
    """A stack's settings with what only its owner can give: project, image, deadline, which stays while it lies ahead."""
    given = {**config, "hepburst:project": PROJECT_ID}
    if "hepburst:base" in given or config["hepburst:target"] == "gke":
        base = given.get("hepburst:base", "gcp-base")
        given["hepburst:base"] = f"{base}{SUFFIX}" if isinstance(base, str) else base
    if config["hepburst:target"] == "gke":
        if "hepburst:build" not in given:
            given.setdefault("hepburst:image", IMAGE)
        kept = str(before.get("hepburst:deadline_utc", ""))
        given.setdefault("hepburst:deadline_utc", kept if _lies_ahead(kept, now) else _deadline(now))
    return given


def _deadline(now: datetime.datetime) -> str:
    return f"{now + datetime.timedelta(hours=HOURS):%Y-%m-%dT%H:00Z}"


def _lies_ahead(deadline: str, now: datetime.datetime) -> bool:
    try:
        return datetime.datetime.fromisoformat(deadline) > now + datetime.timedelta(hours=HOURS / 2)
    except ValueError:
        return False


def show(stack: str) -> None:
    """What of the burst the rehearsed cluster holds once its autoscaler has done its work, and what is billed."""
    ledger = Ledger(folder())
    lines = autoscaler.settle(ledger)
    api = Clusters(ledger.folder).api(f"{CLUSTER_PREFIX}{stack}{SUFFIX}")
    if api is not None:
        wait_for(_PLACED, lambda: all(pod["spec"].get("nodeName") for pod in _pods(api)), seconds=PLACING_SECONDS)
        lines += [_told(role, [pod for pod in _pods(api) if _role(pod) == role]) for role in ROLES]
    lines += cloud.bill(ledger, None)
    lines += [
        "next: python -m sandbox.cloud until TIME (Cloud Scheduler runs), bill, preempt POOL; make down, make sandbox-down"
    ]
    for line in lines:
        print(f"sandbox: {line}")


def _pods(api: Api) -> list[Manifest]:
    return [pod for pod in api.items("/api/v1/pods") if _role(pod) in ROLES]


def _role(pod: Manifest) -> str:
    return str((pod["metadata"].get("labels") or {}).get("training.kubeflow.org/job-role", ""))


def _told(role: str, pods: Sequence[Manifest]) -> str:
    nodes = {pod["spec"].get("nodeName") for pod in pods}
    kind = "real" if is_full() else "simulated"
    return f"{len(pods)} {role}{'' if len(pods) == 1 else 's'} placed by the real scheduler on {len(nodes)} {kind} nodes"


def forget() -> None:
    """End all rehearsed clusters and remove all that rehearsals keep in the project, but for their settings."""
    for line in cloud.down(Ledger(SANDBOX / "cloud")):
        print(f"sandbox: {line}")
    shutil.rmtree(SANDBOX, ignore_errors=True)
    for file in PROJECT.glob(f"Pulumi.*{SUFFIX}.yaml"):
        file.unlink()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
