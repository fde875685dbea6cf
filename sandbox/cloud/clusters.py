"""The rehearsed clusters: each a real control plane on this machine, whose nodes are simulated."""

from __future__ import annotations

import json
import os
from pathlib import Path

from engine.go_modules import alone
from engine.progress import Step
from sandbox.cloud import nodes
from sandbox.cloud.ledger import Resource
from sandbox.cluster import build, operators, places
from sandbox.cluster.api import Api, wait_for
from sandbox.cluster.light import LightCluster
from sandbox.cluster.places import binaries
from trainer.refusal import Refusal

FULL = "HEPBURST_SANDBOX_CLUSTER"
"""`full`: the cluster is the rehearsal cluster that is up, where pods really run; else a light one is made."""
MARK = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "hepburst-rehearsal", "namespace": "kube-public"}}
"""By which a rehearsal cluster is known."""
READY_SECONDS = 30.0


def is_full() -> bool:
    """Whether bursts are rehearsed on the rehearsal cluster."""
    return os.environ.get(FULL) == "full"


class Clusters:
    """All clusters of a rehearsed cloud."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def up(self, cluster: Resource) -> str:
        """Bring a cluster up; gives HOST:PORT of its API server. It stays when this process ends."""
        if is_full():
            self._check_full()  # it has its mark
        else:
            self._up(self._light(cluster.name))
        self._write_authorities()
        return self._address(cluster.name)

    def _up(self, light: LightCluster) -> None:
        build_operator()
        light.up()
        api = light.api
        port = json.loads((light.places.folder / "ports.json").read_text(encoding="ascii"))["api"]
        # Without its custom resource, which the stack brings: it is started again until that is there.
        light.processes.start(operators.mpi_operator(light.places, binaries(), reaches=f"127.0.0.1:{port}"))
        wait_for(
            "the namespace kube-public", lambda: api.get("/api/v1/namespaces/kube-public") is not None, seconds=READY_SECONDS
        )
        api.apply(MARK)

    def down(self, cluster: Resource) -> None:
        """End a cluster. Safe to repeat; the full one stays, and loses its marks."""
        if is_full():
            api = self.api(cluster.name)
            if api is not None:
                nodes.unmark(api)
        else:
            self._light(cluster.name).down()
        self._write_authorities()

    def set_nodes(self, pool: Resource) -> None:
        """See to it that the pool has its number of nodes."""
        api = self.api(_cluster_of(pool))
        if api is not None:
            (nodes.mark if is_full() else nodes.set_nodes)(api, pool)

    def remove_nodes(self, pool: Resource) -> None:
        """The pool's nodes are gone."""
        self.set_nodes(Resource(type=pool.type, id=pool.id, properties=pool.properties, num_nodes=0))

    def api(self, name: str) -> Api | None:
        """A client of a cluster that is up."""
        kubeconfig = self.kubeconfig(name)
        return Api(kubeconfig) if kubeconfig.exists() else None

    def kubeconfig(self, name: str) -> Path:
        """The administrator's of a cluster."""
        if is_full():
            return places.Places(folder=places.FULL).kubeconfig
        return self._light(name).kubeconfig

    def names(self) -> list[str]:
        """Clusters that are there, or are being made."""
        folder = self._folder / "clusters"
        return sorted(one.name for one in folder.iterdir() if not one.name.startswith(".")) if folder.exists() else []

    def _light(self, name: str) -> LightCluster:
        folder = self._folder / "clusters" / name
        folder.parent.mkdir(parents=True, exist_ok=True)
        return LightCluster(folder, with_jobs_that_go_on=True)

    def _check_full(self) -> None:
        if not self.kubeconfig("").exists():
            raise Refusal(f"{FULL}=full without a cluster", expected="one that is up", remedy="make cluster-up")

    def _address(self, name: str) -> str:
        return nodes.server(self.kubeconfig(name)).removeprefix("https://")

    def _write_authorities(self) -> None:
        """`ca.crt`, to which SSL_CERT_FILE points: what has signed the servers' certificates, as the public ones do in GKE."""
        with alone(self._folder / ".authorities.lock"):
            kubeconfigs = [self.kubeconfig(name) for name in ([""] if is_full() else self.names())]
            found = [nodes.authority(kubeconfig) for kubeconfig in kubeconfigs if kubeconfig.exists()]
            partial = self._folder / ".ca.crt.partial"
            partial.write_text("".join(found), encoding="ascii")
            partial.rename(self._folder / "ca.crt")


def build_operator() -> None:
    """The MPI Operator's binary, unless it is there."""
    if not build.MPI_OPERATOR.is_there:
        build.build([build.MPI_OPERATOR], Step("cluster-binaries"), os.environ)


def _cluster_of(pool: Resource) -> str:
    return str(pool.properties["cluster"]).rpartition("/")[2]
