"""The provider's own settings: which cluster, and how."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from provider.values import UNKNOWN
from sandbox.providers.kubernetes.cluster import Access
from trainer.refusal import Refusal

_SWITCHES = {
    "deleteUnreachable": "PULUMI_K8S_DELETE_UNREACHABLE",
    "enablePatchForce": "PULUMI_K8S_ENABLE_PATCH_FORCE",
    "upsertExistingObjects": "PULUMI_K8S_UPSERT_EXISTING_OBJECTS",
}
_IGNORED = ("enableServerSideApply", "suppressDeprecationWarnings", "suppressHelmHookWarnings", "clusterIdentifier", "version")


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """As a stack's `kubernetes.Provider` or its configuration `kubernetes:...` gives them."""

    access: Access = field(default_factory=Access)
    namespace: str = ""
    is_known: bool = True
    """False in a preview in which the kubeconfig is yet to be made."""
    deletes_unreachable: bool = False
    adopts_existing: bool = False
    forces: bool = False


def read(values: Mapping[str, Any], environ: Mapping[str, str] = os.environ) -> Settings:
    """Settings from the provider's properties, by their names there. Raises Refusal for what the stand-in cannot do.

    >>> read({"namespace": "hepburst", "upsertExistingObjects": "true"}, {}).adopts_existing
    True
    """
    known = {"kubeconfig", "context", "namespace", *_SWITCHES, *_IGNORED}
    asked = {name: value for name, value in values.items() if value not in (None, "", False, "false")}
    if str(values.get("enableServerSideApply", "true")).lower() == "false":
        asked["enableServerSideApply=false"] = True
    for name in asked:
        if name not in known:
            raise Refusal(
                f"the provider's setting {name}",
                expected=f"one of {', '.join(sorted(known))}, for this is the stand-in of Pulumi's Kubernetes plugin",
                remedy="leave it out, or use the official plugin",
            )
    switches = {name for name, variable in _SWITCHES.items() if _is_on(values.get(name) or environ.get(variable))}
    return Settings(
        access=Access(
            kubeconfig=str(values.get("kubeconfig") or ""),
            context=str(values.get("context") or ""),
        ),
        namespace=str(values.get("namespace") or ""),
        is_known=UNKNOWN not in (values.get("kubeconfig"), values.get("context")),
        deletes_unreachable="deleteUnreachable" in switches,
        adopts_existing="upsertExistingObjects" in switches,
        forces="enablePatchForce" in switches,
    )


def _is_on(value: Any) -> bool:
    return str(value).lower() in ("true", "1")
