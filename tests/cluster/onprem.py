"""A copy of the project with a stack of its own on the rehearsal cluster, driven by the real engine."""

from __future__ import annotations

import contextlib
import json
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from kubernetes import client, config

from engine.places import REHEARSAL
from tests.e2e.project import PROJECT, Project
from trainer.showers.sample import FIXED

CLUSTER_SECONDS = 240
OUTAGE = [sys.executable, "-m", "sandbox.cluster", "outage", "--seconds"]


class Onprem(Project):
    """Its stack, in a namespace of the stack's name."""

    def __init__(self, folder: Path, data: Path, stack: str) -> None:
        super().__init__(folder, data, stack)
        shutil.copy(FIXED, folder / FIXED.relative_to(PROJECT))
        configuration = client.Configuration()
        path = str(REHEARSAL / "kubeconfig")
        load: Any = config.load_kube_config  # without types
        load(path, context="rehearsal", client_configuration=configuration)
        self._api = api = client.ApiClient(configuration)
        self.core: Any = client.CoreV1Api(api)  # Any: the client's types allow None for what the API always gives
        self.custom: Any = client.CustomObjectsApi(api)
        self.namespace = f"hepburst-{stack}"
        self.pulumi("stack", "init", stack)

    def tiny(self) -> dict[str, Any]:
        """One epoch of the sample, on two workers of one rank."""
        return {
            "hepburst:target": "kubernetes",
            "hepburst:data": "sample/fixed",
            "hepburst:image": str(REHEARSAL / "image"),
            "hepburst:cluster": {"kubeconfig": str(REHEARSAL / "kubeconfig"), "context": "rehearsal"},
            "hepburst:storage": {"size_gib": 1, "storage_class": "rehearsal"},
            "hepburst:workload": {"preset": "demo", "num_epochs": 1, "batch_per_rank": 16},
            "hepburst:pool": {
                "region": "gcp/europe-west6",
                "groups": [{"num_nodes": 2, "ranks_per_node": 1}],
                "cpus_per_rank": 0.6,
                "memory_gib_per_rank": 2,
            },
        }

    def attach(self, *arguments: str) -> subprocess.Popen[str]:
        """`burst attach` as a process; its output, both streams, is the file `attach.txt`."""
        command = [sys.executable, "-c", "from cli import main; main()", "attach", self.stack, *arguments]
        env = {**self.env, "PYTHONPATH": str(self.folder)}
        with (self.folder / "attach.txt").open("w") as output:
            return subprocess.Popen(command, cwd=self.folder, env=env, stdout=output, stderr=subprocess.STDOUT, text=True)

    def attached(self, *arguments: str, status: int = 0, seconds: float = CLUSTER_SECONDS) -> str:
        """Run `burst attach` to its end, and give what it said."""
        with self.attach(*arguments) as process:
            ended = process.wait(seconds)
        said = self.attach_said()
        assert ended == status, said
        assert "Traceback" not in said, said
        return said

    def attach_said(self) -> str:
        return (self.folder / "attach.txt").read_text()

    def pods(self, role: str) -> list[Any]:
        """The pods of a role, launcher or worker, that are there now."""
        selector = f"training.kubeflow.org/job-role={role}"
        return list(self.core.list_namespaced_pod(self.namespace, label_selector=selector).items)

    def job(self) -> dict[str, Any]:
        """The MPIJob."""
        found = self.custom.list_namespaced_custom_object("kubeflow.org", "v2beta1", self.namespace, "mpijobs")
        (job,) = found["items"]
        return dict(job)

    def wait_for(self, happens: Callable[[], bool], what: str, seconds: float = CLUSTER_SECONDS) -> None:
        """Poll for something in the cluster."""
        deadline = time.monotonic() + seconds
        while not happens():
            assert time.monotonic() < deadline, f"no {what}: {self.told()}"
            time.sleep(0.3)

    def told(self) -> str:
        """What the namespace tells, for a test that failed."""
        events = self.core.list_namespaced_event(self.namespace).items
        lines = [f"{each.involved_object.name}: {each.reason} {each.message}" for each in events]
        lines += [f"{pod.metadata.name} {pod.status.phase}" for role in ("launcher", "worker") for pod in self.pods(role)]
        return "\n".join(lines)

    def steps(self) -> list[int]:
        """Steps that the launchers' logs tell of, in the order in which they were made."""
        found: list[int] = []
        for pod in sorted(self.pods("launcher"), key=lambda pod: pod.metadata.creation_timestamp):
            try:
                log = self.core.read_namespaced_pod_log(pod.metadata.name, self.namespace)
            except client.ApiException:
                continue
            events = [json.loads(line) for line in log.splitlines() if line.startswith("{")]
            found += [event["step"] for event in events if event["event"] == "step"]
        return found

    def delete(self, pod: Any, grace_seconds: int = 0) -> None:
        self.core.delete_namespaced_pod(pod.metadata.name, self.namespace, grace_period_seconds=grace_seconds)

    def clear(self) -> None:
        """Take away what a failed test left."""
        for pid in self.processes():
            subprocess.run(["kill", "-9", str(pid)], check=False)
        with contextlib.suppress(client.ApiException):  # it is gone
            self.core.delete_namespace(self.namespace)
        self._api.rest_client.pool_manager.clear()


def cluster_up() -> None:
    """The rehearsal cluster, made if it is not there; it stays for the next tests."""
    subprocess.run([sys.executable, "-m", "sandbox.cluster", "up"], cwd=PROJECT, check=True)
