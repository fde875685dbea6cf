"""The Pulumi program: hands the stack's settings to its target."""

from __future__ import annotations

from burst.spec import Target
from stacks import local, settings
from trainer.refusal import Refusal

DEPLOY = {Target.LOCAL: local.deploy}

try:
    burst = settings.read()
    DEPLOY[burst.pool.target](burst)
except (Refusal, ExceptionGroup) as refused:
    settings.refuse(refused)
