"""Stand-ins of plugins, put into a home of the engine that is ours, and removed again.

A user's own Pulumi home is never touched.
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path

from engine.choice import choose
from engine.places import PROJECT, VENV, cache
from engine.shell import users_own, variables

PACKAGE = "kubernetes"
DOWNLOAD_SECONDS = 20
MARKER = "STAND-IN"
"""A file by which a stand-in's folder is known; nothing without it is ever removed."""


def install(environ: Mapping[str, str]) -> str:
    """See to it that the engine finds a plugin of the SDK's version; gives a sentence on what it is.

    The official plugin if it is there or can be downloaded in 20 seconds, else the stand-in, in our engine's home only.
    """
    wanted = version("pulumi-kubernetes")
    env = _engine_environment(environ)
    folder = _plugin_folder(env, wanted)
    if folder.exists() and not (folder / MARKER).exists():
        return f"Pulumi's Kubernetes plugin {wanted} is installed."
    # Only ours is tried anew each time: a download where there is no network takes long to fail.
    if not folder.exists() and _succeeds(["plugin", "install", "resource", PACKAGE, f"v{wanted}"], env):
        return f"Pulumi's Kubernetes plugin {wanted} was downloaded."
    if Path(env["PULUMI_HOME"]) != cache() / "home":
        return (
            f"Pulumi's Kubernetes plugin {wanted} could not be downloaded, and the stand-in is for our own engine only: "
            f"run `pulumi plugin install resource {PACKAGE} {wanted}`."
        )
    put(PACKAGE, env)
    return f"A stand-in of Pulumi's Kubernetes plugin {wanted} serves: the official one could not be downloaded."


def put(package: str, env: Mapping[str, str]) -> None:
    """Put the stand-in of a package's plugin, of the installed SDK's version, into the engine's home that `env` names."""
    wanted = version(f"pulumi-{package}")
    marker = _plugin_folder(env, wanted, package) / MARKER
    if marker.exists() and marker.read_text(encoding="utf-8") == _script(package):
        return
    with tempfile.TemporaryDirectory() as made:
        executable = Path(made) / f"pulumi-resource-{package}"
        executable.write_text(_script(package), encoding="utf-8")
        executable.chmod(0o755)
        (Path(made) / MARKER).write_text(_script(package), encoding="utf-8")
        command = ["pulumi", "plugin", "install", "resource", package, wanted, "--file", made, "--reinstall"]
        subprocess.run(command, env=dict(env), check=True, capture_output=True, timeout=60)


def uninstall(environ: Mapping[str, str]) -> None:
    """Remove the stand-in, if one is there; an official plugin stays."""
    folder = _plugin_folder(_engine_environment(environ), version("pulumi-kubernetes"))
    if (folder / MARKER).exists():
        shutil.rmtree(folder)
        folder.with_name(f"{folder.name}.lock").unlink(missing_ok=True)


def _engine_environment(environ: Mapping[str, str]) -> dict[str, str]:
    own = users_own(environ)
    env = {**own, **variables(choose(own), own)}
    return {"PULUMI_HOME": str(Path(env.get("HOME", "~")).expanduser() / ".pulumi"), "PULUMI_CONFIG_PASSPHRASE": "", **env}


def _plugin_folder(env: Mapping[str, str], wanted: str, package: str = PACKAGE) -> Path:
    return Path(env["PULUMI_HOME"]) / "plugins" / f"resource-{package}-v{wanted}"


def _script(package: str) -> str:
    """The plugin's executable: this checkout's code under its own Python, wherever the plugin lies."""
    root, python = shlex.quote(str(PROJECT)), shlex.quote(str(VENV / "bin" / "python"))
    return f'#!/bin/sh\nPYTHONPATH={root} exec {python} -m sandbox.providers.{package} "$@"\n'


def _succeeds(arguments: list[str], env: Mapping[str, str]) -> bool:
    try:
        answer = subprocess.run(
            ["pulumi", *arguments], env=dict(env), capture_output=True, timeout=DOWNLOAD_SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        return False
    return answer.returncode == 0


if __name__ == "__main__":
    print(install(os.environ))
