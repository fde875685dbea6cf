"""The full cluster: one node with a real kubelet, in a network namespace, found by users at ports of the loopback address."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from engine.places import PROJECT, VENV
from sandbox.cluster import (
    build,
    control_groups,
    control_plane,
    machine_settings,
    namespace,
    networks,
    node,
    operators,
    registry,
    storage,
    trainer_rootfs,
)
from sandbox.cluster.api import Api, Manifest, condition, wait_for
from sandbox.cluster.control_plane import Addresses
from sandbox.cluster.image import Image
from sandbox.cluster.images import PAUSE_REPOSITORY, TRAINER_REPOSITORY
from sandbox.cluster.node import Mounts
from sandbox.cluster.places import FULL, Places, binaries
from sandbox.cluster.ports import check_free
from sandbox.cluster.processes import Processes, Program

API_PORT, REGISTRY_PORT = 16443, 15000
FORWARD = "forward"
MODULES = (build.CONTROL_PLANE, build.MPI_OPERATOR, build.COREDNS, build.KUEUE)
READY_SECONDS = 90.0
WEBHOOK_PORT, KUEUE_HEALTH_PORT = 19443, 18081
ADDRESSES = Addresses(
    api_host=namespace.ADDRESS,
    api_port=443,  # as the service `kubernetes` has it, so that pods find it without a proxy
    etcd_port=2379,
    etcd_peer_port=2380,
    users_server=f"https://127.0.0.1:{API_PORT}",
    has_service_address=True,
)
SIGN: Manifest = {
    "apiVersion": "v1",
    "kind": "ConfigMap",
    "metadata": {"name": "hepburst-rehearsal", "namespace": "kube-public"},
    "data": {"made-by": "hepburst, sandbox/cluster", "nodes": "one, on the machine that it was made on"},
}
"""By this a cluster says that it is a rehearsal."""


@dataclass(frozen=True, kw_only=True)
class Parts:
    """What the cluster is made of, in the cache: Debian's programs, images, Horovod with MPI."""

    packages: Path
    pause: Image
    trainer: Image
    horovod: Path


