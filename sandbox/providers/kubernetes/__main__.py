"""`python -m sandbox.providers.kubernetes [FLAG ...] ENGINE_ADDRESS`: what the engine starts."""

from __future__ import annotations

import sys
from importlib.metadata import version

from provider.server import serve
from sandbox.providers.kubernetes.plugin import KubernetesProvider

if __name__ == "__main__":
    serve(sys.argv[-1], KubernetesProvider, version=version("pulumi-kubernetes"))
