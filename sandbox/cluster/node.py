"""The one node: containerd, kubelet and the DNS server that pods ask."""

from __future__ import annotations

import json
import socket
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml

from sandbox.cluster import namespace
from sandbox.cluster.places import Places
from sandbox.cluster.processes import Program

NODE = "rehearsal-node"
CONTAINERD, KUBELET, COREDNS = "containerd", "kubelet", "coredns"
POD_NETWORK = "10.244.0.0/24"
CGROUP = "hepburst-rehearsal"
"""The control group that holds every pod, so that whatever runs in one is found."""
DNS_DOMAIN = "cluster.local"
SOCKET = "/run/containerd/containerd.sock"


@dataclass(frozen=True, kw_only=True)
class Mounts:
    """Folders of this machine by the paths at which every container sees them, read-only, in the order of mounting."""

    sources: Mapping[str, Path]

    def as_oci(self) -> list[dict[str, object]]:
        """As a runtime's specification has them."""
        options = ["rbind", "ro", "nosuid", "nodev"]
        return [
            {"destination": path, "type": "bind", "source": str(source), "options": options}
            for path, source in self.sources.items()
        ]


def programs_on_path(packages: Path) -> dict[str, str]:
    """The environment in which containerd finds its shim and runc, and kubelet what it calls."""
    folders = [packages / "usr" / "bin", packages / "usr" / "sbin", *map(Path, ("/usr/sbin", "/usr/bin", "/sbin", "/bin"))]
    return {"PATH": ":".join(map(str, folders))}


def containerd_answers(holder_pid: int) -> bool:
    """Whether containerd takes connections at its socket, which lies in the node's mount namespace."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as sock:
        try:
            sock.connect(f"/proc/{holder_pid}/root{SOCKET}")
        except OSError:
            return False
    return True


def containerd(places: Places, packages: Path, mounts: Mounts, *, pause_image: str, within: tuple[str, ...]) -> Program:
    """containerd with a bridge for pods; what its containers are based on has `mounts` in it."""
    folder = places.node
    (folder / "cni").mkdir(parents=True, exist_ok=True)
    (folder / "cni" / "10-bridge.conflist").write_text(json.dumps(_network(folder)), encoding="ascii")
    (folder / "base.json").write_text(json.dumps(_base_specification(packages, mounts)), encoding="utf-8")
    (folder / "containerd.toml").write_text(_containerd_config(places, packages, pause_image), encoding="utf-8")
    command = (str(packages / "usr" / "bin" / CONTAINERD), "--config", str(folder / "containerd.toml"))
    return Program(name=CONTAINERD, command=command, within=within, environment=programs_on_path(packages), memory_mb=200)


def _base_specification(packages: Path, mounts: Mounts) -> dict[str, object]:
    """containerd's own default with our mounts; limits of open files and the like are those of containerd itself."""
    command = [str(packages / "usr" / "bin" / "ctr"), "oci", "spec"]
    base: dict[str, object] = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    process, listed = base["process"], base["mounts"]
    assert isinstance(process, dict)
    assert isinstance(listed, list)
    process.pop("rlimits", None)
    return {**base, "mounts": [*listed, *mounts.as_oci()]}


def _network(folder: Path) -> dict[str, object]:
    ranges = [[{"subnet": POD_NETWORK}]]
    addresses = {"type": "host-local", "dataDir": str(folder / "addresses"), "ranges": ranges, "routes": [{"dst": "0.0.0.0/0"}]}
    bridge = {"type": "bridge", "bridge": "cni0", "isGateway": True, "hairpinMode": True, "ipam": addresses}
    return {"cniVersion": "0.4.0", "name": "rehearsal", "plugins": [bridge]}


def _containerd_config(places: Places, packages: Path, pause_image: str) -> str:
    folder = places.node
    return f"""version = 2
root = "{folder / "containerd"}"
state = "/run/containerd/state"
oom_score = 0
[grpc]
  address = "{SOCKET}"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "{pause_image}"
  restrict_oom_score_adj = true
  disable_apparmor = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "{packages / "usr" / "lib" / "cni"}"
    conf_dir = "{folder / "cni"}"
  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = "overlayfs"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
      runtime_type = "io.containerd.runc.v2"
      base_runtime_spec = "{folder / "base.json"}"
"""


def kubelet(places: Places, packages: Path, binaries: Path, *, within: tuple[str, ...]) -> Program:
    """kubelet, as the notes of its options say, on a machine that may have control groups of either version."""
    folder = places.node
    for name in ("manifests", "pods-logs", "plugins"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    (folder / "resolv.conf").write_text("", encoding="ascii")
    (folder / "kubelet.yaml").write_text(yaml.safe_dump(_kubelet_config(places)), encoding="utf-8")
    command = (
        str(binaries / "bin" / KUBELET),
        f"--config={folder / 'kubelet.yaml'}",
        f"--kubeconfig={places.inner_kubeconfig}",
        f"--root-dir={folder / 'kubelet'}",
        f"--cert-dir={folder / 'kubelet-keys'}",
        f"--node-ip={namespace.ADDRESS}",
        f"--hostname-override={NODE}",
        "-v=2",
    )
    return Program(name=KUBELET, command=command, within=within, environment=programs_on_path(packages), memory_mb=250)


def _kubelet_config(places: Places) -> dict[str, object]:
    folder = places.node
    return {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "containerRuntimeEndpoint": f"unix://{SOCKET}",
        "cgroupDriver": "cgroupfs",
        "cgroupRoot": f"/{CGROUP}",
        "cgroupsPerQOS": True,
        "enforceNodeAllocatable": [],
        "failSwapOn": False,
        "failCgroupV1": False,
        "oomScoreAdj": 0,
        "makeIPTablesUtilChains": False,
        "authentication": {
            "anonymous": {"enabled": False},
            "webhook": {"enabled": False},
            "x509": {"clientCAFile": str(places.keys / "ca.crt")},
        },
        "authorization": {"mode": "AlwaysAllow"},
        "address": namespace.ADDRESS,
        "healthzBindAddress": "127.0.0.1",
        "clusterDNS": [namespace.ADDRESS],
        "clusterDomain": DNS_DOMAIN,
        "resolvConf": str(folder / "resolv.conf"),
        "imageGCHighThresholdPercent": 100,
        "evictionHard": {"memory.available": "100Mi"},
        "podLogsDir": str(folder / "pods-logs"),
        "volumePluginDir": str(folder / "plugins"),
        "nodeStatusUpdateFrequency": "10s",
        "syncFrequency": "10s",
        "serializeImagePulls": False,
    }


def coredns(places: Places, binaries: Path, *, within: tuple[str, ...]) -> Program:
    """The DNS of pods and headless services."""
    corefile = places.folder / "Corefile"
    corefile.write_text(
        f".:53 {{\n  errors\n  ready 127.0.0.1:8181\n  kubernetes {DNS_DOMAIN} {{\n"
        f"    kubeconfig {places.inner_kubeconfig}\n    pods insecure\n    ttl 1\n  }}\n}}\n",
        encoding="utf-8",
    )
    command = (str(binaries / "bin" / COREDNS), "-conf", str(corefile))
    return Program(name=COREDNS, command=command, within=within, memory_mb=60, restarts=True)
