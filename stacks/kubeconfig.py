"""Whether a cluster can be reached as the settings say, as far as the kubeconfig alone tells."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import yaml

from burst.cluster import ClusterAccess
from trainer.refusal import Refusal, closest

DEFAULT = "~/.kube/config"


def check(access: ClusterAccess) -> None:
    """Refuse a kubeconfig that is missing or damaged, and a context that it does not have."""
    for file in files_of(access):
        if not file.is_file():
            raise Refusal(
                f"there is no kubeconfig {file}",
                expected="the file by which kubectl reaches the cluster",
                remedy="set hepburst:cluster.kubeconfig, or make the rehearsal cluster: make cluster-up",
            )
    contexts = [name for file in files_of(access) for name in _contexts(file)]
    if access.context and access.context not in contexts:
        raise Refusal(
            f"hepburst:cluster.context is {access.context!r}{closest(access.context, contexts)}",
            expected=" or ".join(contexts) or "a context; the kubeconfig has none",
            remedy="kubectl config get-contexts",
        )


def files_of(access: ClusterAccess) -> list[Path]:
    """The kubeconfig of the settings, else the files that KUBECONFIG names, else `DEFAULT`."""
    if access.kubeconfig:
        return [Path(access.kubeconfig).expanduser()]
    named = [Path(name).expanduser() for name in os.environ.get("KUBECONFIG", "").split(os.pathsep) if name]
    return named or [Path(DEFAULT).expanduser()]


def _contexts(file: Path) -> list[str]:
    try:
        content: Any = yaml.safe_load(file.read_text(encoding="utf-8"))
        return [str(each["name"]) for each in content.get("contexts") or ()]
    except (OSError, UnicodeDecodeError, yaml.YAMLError, AttributeError, KeyError, TypeError) as problem:
        said = " ".join(str(problem).split())
        raise Refusal(f"{file}: {said}", expected="a kubeconfig", remedy="correct the file, or name another") from None
