"""Print, as JSON, the provider plugins that the installed Pulumi SDKs ask for. Run by the language host, embedded in it.

An SDK says so in a file `pulumi-plugin.json` in its package folder: name, version, and a server if the plugin has its own.
"""

import importlib.metadata
import json
import pathlib

packages = []
for distribution in importlib.metadata.distributions():
    name = distribution.metadata["Name"] or ""
    if not name.lower().replace("_", "-").startswith("pulumi-"):
        continue
    file = pathlib.Path(str(distribution.locate_file(name.replace("-", "_")))) / "pulumi-plugin.json"
    if file.exists():
        plugin = json.loads(file.read_text(encoding="utf-8"))
        if plugin.get("resource"):
            packages.append(
                {
                    "name": plugin["name"],
                    "kind": "resource",
                    "version": plugin.get("version") or distribution.version,
                    "server": plugin.get("server", ""),
                }
            )
print(json.dumps(packages))
