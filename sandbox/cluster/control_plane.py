"""etcd, API server, controller manager and scheduler: the same for a cluster with a kubelet and for a simulated one."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from sandbox.cluster import certificates, kubeconfig
from sandbox.cluster.places import Places
from sandbox.cluster.processes import Program

SERVICE_ADDRESS = "10.96.0.1"
"""The first of the service addresses: where a pod looks for the API server."""
SERVICE_NETWORK = "10.96.0.0/16"
ETCD, API_SERVER, CONTROLLER_MANAGER, SCHEDULER = "etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler"


@dataclass(frozen=True, kw_only=True)
class Addresses:
    """Where the control plane listens, and where users find it."""

    api_host: str
    api_port: int
    etcd_port: int
    etcd_peer_port: int
    users_server: str
    has_service_address: bool
    """Whether pods reach the API server at `SERVICE_ADDRESS`; where pods are simulated, nobody asks."""

    @property
    def api_server(self) -> str:
        """The API server's URL for the cluster's own components."""
        return f"https://{self.api_host}:{self.api_port}"


def make_keys(places: Places, addresses: Addresses) -> None:
    """Certificates, the token, the kubeconfigs; what is there stays."""
    keys = places.keys
    certificates.make_authority(keys)
    hosts = ["localhost", "kubernetes", "kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc.cluster.local"]
    numbers = dict.fromkeys(("127.0.0.1", addresses.api_host, SERVICE_ADDRESS))
    names = [*(f"DNS:{host}" for host in hosts), *(f"IP:{number}" for number in numbers)]
    certificates.issue(keys, "apiserver", subject="/CN=kube-apiserver", hosts=names)
    certificates.issue(keys, "accounts", subject="/CN=service-accounts")
    certificates.issue(keys, "kubelet-client", subject="/O=system:masters/CN=kube-apiserver-kubelet-client")
    token = certificates.token(keys)
    authority = keys / "ca.crt"
    kubeconfig.write(places.inner_kubeconfig, server=addresses.api_server, authority=authority, token=token)
    kubeconfig.write(places.kubeconfig, server=addresses.users_server, authority=authority, token=token)


def programs(places: Places, addresses: Addresses, *, binaries: Path, within: tuple[str, ...] = ()) -> list[Program]:
    """The four programs in the order in which they start."""
    return [
        Program(name=ETCD, command=_etcd(places, addresses, binaries), within=within, memory_mb=500),
        Program(name=API_SERVER, command=_api_server(places, addresses, binaries), within=within, memory_mb=1200),
        Program(name=CONTROLLER_MANAGER, command=_controller_manager(places, binaries), within=within, memory_mb=400),
        Program(name=SCHEDULER, command=_scheduler(places, binaries), within=within, memory_mb=300),
    ]


def _etcd(places: Places, addresses: Addresses, binaries: Path) -> tuple[str, ...]:
    client, peer = f"http://127.0.0.1:{addresses.etcd_port}", f"http://127.0.0.1:{addresses.etcd_peer_port}"
    return (
        str(binaries / "bin" / ETCD),
        f"--data-dir={places.folder / 'etcd'}",
        "--unsafe-no-fsync",  # a rehearsal outlives no power cut
        f"--listen-client-urls={client}",
        f"--advertise-client-urls={client}",
        f"--listen-peer-urls={peer}",
        f"--initial-advertise-peer-urls={peer}",
        f"--initial-cluster=default={peer}",
        "--quota-backend-bytes=4294967296",
        "--log-level=warn",
    )


def _api_server(places: Places, addresses: Addresses, binaries: Path) -> tuple[str, ...]:
    keys = places.keys
    endpoints = () if addresses.has_service_address else ("--endpoint-reconciler-type=none",)
    return (
        str(binaries / "bin" / API_SERVER),
        f"--etcd-servers=http://127.0.0.1:{addresses.etcd_port}",
        f"--bind-address={'0.0.0.0' if addresses.has_service_address else addresses.api_host}",  # noqa: S104 - of a namespace
        # The API server takes no loopback address here; where nobody asks for the service, any other will do.
        f"--advertise-address={addresses.api_host if addresses.has_service_address else SERVICE_ADDRESS}",
        *endpoints,
        f"--secure-port={addresses.api_port}",
        f"--tls-cert-file={keys / 'apiserver.crt'}",
        f"--tls-private-key-file={keys / 'apiserver.key'}",
        f"--cert-dir={keys}",
        f"--token-auth-file={keys / 'tokens.csv'}",
        "--authorization-mode=RBAC",
        f"--service-account-key-file={keys / 'accounts.crt'}",
        f"--service-account-signing-key-file={keys / 'accounts.key'}",
        "--service-account-issuer=https://kubernetes.default.svc",
        f"--service-cluster-ip-range={SERVICE_NETWORK}",
        f"--kubelet-client-certificate={keys / 'kubelet-client.crt'}",
        f"--kubelet-client-key={keys / 'kubelet-client.key'}",
        "--kubelet-preferred-address-types=InternalIP",
        "--allow-privileged=true",
        "--max-requests-inflight=2000",
        "--max-mutating-requests-inflight=1000",
        "--profiling=false",
    )


def _controller_manager(places: Places, binaries: Path) -> tuple[str, ...]:
    return (
        str(binaries / "bin" / CONTROLLER_MANAGER),
        f"--kubeconfig={places.inner_kubeconfig}",
        f"--service-account-private-key-file={places.keys / 'accounts.key'}",
        f"--root-ca-file={places.keys / 'ca.crt'}",
        "--use-service-account-credentials=false",
        "--leader-elect=false",
        "--kube-api-qps=500",
        "--kube-api-burst=1000",
        "--concurrent-job-syncs=20",
        "--secure-port=0",  # nobody asks it, and several clusters may run at once
        "--profiling=false",
    )


def _scheduler(places: Places, binaries: Path) -> tuple[str, ...]:
    return (
        str(binaries / "bin" / SCHEDULER),
        f"--kubeconfig={places.inner_kubeconfig}",
        "--leader-elect=false",
        "--kube-api-qps=1000",
        "--kube-api-burst=2000",
        "--secure-port=0",
        "--profiling=false",
    )
