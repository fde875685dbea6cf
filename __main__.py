"""The Pulumi program: hands the stack's settings to its target."""

from __future__ import annotations

from burst.spec import Target
from stacks import local, settings

DEPLOY = {Target.LOCAL: local.deploy}

burst = settings.read()
DEPLOY[burst.pool.target](burst)
