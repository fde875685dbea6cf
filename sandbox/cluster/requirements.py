"""What a machine must have for the full cluster, told before anything is made."""

from __future__ import annotations

import os
import platform
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

from engine import machine
from engine.machine import Room
from engine.places import PROJECT, cache
from engine.setup import Refusals
from trainer.refusal import Refusal

ELSEWHERE = (
    "use a cluster of your own, or make one with kind (https://kind.sigs.k8s.io) or minikube"
    " (https://minikube.sigs.k8s.io), and name its kubeconfig in hepburst:cluster; for scheduling alone: up --light"
)
TOOLS = ("apt-get", "dpkg-deb", "bash", "tar", "ip", "nsenter", "unshare", "sysctl", "mount", "openssl", "ldconfig")
DEBIAN = "12"
FREE_MEMORY_GB = 4.0
"""1 GB for the cluster, the rest for two pods that train."""
FREE_DISK_GB = 2.0
BUILD_DISK_GB = 6.0
"""Go's caches after all modules were built, and the binaries."""


def check_full(environ: Mapping[str, str], *, builds: bool) -> None:
    """Refuse a machine that cannot hold the full cluster, with all that it lacks at once."""
    if platform.system() != "Linux":
        raise Refusal(f"this is {platform.system()}", expected="Linux", remedy=ELSEWHERE)
    found = [*_debian(Path("/etc/os-release")), *missing_tools(TOOLS, environ)]
    found += _memory(available_memory_gb())
    rooms = [Room(PROJECT, FREE_DISK_GB), *([Room(cache(), BUILD_DISK_GB)] if builds else [])]
    found += machine.room_problems(rooms)
    if found:
        raise Refusals(found)


def missing_tools(tools: Sequence[str], environ: Mapping[str, str]) -> list[Refusal]:
    """A refusal for each tool that is not on the machine."""
    path = f"{environ.get('PATH', '')}:/usr/sbin:/sbin"
    return [
        Refusal(f"there is no {name}", expected=f"{name} on PATH", remedy=f"install it, or {ELSEWHERE}")
        for name in tools
        if not shutil.which(name, path=path)
    ]


def _debian(release: Path) -> list[Refusal]:
    """The node's programs are Debian 12's, and the image's Python runs what this machine's has compiled."""
    values = {}
    if release.exists():
        lines = release.read_text(encoding="utf-8").splitlines()
        values = dict(line.split("=", 1) for line in lines if "=" in line)
    name, number = values.get("ID", "").strip('"'), values.get("VERSION_ID", "").strip('"')
    if (name, number) == ("debian", DEBIAN):
        return []
    told = values.get("PRETTY_NAME", "an unknown system").strip('"')
    return [Refusal(f"this is {told}", expected=f"Debian {DEBIAN}", remedy=ELSEWHERE)]


def check_root() -> None:
    """Refuse whoever is not root."""
    if platform.system() == "Linux" and os.geteuid():
        got = f"this is user {os.geteuid()}"
        raise Refusal(got, expected="root, for a kubelet and its namespaces", remedy=f"run it as root (sudo), or {ELSEWHERE}")


def available_memory_gb(table: Path = Path("/proc/meminfo")) -> float:
    """Memory that programs can still have."""
    line = next(line for line in table.read_text(encoding="ascii").splitlines() if line.startswith("MemAvailable"))
    return int(line.split()[1]) * 1024 / 1e9


def _memory(gigabytes: float) -> list[Refusal]:
    if gigabytes >= FREE_MEMORY_GB:
        return []
    got = f"{gigabytes:.1f} GB of memory are free"
    return [Refusal(got, expected=f"{FREE_MEMORY_GB:.0f} GB", remedy=f"end what is not needed, or {ELSEWHERE}")]
