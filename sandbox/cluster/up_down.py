"""`up`, `down`, `status` and `outage` of the full cluster, as the command line and tests call them."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from engine.go_modules import alone
from engine.places import shown
from engine.progress import Screen, Step, clock, run_together
from sandbox.cluster import build, horovod, images, packages, requirements, teardown
from sandbox.cluster.control_plane import API_SERVER
from sandbox.cluster.full import MODULES, FullCluster, Parts
from sandbox.cluster.image import Image
from sandbox.cluster.processes import memory_mb
from trainer.refusal import Refusal


def up() -> None:
    """Make the cluster, or start what of it does not run, and say how to use it. Raises Refusal or Refusals."""
    began = time.monotonic()
    cluster = FullCluster()
    screen = Screen()
    missing = [module for module in MODULES if not module.is_there]
    requirements.check_root()
    if not cluster.processes.names():
        requirements.check_full(os.environ, builds=bool(missing))
    if missing:
        screen.line("The cluster's programs are built from Go modules. This is done once.")
        screen.line("  It downloads 0.4 GB, less what caches hold, and takes about 9 minutes on 2 cores; 2 more where")
        screen.line("  Horovod with MPI is not built yet.")
        screen.line("  Ctrl-C is safe: the next time goes on from there.")
    parts = _parts(screen)
    with _alone(cluster):
        teardown.check_ours(cluster)
        started = cluster.start(parts)
    told = f"started {', '.join(started)}" if started else "everything ran already"
    screen.line(f"The rehearsal cluster is up: {told} ({clock(time.monotonic() - began)}).")
    screen.line(f"  kubeconfig  {shown(cluster.places.kubeconfig)}, context `rehearsal`")
    screen.line(f"  image       {cluster.places.image.read_text(encoding='ascii').strip()}")
    screen.line("              (this machine's environment is mounted into every container, read-only)")
    screen.line("  volumes     storage class `rehearsal`; gone with their claims, and all of them with `make cluster-down`")


def down() -> None:
    """Take the cluster away. Nothing there is as good. Raises Refusal if this user cannot."""
    cluster = FullCluster()
    if not teardown.is_there(cluster):
        print("There is no rehearsal cluster here.")
        return
    requirements.check_root()
    with _alone(cluster):
        teardown.check_ours(cluster)
        teardown.take_down(cluster)
    print("The rehearsal cluster is gone. Its programs stay in the cache for the next time.")


def outage(seconds: float) -> None:
    """Stop the API server for so long, really, and start it again. Raises Refusal if it does not run."""
    cluster = FullCluster()
    requirements.check_root()
    with _alone(cluster):
        if not cluster.processes.identity(API_SERVER):
            raise Refusal("the API server does not run", expected="a cluster that is up", remedy="run: make cluster-up")
        cluster.processes.stop(API_SERVER, seconds=0)
        print(f"The API server is stopped for {clock(seconds)}.", flush=True)
        try:
            time.sleep(seconds)
        finally:
            cluster.start_api_server()
    print("The API server serves again.")


def status() -> int:
    """Print how the cluster's programs are; 0 if all run, 1 if some do not, 3 if there is no cluster."""
    cluster = FullCluster()
    names = cluster.processes.names()
    if not names:
        print("There is no rehearsal cluster here. To make one: make cluster-up")
        return 3
    print(f"{'component':<25} {'pid':>7} {'memory (MB)':>12}  state")
    total, all_run = 0.0, True
    for name in names:
        identity = cluster.processes.identity(name)
        memory = memory_mb(identity) if identity else 0.0
        total += memory
        all_run = all_run and identity is not None
        pid = str(identity.pid) if identity else "-"
        state = "running" if identity else f"ended; its log: {shown(cluster.processes.log(name))}"
        print(f"{name:<25} {pid:>7} {memory:>12.0f}  {state}")
    serves = os.access(cluster.places.kubeconfig, os.R_OK) and cluster.api.is_ready()
    print(f"{'together':<25} {'':>7} {total:>12.0f}  API {'serves' if serves else 'does not answer'}")
    return 0 if all_run and serves else 1


def _parts(screen: Screen) -> Parts:
    """What the cluster is made of, brought into the cache; quick when it is there."""
    env = os.environ
    folders: dict[str, Path] = {}
    made: dict[str, Image] = {}

    def debian(step: Step) -> str:
        folders["packages"] = packages.unpacked("node", packages.NODE_PACKAGES, step, env, is_complete=False)
        made.update(pause=images.pause(step, env), trainer=images.trainer(step, env))
        return "containerd, a registry and the trainer image are there"

    def horovod_with_mpi(step: Step) -> str:
        folders["horovod"] = horovod.mpi_horovod(step, env)
        return "Horovod with MPI is there"

    binaries = partial(build.build, MODULES, environ=env)
    run_together({"cluster-binaries": binaries, "cluster-packages": debian}, screen, first=1, total=3)
    run_together({"cluster-horovod": horovod_with_mpi}, screen, first=3, total=3)  # alone: both compile on every core
    return Parts(packages=folders["packages"], pause=made["pause"], trainer=made["trainer"], horovod=folders["horovod"])


@contextmanager
def _alone(cluster: FullCluster) -> Iterator[None]:
    """Wait for whoever else changes the cluster."""
    cluster.places.lock.parent.mkdir(parents=True, exist_ok=True)
    with alone(cluster.places.lock):
        yield
