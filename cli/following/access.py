"""From a stack's settings to its cluster's API server, and what is refused on the way: one line each, with a remedy."""

from __future__ import annotations

import importlib
from http import HTTPStatus
from pathlib import Path
from typing import Any

from burst.cluster import ClusterAccess
from cli.following.api import Api, Rejected, Unreachable, Untrusted
from trainer.refusal import Refusal

ROLE = "the Role in docs/stacks/onprem.md"


def connect(access: ClusterAccess) -> Api:
    """The API server of a stack's cluster, not yet asked anything. Refuses what the kubeconfig tells to be hopeless."""
    try:
        config: Any = importlib.import_module("kubernetes.config")
        client: Any = importlib.import_module("kubernetes.client")
    except ImportError:
        raise Refusal(
            "the package kubernetes is not installed", expected="the client of Kubernetes", remedy="make setup EXTRA=kubernetes"
        ) from None

    def make() -> Any:
        settings = client.Configuration()
        settings.retries = False  # what follows a run tries again itself, and says so
        try:
            return config.new_client_from_config(
                config_file=str(Path(access.kubeconfig).expanduser()) if access.kubeconfig else None,
                context=access.context or None,
                persist_config=False,
                client_configuration=settings,
            )
        except (config.ConfigException, OSError, ValueError, TypeError, KeyError, AttributeError) as problem:
            said = " ".join(str(problem).split())
            raise Refusal(
                f"the kubeconfig gives no way into the cluster: {said}",
                expected=f"a kubeconfig with {_context(access)}",
                remedy="kubectl config get-contexts; then correct hepburst:cluster.kubeconfig or .context, or log in",
            ) from None

    return Api(make)


def refusal_of(problem: Unreachable | Rejected, access: ClusterAccess, *, server: str = "") -> Refusal:
    """What a user reads of a cluster that does not let us in."""
    context = _context(access)
    kubectl = f"kubectl{f' --context {access.context}' if access.context else ''}"
    if isinstance(problem, Untrusted):
        return Refusal(
            f"the certificate of {server or 'the cluster'} is not by the authority that the kubeconfig names",
            expected=f"the cluster of {context}",
            remedy="fetch its kubeconfig anew",
        )
    if isinstance(problem, Unreachable):
        return Refusal(
            f"the cluster of {context}{f' at {server}' if server else ''} does not answer: {problem}",
            expected="its API server",
            remedy=f"check network and VPN: {kubectl} cluster-info (the rehearsal cluster: make cluster-up)",
        )
    if problem.status == HTTPStatus.UNAUTHORIZED:
        return Refusal(
            f"the cluster does not accept the credentials of {context}",
            expected="credentials that have not expired",
            remedy=f"log in anew, until `{kubectl} auth whoami` answers",
        )
    if problem.status == HTTPStatus.FORBIDDEN:
        return Refusal(f"not allowed: {problem.said}", expected=f"the rights of {ROLE}", remedy="ask for them")
    return Refusal(
        f"the cluster of {context} answers with an error: {problem}",
        expected="its API server",
        remedy=f"{kubectl} cluster-info",
    )


def no_operator(access: ClusterAccess) -> Refusal:
    """Where the API knows no MPIJob."""
    return Refusal(
        f"the cluster of {_context(access)} knows no MPIJob",
        expected="Kubeflow's MPI Operator in it",
        remedy="set mpi_operator: install in hepburst:cluster, then pulumi up; or ask its administrator",
    )


def _context(access: ClusterAccess) -> str:
    return f"context {access.context}" if access.context else "the current context"
