"""The Kubeflow MPI Operator and Kueue, run beside the cluster instead of in it: their images cannot be had everywhere."""

from __future__ import annotations

import base64
import http.client
import os
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import yaml

from sandbox.cluster import certificates
from sandbox.cluster.api import Api, Manifest, condition, wait_for
from sandbox.cluster.places import Places
from sandbox.cluster.processes import Program

ESTABLISHED_SECONDS = 30.0
MPI_OPERATOR, KUEUE = "mpi-operator", "kueue"
MPI_NAMESPACE, KUEUE_NAMESPACE = "mpi-operator", "kueue-system"
KUEUE_CERTIFICATES = "/etc/kueue/metrics/certs"
"""Kueue looks for the certificate of its metrics there, even where it serves none."""
_WEBHOOKS_KEPT = ("batch-v1-job", "kubeflow-org-v2beta1-mpijob", "kueue-x-k8s-io")


def install_mpi_operator(api: Api, binaries: Path) -> None:
    """Its custom resource, and the namespace that it keeps its lease in."""
    _install_crds(api, binaries / "manifests" / "mpi-operator")
    api.apply(_namespace(MPI_NAMESPACE))


def mpi_operator(places: Places, binaries: Path, *, within: tuple[str, ...] = (), reaches: str = "") -> Program:
    """The operator. It ends where it cannot renew its lease, and is started again then, as a kubelet would.

    With `reaches` (HOST:PORT of the API server) it gets a network namespace of its own: its health port is 8080, always.
    """
    door = (sys.executable, "-m", "sandbox.cluster.own_network", reaches) if reaches else ()
    command = (
        *door,
        str(binaries / "bin" / MPI_OPERATOR),
        f"--kubeConfig={places.inner_kubeconfig}",
        f"--lock-namespace={MPI_NAMESPACE}",
        "--kube-api-qps=200",
        "--kube-api-burst=400",
        "--threadiness=4",
        "-v=2",
    )
    return Program(name=MPI_OPERATOR, command=command, within=within, memory_mb=150, restarts=True)


def install_kueue(api: Api, binaries: Path) -> None:
    """Its custom resources and its namespace."""
    _install_crds(api, binaries / "manifests" / "kueue")
    api.apply(_namespace(KUEUE_NAMESPACE))


def kueue(places: Places, binaries: Path, *, host: str, port: int, health_port: int, within: tuple[str, ...] = ()) -> Program:
    """Kueue with its webhooks on `host`:`port`; it knows batch Jobs and MPIJobs, and manages those alone that name a queue."""
    folder = places.folder / KUEUE
    folder.mkdir(parents=True, exist_ok=True)
    certificates.issue(places.keys, "webhooks", subject="/CN=kueue", hosts=[f"IP:{host}"])
    overlay = folder / "etc"
    for target in (folder / "certificates", overlay / Path(KUEUE_CERTIFICATES).relative_to("/etc")):
        target.mkdir(parents=True, exist_ok=True)
        for kind in ("crt", "key"):
            if not (target / f"tls.{kind}").exists():  # Kueue watches them: they are not touched under its hands
                (target / f"tls.{kind}").touch(mode=0o600)
                (target / f"tls.{kind}").write_bytes((places.keys / f"webhooks.{kind}").read_bytes())
    config = _kueue_config(host=host, port=port, health_port=health_port, certificates=folder / "certificates")
    (folder / "config.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")
    # A private /etc with those certificates on top: the machine's own stays as it is.
    private = 'mount -t overlay overlay -o "lowerdir=$0:/etc" /etc && exec "$@"'
    command = (
        *("unshare", "--mount", *(("--map-root-user",) if os.geteuid() else ()), "sh", "-c", private, str(overlay)),
        str(binaries / "bin" / KUEUE),
        f"--config={folder / 'config.yaml'}",
        f"--kubeconfig={places.inner_kubeconfig}",
        "--feature-gates=VisibilityOnDemand=false",
    )
    return Program(name=KUEUE, command=command, within=within, memory_mb=200, restarts=True)


def _kueue_config(*, host: str, port: int, health_port: int, certificates: Path) -> Manifest:
    many, few = 10, 1
    return {
        "apiVersion": "config.kueue.x-k8s.io/v1beta1",
        "kind": "Configuration",
        "namespace": KUEUE_NAMESPACE,
        "manageJobsWithoutQueueName": False,
        "health": {"healthProbeBindAddress": f"127.0.0.1:{health_port}"},
        "metrics": {"bindAddress": "0"},
        "webhook": {"host": host, "port": port, "certDir": str(certificates)},
        "leaderElection": {"leaderElect": False},
        "internalCertManagement": {"enable": False},
        "controller": {
            "groupKindConcurrency": {
                "Job.batch": many,
                "Workload.kueue.x-k8s.io": many,
                **{f"{kind}.kueue.x-k8s.io": few for kind in ("LocalQueue", "ClusterQueue", "ResourceFlavor")},
            }
        },
        "clientConnection": {"qps": 500, "burst": 1000},
        "integrations": {"frameworks": ["batch/job", "kubeflow.org/mpijob"]},
    }


def kueue_answers(health_port: int) -> bool:
    """Whether Kueue says that it is ready. Asked on this thread's side of any namespace."""
    connection = http.client.HTTPConnection("127.0.0.1", health_port, timeout=2)
    try:
        connection.request("GET", "/readyz")
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def apply_webhooks(api: Api, places: Places, binaries: Path, *, host: str, port: int) -> None:
    """Let the API server call Kueue's webhooks; only once it serves, as what they guard cannot be created without them."""
    authority = base64.b64encode((places.keys / "ca.crt").read_bytes()).decode()
    for manifest in _read(binaries / "manifests" / "kueue-webhooks" / "manifests.yaml"):
        api.apply(rewritten(manifest, url=f"https://{host}:{port}", authority=authority))


def rewritten(manifest: Manifest, *, url: str, authority: str) -> Manifest:
    """A webhook configuration of Kueue's that calls `url` instead of a service, for what Kueue manages here and no more."""
    kept: list[dict[str, Any]] = []
    for webhook in manifest["webhooks"]:
        path = webhook["clientConfig"]["service"]["path"]
        if any(part in path for part in _WEBHOOKS_KEPT):
            kept.append({**webhook, "clientConfig": {"url": url + path, "caBundle": authority}})
    return {**manifest, "metadata": {"name": f"kueue-{manifest['metadata']['name']}"}, "webhooks": kept}


def _install_crds(api: Api, folder: Path) -> None:
    names = []
    for file in sorted(folder.glob("*.yaml")):
        for manifest in _read(file):
            if manifest.get("kind") == "CustomResourceDefinition":
                path = api.path(manifest)
                names.append(path)
                if not _is_established(api, path):
                    api.apply(manifest)
    for path in names:
        is_established = partial(_is_established, api, path)
        wait_for(f"custom resource {Path(path).name}", is_established, seconds=ESTABLISHED_SECONDS)


def _is_established(api: Api, path: str) -> bool:
    return condition(api.get(path), "Established") == "True"


def _read(file: Path) -> Iterator[Manifest]:
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # the definitions are long, and the one in C ten times as fast
    yield from (manifest for manifest in yaml.load_all(file.read_text(encoding="utf-8"), loader) if manifest)


def _namespace(name: str) -> Manifest:
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