class FullCluster:
    """The one full cluster of a machine. `parts` is needed to start it, not to look at it or to stop it."""

    def __init__(self, folder: Path = FULL) -> None:
        self.places = Places(folder=folder)
        self.processes = Processes(folder=folder, records=self.places.processes, logs=self.places.logs)

    @property
    def settings_file(self) -> Path:
        """The machine's settings as they were before."""
        return self.places.folder / "machine-settings.json"

    @property
    def api(self) -> Api:
        """A client of the cluster that is up."""
        return Api(self.places.kubeconfig)

    def start(self, parts: Parts) -> list[str]:
        """Start what does not run and wait until it all works; the names of what was started. Call it with the lock held."""
        started: list[str] = []
        self.places.folder.mkdir(parents=True, exist_ok=True)
        self.processes.forget_ended()
        self._check_ports()
        control_plane.make_keys(self.places, ADDRESSES)
        namespace.make(control_plane.SERVICE_ADDRESS)
        within = namespace.in_network()
        host = f"127.0.0.1:{REGISTRY_PORT}"
        self._start(started, forward())
        self._start(started, registry.registry(self.places, parts.packages, port=REGISTRY_PORT, within=within))
        for program in control_plane.programs(self.places, ADDRESSES, binaries=binaries(), within=within):
            self._start(started, program)
        self._wait("the registry", lambda: registry.answers(host))
        pause = registry.push(parts.pause, host=host, repository=PAUSE_REPOSITORY)
        self._start_node(started, parts, pause)
        trainer = registry.push(parts.trainer, host=host, repository=TRAINER_REPOSITORY)
        self._wait("the API server", self.api.is_ready)
        self._start_in_cluster(started, within)
        self._wait("the node", lambda: condition(self.api.get(f"/api/v1/nodes/{node.NODE}"), "Ready") == "True")
        self.places.image.write_text(f"{trainer}\n", encoding="ascii")
        return started

    def start_api_server(self) -> None:
        """Start the API server alone, and wait until it serves."""
        within = namespace.in_network()
        for program in control_plane.programs(self.places, ADDRESSES, binaries=binaries(), within=within):
            if program.name == control_plane.API_SERVER:
                self.processes.start(program)
        self._wait("the API server", self.api.is_ready)

    def _start_node(self, started: list[str], parts: Parts, pause: str) -> None:
        for folder in namespace.NODE_FOLDERS:
            folder.mkdir(parents=True, exist_ok=True)
        machine_settings.remember(self.settings_file)
        control_groups.make(node.CGROUP)
        if not self.processes.identity(namespace.HOLDER):  # its mounts went with it, or will: the node starts anew
            for name in (node.KUBELET, node.CONTAINERD):
                self.processes.stop(name)
            control_groups.remove(node.CGROUP)
            control_groups.make(node.CGROUP)
        self._start(started, namespace.holder())
        holder = self.processes.identity(namespace.HOLDER)
        assert holder is not None
        self._wait("the node's mounts", lambda: _has_mounts(holder.pid))
        within = namespace.in_node(holder.pid)
        mounts = host_environment(parts.horovod)
        self._start(started, node.containerd(self.places, parts.packages, mounts, pause_image=pause, within=within))
        self._wait("containerd", lambda: node.containerd_answers(holder.pid))
        self._wait("the API server", self.api.is_ready)
        self._start(started, node.kubelet(self.places, parts.packages, binaries(), within=within))

    def _start_in_cluster(self, started: list[str], within: tuple[str, ...]) -> None:
        api, made = self.api, binaries()
        self._start(started, node.coredns(self.places, made, within=within))
        self._wait("the namespace kube-public", lambda: api.get("/api/v1/namespaces/kube-public") is not None)
        for manifest in (*map(storage.storage_class, storage.CLASSES), SIGN):
            api.apply(manifest)
        self.places.volumes.mkdir(parents=True, exist_ok=True)
        self._start(started, storage.storage(self.places))
        operators.install_mpi_operator(api, made)
        self._start(started, operators.mpi_operator(self.places, made, within=within))
        operators.install_kueue(api, made)
        host, port, health = namespace.ADDRESS, WEBHOOK_PORT, KUEUE_HEALTH_PORT
        self._start(started, operators.kueue(self.places, made, host=host, port=port, health_port=health, within=within))
        self._wait("Kueue", lambda: networks.inside(namespace.FILE, lambda: operators.kueue_answers(health)))
        operators.apply_webhooks(api, self.places, made, host=host, port=port)

    def _start(self, started: list[str], program: Program) -> None:
        if self.processes.start(program):
            started.append(program.name)

    def _wait(self, what: str, is_so: Callable[[], bool]) -> None:
        wait_for(what, is_so, seconds=READY_SECONDS, is_hopeless=self.processes.epitaph)

    def _check_ports(self) -> None:
        if not self.processes.identity(FORWARD):
            check_free([API_PORT, REGISTRY_PORT], remedy="end that process, if it is yours, and repeat")


def forward() -> Program:
    """Forwards the users' ports into the namespace."""
    targets = {API_PORT: f"{namespace.ADDRESS}:{ADDRESSES.api_port}", REGISTRY_PORT: f"127.0.0.1:{REGISTRY_PORT}"}
    doors = [f"127.0.0.1:{port}={target}" for port, target in targets.items()]
    return Program(name=FORWARD, command=(sys.executable, "-m", "sandbox.cluster.forward", str(namespace.FILE), *doors))


def host_environment(horovod: Path) -> Mounts:
    """What every container sees of this machine: the project's environment, Horovod with MPI over its own, the trainer."""
    site_packages = VENV / "lib" / "python3.11" / "site-packages"
    sources = {
        trainer_rootfs.SITE_PACKAGES: site_packages,
        f"{trainer_rootfs.SITE_PACKAGES}/horovod": horovod / "horovod",
        trainer_rootfs.TRAINER: PROJECT / "trainer",
    }
    return Mounts(sources=sources)


def _has_mounts(pid: int) -> bool:
    """Whether the holder's last mount is made."""
    table = Path(f"/proc/{pid}/mounts").read_text(encoding="utf-8", errors="replace").splitlines()
    found = {line.split()[1] for line in table if line.startswith("tmpfs ")}
    return all(str(folder) in found for folder in namespace.NODE_FOLDERS)
