"""Builds the cluster's binaries from published Go modules; go.mod and go.sum in `modules/` fix every one of them.

A module of its own each where two would need versions that do not go together: so nothing of others' code is patched.
Their custom resource definitions and webhook manifests are copied out of the same modules.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from engine.go_modules import alone, toolchain, was_about_the_network
from engine.progress import CommandFailed, Step
from sandbox.cluster.places import MODULES, binaries

KUBERNETES = "v1.34.0"
_VERSION = "k8s.io/component-base/version"


@dataclass(frozen=True, kw_only=True)
class Module:
    """A folder of `modules/`: packages by the binaries that they become, and folders of manifests by the names they get."""

    name: str
    packages: Mapping[str, str]
    manifests: Mapping[str, tuple[str, str]]
    """Name in our cache to (module, path in it)."""
    stamp: str = ""

    @property
    def is_there(self) -> bool:
        """Whether all of it is in the cache."""
        folder = binaries()
        return all((folder / "bin" / name).exists() for name in self.packages) and all(
            (folder / "manifests" / name).exists() for name in self.manifests
        )


CONTROL_PLANE = Module(
    name="kubernetes",
    packages={
        **{f"kube-{name}": f"k8s.io/kubernetes/cmd/kube-{name}" for name in ("apiserver", "controller-manager", "scheduler")},
        "kubelet": "k8s.io/kubernetes/cmd/kubelet",
        "etcd": "go.etcd.io/etcd/server/v3",
    },
    manifests={},
    stamp=f"-X {_VERSION}.gitVersion={KUBERNETES} -X {_VERSION}.gitMajor=1 -X {_VERSION}.gitMinor=34"
    f" -X {_VERSION}.gitTreeState=clean",
)
MPI_OPERATOR = Module(
    name="mpi_operator",
    packages={"mpi-operator": "github.com/kubeflow/mpi-operator/cmd/mpi-operator"},
    manifests={"mpi-operator": ("github.com/kubeflow/mpi-operator", "manifests/base")},
)
KUEUE = Module(
    name="kueue",
    packages={"kueue": "sigs.k8s.io/kueue/cmd/kueue"},
    manifests={
        "kueue": ("sigs.k8s.io/kueue", "config/components/crd/bases"),
        "kueue-webhooks": ("sigs.k8s.io/kueue", "config/components/webhook"),
    },
)
KWOK = Module(name="kwok", packages={"kwok": "sigs.k8s.io/kwok/cmd/kwok"}, manifests={})
COREDNS = Module(name="coredns", packages={"coredns": "."}, manifests={})


def build(modules: Sequence[Module], step: Step, environ: Mapping[str, str]) -> str:
    """Build what the cache lacks, each module whole or not at all, and say in a few words what was done.

    Safe when two do it at once: the second waits for the first. Raises Refusal with a remedy if it cannot be built.
    """
    folder = binaries()
    folder.mkdir(parents=True, exist_ok=True)
    step.status = "waiting for another that builds them"
    with alone(folder / ".lock"):
        missing = [module for module in modules if not module.is_there]
        if not missing:
            return "are there"
        try:
            with toolchain(step, environ) as (go, env):
                for module in missing:
                    _build(module, folder, go=go, step=step, env=env)
        except CommandFailed as failure:
            why = "could not be fetched" if was_about_the_network(failure) else "could not be built"
            raise failure.refusal(
                f"the cluster's binaries {why} from Go modules",
                expected="a way to the Go module proxy (GOPROXY)",
                remedy="mend that and repeat (what is built is kept), or use a cluster of your own, kind or minikube",
            ) from None
        return f"built: {', '.join(name for module in missing for name in module.packages)}"


def _build(module: Module, folder: Path, *, go: str, step: Step, env: Mapping[str, str]) -> None:
    sources = MODULES / module.name
    partial = folder / f".{module.name}.partial"
    shutil.rmtree(partial, ignore_errors=True)
    (partial / "bin").mkdir(parents=True)
    (partial / "manifests").mkdir()
    step.status = f"{module.name}: fetching modules"
    packages = list(module.packages.values())
    total = len([name for name in step.run([go, "list", "-deps", *packages], cwd=sources, env=env) if "." in name])
    compiled = 0

    def count(line: str) -> str | None:
        nonlocal compiled
        if line.startswith("go: downloading"):
            return f"{module.name}: fetching modules"
        compiled += 1
        return f"{module.name}: compiled {compiled:,} of at most {max(total, compiled):,} packages"

    for name, package in module.packages.items():
        command = [go, "build", "-v", "-trimpath", "-buildvcs=false", "-ldflags", f"-s -w {module.stamp}".strip()]
        step.run([*command, "-o", str(partial / "bin" / name), package], cwd=sources, env=env, status=count)
    for name, (path, inside) in module.manifests.items():
        found = step.run([go, "list", "-m", "-f", "{{.Dir}}", path], cwd=sources, env=env)[-1]
        (partial / "manifests" / name).mkdir()
        for file in (Path(found) / inside).glob("*.yaml"):
            shutil.copyfile(file, partial / "manifests" / name / file.name)
    for kind in ("bin", "manifests"):
        (folder / kind).mkdir(exist_ok=True)
        for made in (partial / kind).iterdir():
            target = folder / kind / made.name
            if target.is_dir():
                shutil.rmtree(target)
            made.rename(target)
    shutil.rmtree(partial)
