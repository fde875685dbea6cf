"""`python -m sandbox.providers.gcp [FLAG ...] ENGINE_ADDRESS`: what the engine starts, in a rehearsal alone."""

from __future__ import annotations

import sys
from importlib.metadata import version

from provider.server import serve
from sandbox.cloud.ledger import folder
from sandbox.providers.gcp.plugin import GoogleCloudProvider
from trainer.refusal import Refusal

if __name__ == "__main__":
    try:
        folder()
    except Refusal as refusal:
        sys.exit(f"refused: {refusal}")
    serve(sys.argv[-1], GoogleCloudProvider, version=version("pulumi-gcp"))
