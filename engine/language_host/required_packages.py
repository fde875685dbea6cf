"""Print, as JSON, the provider plugins that the installed Pulumi SDKs ask for. Run by the language host, embedded in it.

An SDK says so in a file `pulumi-plugin.json` in its package folder: name, version, and a server if the plugin has its own.
"""

from __future__ import annotations

import importlib.metadata
import json
import pathlib
import sys
from collections.abc import Iterator


def required_packages(path: list[str]) -> Iterator[dict[str, str]]:
    """One value for each SDK found in the folders of `path` that needs a resource plugin."""
    for distribution in importlib.metadata.distributions(path=path):
        name = distribution.metadata["Name"] or ""
        if not name.lower().replace("_", "-").startswith("pulumi-"):
            continue
        file = pathlib.Path(str(distribution.locate_file(name.replace("-", "_")))) / "pulumi-plugin.json"
        plugin = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
        if plugin.get("resource"):
            yield {
                "name": plugin["name"],
                "kind": "resource",
                "version": plugin.get("version") or distribution.version,
                "server": plugin.get("server", ""),
            }


if __name__ == "__main__":
    print(json.dumps(list(required_packages(sys.path))))
