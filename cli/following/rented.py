"""A cluster that a burst made and that has a deadline: how it is reached, and what is said once it is gone."""

from __future__ import annotations

import contextlib
import datetime
import subprocess
from collections.abc import Callable, Iterator
from http import HTTPStatus
from pathlib import Path

from burst.cluster import RUNS_FOLDER, BucketVolume
from burst.gke import BaseIds
from burst.spec import Burst
from burst.whole_file import write_whole
from cli.following.api import Api, Rejected, Unreachable
from trainer.refusal import Refusal

OUTPUT = "kubeconfig"
"""Of the stack."""
PULUMI_SECONDS = 120.0
GONE_PATIENCE_SECONDS = 60.0
"""An outage after the deadline is its work, not the network's."""


def fetch_kubeconfig(burst: Burst) -> None:
    """Write the file that the stack's settings name, from the stack's output, for the client of Kubernetes to read.

    The engine is asked in the environment as it is: backend and passphrase are the user's. Refuses a stack that has none.
    """
    assert burst.cluster is not None
    command = ["pulumi", "stack", "output", OUTPUT, "--stack", burst.name, "--non-interactive"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=PULUMI_SECONDS)
    except FileNotFoundError:
        raise Refusal(
            "there is no pulumi on PATH", expected="the engine that deployed the stack", remedy="make shell, and repeat"
        ) from None
    except subprocess.TimeoutExpired:
        raise Refusal(
            f"pulumi did not tell of stack {burst.name} within {PULUMI_SECONDS:.0f} s",
            expected=f"its output {OUTPUT}",
            remedy=f"see what keeps it: {' '.join(command)}",
        ) from None
    if done.returncode or not done.stdout.strip():
        said = " ".join(done.stderr.split()).removeprefix("error: ")
        raise Refusal(
            f"stack {burst.name} has no output {OUTPUT}{f': {said}' if said else ''}",
            expected="a stack that is deployed, in the backend that `pulumi whoami --verbose` names",
            remedy=f"pulumi up -s {burst.name}",
        )
    path = Path(burst.cluster.access.kubeconfig)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, done.stdout.encode())


@contextlib.contextmanager
def until_gone(burst: Burst, api: Api, last: Callable[[], str]) -> Iterator[None]:
    """What is refused meanwhile because the deadline has removed the cluster says so; `last`: what was seen of the run."""
    try:
        yield
    except Refusal as refusal:
        if not is_past(burst) or _answers(api):
            raise
        raise gone(burst, last()) from refusal


def gone(burst: Burst, last: str = "") -> Refusal:
    """What a user reads of a cluster that its deadline has removed."""
    assert burst.gke is not None
    return Refusal(
        f"cluster {burst.gke.name} is gone: its deadline was {burst.gke.deadline:%Y-%m-%d %H:%M} UTC"
        + (f"; the last that was seen of the run: {last}" if last else ""),
        expected="to be followed before its deadline",
        remedy=f"{_results(burst)}; pulumi destroy -s {burst.name} forgets what is gone; to train on: a later "
        "hepburst:deadline_utc, and pulumi up --refresh",
    )


def is_past(burst: Burst) -> bool:
    """Whether the burst's cluster has had its time."""
    return burst.gke is not None and datetime.datetime.now(datetime.UTC) >= burst.gke.deadline


def _answers(api: Api) -> bool:
    """Whether a Kubernetes is there. Of credentials that have expired nothing follows."""
    try:
        api.get("/version")
    except Unreachable:
        return False
    except Rejected as rejected:
        return rejected.status == HTTPStatus.UNAUTHORIZED
    return True


def _results(burst: Burst) -> str:
    assert burst.gke is not None
    assert burst.cluster is not None
    volume, base = burst.cluster.volume, burst.gke.base
    if not isinstance(volume, BucketVolume):
        return "what was on the cluster's own volume went with it"
    bucket = base.bucket if isinstance(base, BaseIds) else f"$(pulumi stack output bucket -s {base})"
    return f"checkpoints and results are in the bucket: gcloud storage ls gs://{bucket}/{volume.folder}/{RUNS_FOLDER}"
