"""Kubeconfig files with one context."""

from __future__ import annotations

import base64
import os
from pathlib import Path

import yaml

from engine.places import PROJECT
from sandbox.cluster.places import CONTEXT


def write(file: Path, *, server: str, authority: Path, token: str) -> None:
    """A kubeconfig for the bearer of `token`, readable by its owner alone, written whole or not at all."""
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": CONTEXT,
        "contexts": [{"name": CONTEXT, "context": {"cluster": CONTEXT, "user": CONTEXT}}],
        "clusters": [{"name": CONTEXT, "cluster": {"server": server, "certificate-authority-data": _base64(authority)}}],
        "users": [{"name": CONTEXT, "user": {"token": token}}],
    }
    partial = file.with_name(f".{file.name}.partial")
    partial.touch(mode=0o600)
    partial.write_text(yaml.safe_dump(config, sort_keys=False), encoding="utf-8")
    if os.geteuid() == 0:  # made with sudo, it is for the one whose checkout this is
        owner = PROJECT.stat()
        os.chown(partial, owner.st_uid, owner.st_gid)
    partial.rename(file)


def _base64(file: Path) -> str:
    return base64.b64encode(file.read_bytes()).decode()
