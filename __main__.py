"""The Pulumi program: hands the stack's settings to its target."""

from __future__ import annotations

from importlib import import_module

from burst.spec import Target
from stacks import settings
from trainer.refusal import Refusal

DEPLOY = {Target.LOCAL: "stacks.local", Target.KUBERNETES: "stacks.kubernetes"}

try:
    burst = settings.read()
    with settings.with_its_sdk(burst.pool.target):
        deploy = import_module(DEPLOY[burst.pool.target]).deploy
    deploy(burst)
except (Refusal, ExceptionGroup) as refused:
    settings.refuse(refused)
