"""A control plane with simulated nodes on ports of the loopback address: no root, several at once, for tests of scheduling."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType

from engine.go_modules import alone
from engine.progress import Step
from sandbox.cluster import build, control_plane, operators, simulated_nodes
from sandbox.cluster.api import Api, wait_for
from sandbox.cluster.control_plane import Addresses
from sandbox.cluster.places import Places, binaries
from sandbox.cluster.ports import check_free, free_ports
from sandbox.cluster.processes import Processes
from sandbox.cluster.simulated_nodes import NodeGroup
from trainer.refusal import Refusal

READY_SECONDS = 120.0
_PORTS = ("api", "etcd", "etcd_peer", "kwok", "webhooks", "kueue_health")


class LightCluster:
    """A light cluster in a folder of its own; as a context manager it is gone afterwards.

    `port` is the API server's; 0 takes a free one. Nodes come in `groups`; a second `up` adds groups that are new. The pods of
    a job end as soon as they run, unless `with_jobs_that_go_on`.
    """

    def __init__(
        self,
        folder: Path,
        *,
        groups: Sequence[NodeGroup] = (),
        port: int = 0,
        with_mpi_operator: bool = False,
        with_kueue: bool = False,
        with_jobs_that_go_on: bool = False,
    ) -> None:
        self.places = Places(folder=folder.absolute())
        self.processes = Processes(folder=self.places.folder, records=self.places.processes, logs=self.places.logs)
        self._groups, self._port = list(groups), port
        self._with_mpi_operator, self._with_kueue = with_mpi_operator, with_kueue
        self._with_jobs_that_go_on = with_jobs_that_go_on

    def __enter__(self) -> LightCluster:
        try:
            self.up()
        except BaseException:
            self.down()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None:
        self.down()

    @property
    def kubeconfig(self) -> Path:
        """The kubeconfig of the cluster's administrator."""
        return self.places.kubeconfig

    @property
    def api(self) -> Api:
        """A client of the cluster that is up."""
        return Api(self.kubeconfig)

    def up(self) -> None:
        """Bring the cluster up, or what of it does not run, and wait until its nodes are ready.

        Raises Refusal before anything is started if binaries cannot be had or the port is taken.
        """
        self._check_folder()
        self._build()
        with alone(self.places.lock):
            self.places.folder.mkdir(parents=True, exist_ok=True)
            self.processes.forget_ended()
            ports = self._ports()
            addresses = Addresses(
                api_host="127.0.0.1",
                api_port=ports["api"],
                etcd_port=ports["etcd"],
                etcd_peer_port=ports["etcd_peer"],
                users_server=f"https://127.0.0.1:{ports['api']}",
                has_service_address=False,
            )
            control_plane.make_keys(self.places, addresses)
            for program in control_plane.programs(self.places, addresses, binaries=binaries()):
                self.processes.start(program)
                if program.name == control_plane.API_SERVER:
                    self._wait("the API server", self.api.is_ready)
            self._start_operators(ports)
            self.processes.start(
                simulated_nodes.kwok(
                    self.places, binaries(), port=ports["kwok"], with_jobs_that_go_on=self._with_jobs_that_go_on
                )
            )
            simulated_nodes.create(self.api, self._groups)
            wanted = sum(group.num_nodes for group in self._groups)
            self._wait(f"{wanted} ready nodes", lambda: simulated_nodes.num_ready(self.api) >= wanted)

    def down(self) -> None:
        """End every process of the cluster and remove its folder. Safe to repeat, and after anything."""
        self.places.lock.parent.mkdir(parents=True, exist_ok=True)
        with alone(self.places.lock):
            for name in reversed(self.processes.names()):
                self.processes.stop(name, seconds=0)  # nothing of it is kept
            self.processes.sweep()
            if self._is_ours():
                shutil.rmtree(self.places.folder)
            self.places.lock.unlink(missing_ok=True)

    def _start_operators(self, ports: dict[str, int]) -> None:
        api, made = self.api, binaries()
        if self._with_mpi_operator:
            operators.install_mpi_operator(api, made)
            self.processes.start(operators.mpi_operator(self.places, made, reaches=f"127.0.0.1:{ports['api']}"))
        if self._with_kueue:
            operators.install_kueue(api, made)
            host, port, health = "127.0.0.1", ports["webhooks"], ports["kueue_health"]
            self.processes.start(operators.kueue(self.places, made, host=host, port=port, health_port=health))
            self._wait("Kueue", lambda: operators.kueue_answers(health))
            operators.apply_webhooks(api, self.places, made, host=host, port=port)

    def _build(self) -> None:
        modules = [build.CONTROL_PLANE, build.KWOK]
        modules += [build.MPI_OPERATOR] if self._with_mpi_operator else []
        modules += [build.KUEUE] if self._with_kueue else []
        if not all(module.is_there for module in modules):
            build.build(modules, Step("cluster-binaries"), os.environ)

    def _ports(self) -> dict[str, int]:
        """The ports that this cluster took when it was first brought up, or takes now."""
        file = self.places.folder / "ports.json"
        with suppress(OSError, ValueError):
            return {name: int(port) for name, port in json.loads(file.read_text(encoding="ascii")).items()}
        if self._port:
            check_free([self._port], remedy="give another port, or none to have a free one chosen")
        ports = dict(zip(_PORTS, free_ports(len(_PORTS)), strict=True))
        ports["api"] = self._port or ports["api"]
        file.write_text(json.dumps(ports), encoding="ascii")
        return ports

    def _wait(self, what: str, is_so: Callable[[], bool]) -> None:
        wait_for(what, is_so, seconds=READY_SECONDS, is_hopeless=self.processes.epitaph)

    def _is_ours(self) -> bool:
        return (self.places.folder / "ports.json").exists()

    def _check_folder(self) -> None:
        folder = self.places.folder
        if folder.exists() and any(folder.iterdir()) and not self._is_ours():
            raise Refusal(
                f"{folder} holds something else", expected="an empty folder, or a light cluster's", remedy="name another folder"
            )
