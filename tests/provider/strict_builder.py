"""Stands for docker, podman or buildah, by the name that it is called: takes what they take, and nothing else.

`STAND_IN` says how it behaves: `works`, `no-daemon`, `no-buildx`, `fails`, `denied`, `hangs` or `no-digest`.
What it was told is kept in the file `STAND_IN_LEDGER`, one command a line.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from pathlib import Path

NAME = Path(sys.argv[0]).name
BEHAVIOUR = os.environ.get("STAND_IN", "works")
DIGEST = "sha256:" + "5a" * 32


def options(*names: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog=NAME, allow_abbrev=False, exit_on_error=False)
    for name in names:
        parser.add_argument(name, required=name in ("--file", "--tag", "--metadata-file", "--digestfile"))
    parser.add_argument("--build-arg", action="append", default=[])
    parser.add_argument("--volume", action="append", default=[])
    return parser


def main(arguments: list[str]) -> int:
    with Path(os.environ["STAND_IN_LEDGER"]).open("a", encoding="utf-8") as ledger:
        ledger.write(json.dumps([NAME, *arguments]) + "\n")
    if arguments[0] == "info" or arguments[:2] == ["buildx", "inspect"]:
        return probe()
    if arguments[0] == "buildx" or arguments[0] == "build":
        return build(arguments[arguments.index("build") + 1 :])
    if arguments[0] == "push" and NAME != "docker":
        return push(arguments[1:])
    sys.exit(f"{NAME}: unknown command {arguments[0]}")


def probe() -> int:
    if BEHAVIOUR == "no-buildx" and NAME == "docker":
        print("docker: unknown command: docker buildx\n\nRun 'docker --help' for more information", file=sys.stderr)
        return 1
    if BEHAVIOUR == "no-daemon" and NAME == "docker":
        print("Name: default\nNodes:\nError: Cannot connect to the Docker daemon at unix:///var/run/docker.sock.")
    return 0


def build(arguments: list[str]) -> int:
    parser = options(
        "--file", "--platform", "--tag", *(("--progress", "--metadata-file") if NAME == "docker" else ("--format",))
    )
    for flag in ("--provenance", "--timestamp"):
        parser.add_argument(flag)
    for flag in ("--push", "--layers"):
        parser.add_argument(flag, action="store_true")
    parser.add_argument("context", type=Path)
    told = parser.parse_args(arguments)
    assert Path(told.file).is_file()
    assert (told.context / "trainer").is_dir()
    if BEHAVIOUR == "fails":
        print("STEP 3/9: RUN apt-get update\nE: no route to mirror.example.org")
        return 100
    print("#5 [build 1/2] COPY a b" if NAME == "docker" else "[1/2] STEP 1/2: FROM scratch AS base", flush=True)
    if BEHAVIOUR == "hangs":
        time.sleep(60)
    if NAME == "docker":
        digest = "" if BEHAVIOUR == "no-digest" else DIGEST
        Path(told.metadata_file).write_text(json.dumps({"containerimage.digest": digest}))
    return 0


def push(arguments: list[str]) -> int:
    parser = options("--tls-verify", "--digestfile")
    parser.add_argument("image")
    parser.add_argument("destination")
    told = parser.parse_args(arguments)
    assert told.destination == f"docker://{told.image}"
    if BEHAVIOUR == "denied":
        print("Error: trying to reuse blob: denied: requested access to the resource is denied", file=sys.stderr)
        return 125
    Path(told.digestfile).write_text("" if BEHAVIOUR == "no-digest" else DIGEST)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
