"""Writes the Debian packages of the machine that it runs on as a CycloneDX 1.6 document: `debian_sbom.py OUT.json`.

The environment's Python packages are written by `cyclonedx-py`. Standard library only.
"""

from __future__ import annotations

import json
import subprocess
import sys
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

FIELDS = ("Package", "Version", "Architecture", "Source")
_NAMESPACE = uuid.UUID("6ba7b811-9dad-11d1-80b4-00c04fd430c8")
"""RFC 4122's for URLs."""


def installed() -> list[dict[str, str]]:
    """What dpkg has installed."""
    layout = "\\t".join(f"${{{field}}}" for field in FIELDS) + "\\t${db:Status-Abbrev}\\n"
    said = subprocess.run(["dpkg-query", "--show", f"--showformat={layout}"], capture_output=True, text=True, check=True).stdout
    rows = [line.split("\t") for line in said.splitlines()]
    return [dict(zip(FIELDS, row, strict=False)) for row in rows if row[-1].startswith("ii")]


def document(packages: Sequence[dict[str, str]], *, distribution: str, created: str = "") -> dict[str, Any]:
    """The document; the same packages give the same one. `distribution`: as in `debian-12`; `created`: RFC 3339, if known.

    >>> packages = [{"Package": "libc6", "Version": "2.36-9+deb12u14", "Architecture": "amd64", "Source": "glibc"}]
    >>> document(packages, distribution="debian-12")["components"][0]["purl"]
    'pkg:deb/debian/libc6@2.36-9%2Bdeb12u14?arch=amd64&distro=debian-12'
    """
    components = [_component(package, distribution) for package in sorted(packages, key=lambda package: package["Package"])]
    serial = uuid.uuid5(_NAMESPACE, json.dumps(components))
    return {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{serial}",
        "version": 1,
        "metadata": {
            **({"timestamp": created} if created else {}),
            "component": {"type": "operating-system", "name": distribution.partition("-")[0], "bom-ref": distribution},
        },
        "components": components,
    }


def _component(package: dict[str, str], distribution: str) -> dict[str, Any]:
    name, version = package["Package"], package["Version"]
    purl = f"pkg:deb/debian/{quote(name)}@{quote(version)}?arch={package['Architecture']}&distro={distribution}"
    source = package["Source"].split(" ")[0] or name
    properties = [{"name": "debian:source", "value": source}]
    return {"type": "library", "bom-ref": purl, "name": name, "version": version, "purl": purl, "properties": properties}


def _distribution() -> str:
    lines = Path("/etc/os-release").read_text(encoding="utf-8").splitlines()
    values = dict(line.partition("=")[::2] for line in lines)
    return f"{values['ID']}-{values['VERSION_ID']}".replace('"', "")


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(
        json.dumps(document(installed(), distribution=_distribution(), created="".join(sys.argv[2:3])), indent=1) + "\n",
        encoding="utf-8",
    )
