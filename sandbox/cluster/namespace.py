"""The network namespace that the whole cluster lives in, and a mount namespace for its node.

One network namespace with one address on a veth pair: nothing of the machine's own network changes, and all of it is gone
with the namespace. The node's mounts lie in a mount namespace that ends with its last process: nothing is left mounted.
"""

from __future__ import annotations

import contextlib
import subprocess
from pathlib import Path

from sandbox.cluster.processes import Program

NAME = "hepburst-rehearsal"
FILE = Path("/run/netns") / NAME
ADDRESS = "10.99.0.1"
DEVICE, PEER = "eth0", "eth0-peer"
HOLDER = "namespace"
NODE_FOLDERS = (Path("/run/containerd"), Path("/var/lib/kubelet"), Path("/run/netns"), Path("/var/log"))
"""Paths that node programs write to whatever they are told: temporary file systems, seen by them alone, cover these."""


def is_there() -> bool:
    """Whether the network namespace exists."""
    return NAME in _ip("netns", "list").split()


def make(service_address: str) -> None:
    """Make the network namespace with its address, or what of it is missing."""
    if not is_there():
        _ip("netns", "add", NAME)
    links = _ip("-n", NAME, "-brief", "link")
    _ip("-n", NAME, "link", "set", "lo", "up")
    if DEVICE not in links:
        _ip("-n", NAME, "link", "add", DEVICE, "type", "veth", "peer", "name", PEER)
    _ip("-n", NAME, "address", "replace", f"{ADDRESS}/24", "dev", DEVICE)
    # Where pods look for the API server; there is no proxy that would lead them.
    _ip("-n", NAME, "address", "replace", f"{service_address}/32", "dev", "lo")
    _ip("-n", NAME, "link", "set", DEVICE, "up")
    _ip("-n", NAME, "link", "set", PEER, "up")
    _ip("-n", NAME, "route", "replace", "default", "dev", DEVICE)
    # Not `ip netns exec`: it mounts /sys anew, and control groups are out of sight then.
    subprocess.run([*in_network(), "sysctl", "--quiet", "--write", "net.ipv4.ip_forward=1"], check=True)


def remove() -> None:
    """Remove the network namespace, with its links; its processes must have ended."""
    if is_there():
        _ip("netns", "delete", NAME)
    if FILE.parent.is_dir() and not any(FILE.parent.iterdir()):  # `ip` mounts it, and does so again when it is needed
        subprocess.run(["umount", "--quiet", str(FILE.parent)], check=False, capture_output=True)
        with contextlib.suppress(OSError):
            FILE.parent.rmdir()


def in_network() -> tuple[str, ...]:
    """In front of a command: runs it in the network namespace."""
    return ("nsenter", f"--net={FILE}", "--")


def in_node(holder_pid: int) -> tuple[str, ...]:
    """In front of a command: runs it in both namespaces, the mounts' being that of the holder."""
    return ("nsenter", f"--net={FILE}", f"--mount=/proc/{holder_pid}/ns/mnt", "--")


def holder() -> Program:
    """A process that does nothing but keep the node's mount namespace."""
    mounts = " && ".join(f"mount -t tmpfs -o mode=755 tmpfs {folder}" for folder in NODE_FOLDERS)
    # `slave`: what the user mounts later is seen in there, nothing of there is seen outside.
    command = ("unshare", "--mount", "--propagation", "slave", "sh", "-c", f"{mounts} && exec sleep infinity")
    return Program(name=HOLDER, command=command, within=in_network())


def _ip(*words: str) -> str:
    return subprocess.run(["ip", *words], check=True, capture_output=True, text=True).stdout
