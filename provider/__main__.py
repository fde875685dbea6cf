"""`python -m provider [FLAG ...] ENGINE_ADDRESS`: what the engine starts; with --logflow it passes its flags for logs on."""

from __future__ import annotations

import sys

from provider.plugin import VERSION, HepburstProvider
from provider.server import serve

if __name__ == "__main__":
    serve(sys.argv[-1], HepburstProvider, version=VERSION)
