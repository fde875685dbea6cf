"""Where the rehearsal cluster lies: its folder in the project, and its binaries in the user's cache."""

from __future__ import annotations

import hashlib
import platform
from dataclasses import dataclass
from pathlib import Path

from engine.places import PROJECT, REHEARSAL, cache

MODULES = PROJECT / "sandbox" / "cluster" / "modules"
CONTEXT = "rehearsal"
"""The name of the kubeconfig's one context, and of the storage class."""


FULL = REHEARSAL
"""The full cluster's folder. There is one such cluster on a machine, as there is one network namespace of its name."""


@dataclass(frozen=True, kw_only=True)
class Places:
    """The folder of one cluster, full or light, and the names in it."""

    folder: Path

    @property
    def kubeconfig(self) -> Path:
        """For users: the API server by its address on the host."""
        return self.folder / "kubeconfig"

    @property
    def image(self) -> Path:
        """One line: the trainer image's reference with its digest."""
        return self.folder / "image"

    @property
    def logs(self) -> Path:
        """One file a component."""
        return self.folder / "logs"

    @property
    def processes(self) -> Path:
        """One record a component that was started."""
        return self.folder / "processes"

    @property
    def keys(self) -> Path:
        """Certificates, keys and the token. For their owner alone."""
        return self.folder / "keys"

    @property
    def inner_kubeconfig(self) -> Path:
        """For the cluster's own components: the API server by its address in the network namespace."""
        return self.keys / "kubeconfig"

    @property
    def volumes(self) -> Path:
        """What claims of the storage class `rehearsal` hold, one folder a claim."""
        return self.folder / "volumes"

    @property
    def node(self) -> Path:
        """What kubelet, containerd and the registry write."""
        return self.folder / "node"

    @property
    def lock(self) -> Path:
        """Held by whoever changes the cluster. It lies beside the folder, which goes away with the cluster."""
        return self.folder.with_name(f".{self.folder.name}.lock")


def binaries() -> Path:
    """The cache folder of what is made of `modules/`: `bin` and `manifests`."""
    return cache() / "cluster" / modules_digest()


def modules_digest(folder: Path = MODULES) -> str:
    """Twelve hexadecimal digits over what the binaries are made of: the locked modules, our sources, the kind of machine."""
    digest = hashlib.sha256(f"{platform.system()} {platform.machine()}\n".encode())
    for file in sorted(folder.rglob("*")):
        if file.suffix in (".mod", ".sum", ".go"):
            content = file.read_bytes()
            digest.update(f"{file.relative_to(folder)} {len(content)}\n".encode() + content)
    return digest.hexdigest()[:12]
