"""The Pulumi program: hands the stack's settings to its target."""

from __future__ import annotations

from importlib import import_module

from stacks import settings
from stacks.sections import Deployed
from trainer.refusal import Refusal

DEPLOY = {
    Deployed.LOCAL: "stacks.local",
    Deployed.KUBERNETES: "stacks.kubernetes",
    Deployed.GKE: "stacks.gke",
    Deployed.GCP_BASE: "stacks.gcp_base",
}

try:
    target = settings.target()
    described = settings.read_base() if target is Deployed.GCP_BASE else settings.read()
    with settings.with_its_sdk(target):
        deploy = import_module(DEPLOY[target]).deploy
    deploy(described)
except (Refusal, ExceptionGroup) as refused:
    settings.refuse(refused)
