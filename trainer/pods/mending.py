"""What a launcher does in its cluster besides training: workers that failed with their node are made anew, and a job whose
workers did not come is not tried again. Standard library only.

The MPI Operator makes a worker anew that is gone, and not one that ended; so the launcher deletes those. Its rights are for
that and no more (components/kubernetes/launcher_rights.py).
"""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import ssl
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any

from trainer.pods.hosts import Host

MEND_SECONDS = 10.0
"""Between two looks at the workers."""
ANSWER_SECONDS = 10.0
ENDED = ("Failed", "Succeeded")
"""Phases from which a pod does not come back; a worker that was told to stop may say that all was well."""
HOST_VARIABLE, PORT_VARIABLE = "KUBERNETES_SERVICE_HOST", "KUBERNETES_SERVICE_PORT"
"""Of every pod: where the API server is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Names:
    """Of a worker pod, by the operator's name for its host: `train-0a-worker-0.train-0a.burst.svc`."""

    pod: str
    job: str
    namespace: str

    @classmethod
    def of(cls, host: Host) -> Names | None:
        """None where a host is no pod of the operator's.

        >>> Names.of(Host(name="train-0a-worker-0.train-0a.burst.svc"))
        Names(pod='train-0a-worker-0', job='train-0a', namespace='burst')
        """
        parts = host.name.split(".")
        return cls(pod=parts[0], job=parts[1], namespace=parts[2]) if parts[3:4] == ["svc"] else None


class Cluster:
    """The API server, by the token in `folder` (files `token` and `ca.crt`). Where it cannot be asked: OSError."""

    def __init__(self, folder: Path) -> None:
        self._token = folder / "token"
        self._connection = http.client.HTTPSConnection(
            os.environ[HOST_VARIABLE],
            int(os.environ[PORT_VARIABLE]),
            context=ssl.create_default_context(cafile=str(folder / "ca.crt")),
            timeout=ANSWER_SECONDS,
        )

    def __enter__(self) -> Cluster:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def ask(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> tuple[int, dict[str, Any]]:
        """Status and answer. The token is read each time: the kubelet renews it."""
        kind = "application/merge-patch+json" if method == "PATCH" else "application/json"
        headers = {"Authorization": f"Bearer {self._token.read_text().strip()}", "Content-Type": kind}
        try:
            self._connection.request(method, path, body=json.dumps(body) if body else None, headers=headers)
            answer = self._connection.getresponse()
            document = json.loads(answer.read())
        except (http.client.HTTPException, OSError, ValueError) as problem:
            self._connection.close()
            raise OSError(f"{method} {path}: {problem}") from problem
        return answer.status, document if isinstance(document, dict) else {}


def mend(cluster: Cluster, workers: Sequence[Names]) -> list[str]:
    """Delete the workers that ended; what is to be said of them."""
    said = []
    for worker in workers:
        path = f"/api/v1/namespaces/{worker.namespace}/pods/{worker.pod}"
        status, pod = cluster.ask("GET", path)
        state = pod.get("status") or {}
        if status != HTTPStatus.OK or state.get("phase") not in ENDED or "deletionTimestamp" in pod["metadata"]:
            continue
        # That very pod: its successor has the same name.
        options = {"gracePeriodSeconds": 0, "preconditions": {"uid": pod["metadata"]["uid"]}}
        status, _ = cluster.ask("DELETE", path, options)
        if status == HTTPStatus.OK:
            why = state.get("message") or state.get("reason") or state["phase"]
            said.append(f"worker {worker.pod} has ended ({why}); it is made anew")
        elif status not in (HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT):
            said.append(f"worker {worker.pod} has ended, and cannot be made anew: the API server answers {status}")
    return said


def end_tries(cluster: Cluster, worker: Names) -> None:
    """The Job of this launcher fails when the launcher does, instead of trying again and holding the nodes meanwhile."""
    path = f"/apis/batch/v1/namespaces/{worker.namespace}/jobs/{worker.job}-launcher"
    status, document = cluster.ask("PATCH", path, {"spec": {"backoffLimit": 0}})
    if status != HTTPStatus.OK:
        raise OSError(str(document.get("message", status)))


def give_back(token: Path | None, hosts: Sequence[Host]) -> None:
    """No further try; without the rights to say so all further tries end at once, as their time is over."""
    workers = [names for names in map(Names.of, hosts) if names]
    if token is None or not workers:
        return
    try:
        with Cluster(token) as cluster:
            end_tries(cluster, workers[0])
    except (OSError, KeyError) as problem:
        print(f"the job will try again, in vain: {problem}", file=sys.stderr, flush=True)


@contextlib.contextmanager
def mending(token: Path | None, hosts: Sequence[Host]) -> Iterator[None]:
    """Workers that end meanwhile are made anew; not without a token."""
    workers = [names for names in map(Names.of, hosts) if names]
    if token is None or not workers:
        yield
        return
    stopped = threading.Event()
    thread = threading.Thread(target=_keep_mending, args=(token, workers, stopped), daemon=True)
    thread.start()
    try:
        yield
    finally:
        stopped.set()


def _keep_mending(token: Path, workers: Sequence[Names], stopped: threading.Event) -> None:
    before: list[str] = []
    while not stopped.wait(MEND_SECONDS):
        try:
            with Cluster(token) as cluster:
                said = mend(cluster, workers)
        except (OSError, KeyError) as problem:  # away for a while, or a cluster that tells no pod where its API server is
            said = [f"workers that end are not made anew now: {problem}"]
        for sentence in said:
            if sentence not in before:
                print(sentence, file=sys.stderr, flush=True)
        before = said
