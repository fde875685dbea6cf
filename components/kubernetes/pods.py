"""What all pods of a burst have in common: labels, and the security that Kubernetes' standard `restricted` asks for."""

from __future__ import annotations

from typing import Any

UID = 1000
"""Of `mpiuser` in the trainer image."""
NAME_LABEL, INSTANCE_LABEL = "app.kubernetes.io/name", "app.kubernetes.io/instance"
RUN_LABEL, LINEAGE_LABEL = "hepburst.io/run-id", "hepburst.io/lineage-id"


def labels(stack: str) -> dict[str, str]:
    """On everything that a stack makes, so that `kubectl get all -l app.kubernetes.io/instance=STACK` shows it."""
    return {NAME_LABEL: "hepburst", INSTANCE_LABEL: stack}


def pod_security() -> dict[str, Any]:
    """`securityContext` of a pod: the image's user, whose group owns the volumes, and the runtime's own system call filter."""
    return {
        "runAsNonRoot": True,
        "runAsUser": UID,
        "runAsGroup": UID,
        "fsGroup": UID,
        "fsGroupChangePolicy": "OnRootMismatch",  # a volume of many files is not gone through at each start
        "seccompProfile": {"type": "RuntimeDefault"},
    }


def container_security() -> dict[str, Any]:
    """`securityContext` of a container: no way to more rights, nothing to write but its volumes."""
    return {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}, "readOnlyRootFilesystem": True}


def cpus(number: float) -> str:
    """A quantity of CPUs, in thousandths.

    >>> cpus(0.9), cpus(4)
    ('900m', '4')
    """
    return f"{number:.0f}" if number == int(number) else f"{round(number * 1000)}m"


def gibibytes(number: float) -> str:
    """A quantity of memory or disk.

    >>> gibibytes(4), gibibytes(0.5)
    ('4Gi', '512Mi')
    """
    return f"{number:.0f}Gi" if number == int(number) else f"{round(number * 1024)}Mi"
