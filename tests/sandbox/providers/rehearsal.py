"""A light cluster with the mark of a rehearsal, and the real engine with the stand-in, each in a folder of its own."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from engine.choice import choose
from engine.places import cache
from engine.shell import users_own, variables
from sandbox.cluster.api import Api
from sandbox.providers.install import install

MARK = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "hepburst-rehearsal", "namespace": "kube-public"}}
LATE_CLASS = {
    "apiVersion": "storage.k8s.io/v1",
    "kind": "StorageClass",
    "metadata": {"name": "late"},
    "provisioner": "test.hepburst.io/none",
    "volumeBindingMode": "WaitForFirstConsumer",
}
TOYS = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {"name": "toys.test.hepburst.io"},
    "spec": {
        "group": "test.hepburst.io",
        "names": {"kind": "Toy", "plural": "toys", "singular": "toy", "listKind": "ToyList"},
        "scope": "Namespaced",
        "versions": [
            {
                "name": "v1",
                "served": True,
                "storage": True,
                "subresources": {"status": {}},
                "schema": {
                    "openAPIV3Schema": {
                        "type": "object",
                        "properties": {
                            "spec": {"type": "object", "properties": {"ranks": {"type": "integer"}}},
                            "status": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
                        },
                    }
                },
            }
        ],
    },
}
TOY = "/apis/test.hepburst.io/v1/namespaces/burst/toys/job"
DEFAULTS = {"adopts": False, "team": "red", "run": "{}", "pods": 3, "verbs": ["get"], "job": None, "patience": 20}
SECONDS = 120


def engine_environment(folder: Path) -> dict[str, str]:
    """The engine of this machine with a home of its own, in which the stand-in is installed."""
    engines = folder / "cache" / "hepburst" / "engine"
    engines.parent.mkdir(parents=True)
    engines.symlink_to(cache() / "engine")
    own = {**users_own(os.environ), "XDG_CACHE_HOME": str(folder / "cache")}
    before = os.environ.get("XDG_CACHE_HOME")
    os.environ["XDG_CACHE_HOME"] = own["XDG_CACHE_HOME"]
    try:
        said = install(own)
        ours = variables(choose(own), own)
    finally:
        os.environ.pop("XDG_CACHE_HOME")
        os.environ.update({"XDG_CACHE_HOME": before} if before else {})
    assert "stand-in" in said, said
    return {**own, **ours, "PULUMI_CONFIG_PASSPHRASE": "", "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true"}


class Stack:
    """One stack of `program.py`."""

    def __init__(self, folder: Path, env: Mapping[str, str], kubeconfig: Path) -> None:
        self.folder = folder
        (folder / "state").mkdir(parents=True)
        self.env = {**env, "PULUMI_BACKEND_URL": (folder / "state").as_uri()}
        shutil.copy(Path(__file__).with_name("program.py"), folder / "__main__.py")
        self.kubeconfig = folder / "kubeconfig"
        shutil.copy(kubeconfig, self.kubeconfig)
        (folder / "Pulumi.yaml").write_text("name: standin\nruntime: {name: python}\n", encoding="utf-8")
        self.want()
        self.pulumi("stack", "init", "test")

    def want(self, **changes: Any) -> None:
        """What the program declares: the defaults, and these changes."""
        wanted = {**DEFAULTS, "kubeconfig": str(self.kubeconfig), **changes}
        (self.folder / "wanted.json").write_text(json.dumps(wanted), encoding="utf-8")

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        with (self.folder / "said.txt").open("w") as output:
            return subprocess.Popen(
                ["pulumi", *arguments, "--non-interactive"],
                cwd=self.folder,
                env=self.env,
                stdout=output,
                stderr=subprocess.STDOUT,
                text=True,
            )

    def said(self) -> str:
        return (self.folder / "said.txt").read_text()

    def pulumi(self, *arguments: str, fails: bool = False) -> str:
        with self.start(*arguments) as process:
            status = process.wait(SECONDS)
        assert (status != 0) == fails, self.said()
        assert "Traceback" not in self.said(), self.said()
        return self.said()

    def up(self, *, fails: bool = False) -> str:
        return self.pulumi("up", "--yes", "--skip-preview", "--diff", fails=fails)

    def output(self, name: str) -> str:
        return self.pulumi("stack", "output", name).strip()

    def state(self) -> str:
        return self.pulumi("stack", "export")


def set_toy_running(api: Api) -> None:
    """What an operator would do."""
    status = {"phase": "Running", "conditions": [{"type": "Created", "status": "True"}]}
    api.request("PATCH", f"{TOY}/status", {"status": status}, kind="application/merge-patch+json")
