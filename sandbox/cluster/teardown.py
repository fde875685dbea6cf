"""Takes the full cluster away: no process, mount, link, network namespace or control group of it stays.

It works from what it finds, not from what should be there: after `kill -9` of anything it is the same.
"""

from __future__ import annotations

import contextlib
import shutil
from pathlib import Path

from sandbox.cluster import control_groups, control_plane, machine_settings, namespace, node, operators, registry, storage
from sandbox.cluster.full import FORWARD, FullCluster
from sandbox.cluster.processes import Identity, end, identify, mark_of
from trainer.refusal import Refusal

IN_ORDER = (
    *(node.KUBELET, operators.MPI_OPERATOR, operators.KUEUE, storage.STORAGE, node.COREDNS, node.CONTAINERD, registry.REGISTRY),
    *(control_plane.SCHEDULER, control_plane.CONTROLLER_MANAGER, control_plane.API_SERVER, control_plane.ETCD),
    *(FORWARD, namespace.HOLDER),
)
"""kubelet first, so that nothing is started anew; what others talk to last."""
STOP_SECONDS = 2.0


def is_there(cluster: FullCluster) -> bool:
    """Whether anything of the cluster is on this machine."""
    return cluster.places.folder.exists() or namespace.is_there() or bool(control_groups.there(node.CGROUP))


def check_ours(cluster: FullCluster) -> None:
    """Refuse where the cluster on this machine is another checkout's that still exists."""
    for identity in _in_network() if namespace.is_there() else []:
        other = mark_of(identity)
        if other and other != str(cluster.places.folder) and Path(other).exists():
            raise Refusal(
                f"the rehearsal cluster of {other} is on this machine",
                expected="none, or this checkout's",
                remedy="use that one, or run there: make cluster-down",
            )


def take_down(cluster: FullCluster) -> None:
    """Remove the cluster with what its volumes hold. Call it with the lock held."""
    cluster.processes.stop(node.KUBELET, seconds=STOP_SECONDS)
    control_groups.remove(node.CGROUP)
    for name in (*IN_ORDER, *cluster.processes.names()):
        cluster.processes.stop(name, seconds=STOP_SECONDS if name == node.CONTAINERD else 0)
    cluster.processes.sweep()
    end(_in_network(), seconds=0)
    control_groups.remove(node.CGROUP)
    namespace.remove()
    machine_settings.restore(cluster.settings_file)
    for folder in namespace.NODE_FOLDERS[:2]:
        with contextlib.suppress(OSError):  # there for others, or never there
            folder.rmdir()
    folder = cluster.places.folder
    mounted = mounts_under(folder)
    assert not mounted, f"still mounted: {mounted}"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.rmtree(folder, ignore_errors=True)  # a process that was ending may have written once more


def mounts_under(folder: Path, table: Path = Path("/proc/self/mounts")) -> list[str]:
    """Mount points in a folder: where there are any, nothing may be removed."""
    points = [line.split()[1] for line in table.read_text(encoding="utf-8", errors="replace").splitlines()]
    return [point for point in points if Path(point) == folder or folder in Path(point).parents]


def _in_network() -> list[Identity]:
    """Processes in the cluster's network namespace, whoever started them."""
    try:
        inode = namespace.FILE.stat().st_ino
    except FileNotFoundError:
        return []
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            with contextlib.suppress(OSError):
                if (folder / "ns" / "net").stat().st_ino == inode:
                    identity = identify(int(folder.name))
                    if identity:
                        found.append(identity)
    return found
