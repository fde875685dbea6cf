"""`hepburst:image:TrainerImage`: the trainer image, built from this checkout and pushed, known by its digest.

`python -m provider.image REPOSITORY` does the same without an engine.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import shlex
import signal
import subprocess
import sys
import tempfile
import time
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from burst import image_sources
from provider.engine import Engine
from provider.image_builders import Build, Builder, check_repository, find_builder, step_words
from provider.processes import Launcher, adopt_child, forget_child
from provider.resource import Changes, Created, ResourceKind
from provider.values import UNKNOWN, Plain
from trainer.refusal import Refusal

PROJECT = Path(__file__).resolve().parents[1]
LOG = PROJECT / ".hepburst" / "logs" / "image.log"
TAG_DIGITS = 12
STATUS_SECONDS = 1.0
STOP_SECONDS = 20.0
EPOCH_VARIABLE = "SOURCE_DATE_EPOCH"
"""As reproducible-builds.org has it: the time that the image says it was made at, in seconds; else that of the last commit."""

Say = Callable[[str], Awaitable[None]]


class TrainerImage(ResourceKind):
    """Inputs: `repository`, `variant`, `build_arguments`, `platform`, `sources_sha256`. Output: `reference`, with the digest.

    The same inputs are the same image: nothing is built. What is in the registry is not asked for, and stays when this goes.
    """

    unknown_until_made = frozenset({"reference"})

    def __init__(self, engine: Engine, cancelled: asyncio.Event, environ: Mapping[str, str] = os.environ) -> None:
        self._engine, self._cancelled, self._environ = engine, cancelled, environ

    def check(self, inputs: Plain) -> None:
        """Refuse a repository that nothing can be pushed to."""
        if inputs["repository"] != UNKNOWN:
            check_repository(inputs["repository"])

    def changes(self, state: Plain, inputs: Plain) -> Changes:
        """An image that is not in the state is built anew, as after a failure."""
        changes = super().changes(state, inputs)
        return changes if state.get("reference") else Changes(updates=changes.updates | {"reference"})

    def planned(self, inputs: Plain) -> Plain:
        """Only for an image that will be built: refuse early where nothing can."""
        find_builder(self._environ)
        return dict(inputs)

    async def create(self, urn: str, inputs: Plain) -> Created:
        """Build and push."""
        state = await self._built(urn, inputs)
        return Created(id=inputs["sources_sha256"][:TAG_DIGITS], state=state)

    async def update(self, urn: str, state: Plain, inputs: Plain) -> Plain:
        """Build and push what is meant now. The image of before stays in its registry, for the runs that name it."""
        return await self._built(urn, inputs)

    async def exists(self, state: Plain) -> bool:
        """Always: registries are asked by those who pull."""
        return True

    async def delete(self, state: Plain) -> None:
        """Nothing: registries are shared, and others may run the same digest."""

    async def _built(self, urn: str, inputs: Plain) -> Plain:
        if (found := image_sources.digest(PROJECT)) != inputs["sources_sha256"]:
            raise Refusal(
                f"the trainer image's sources have sha256 {found[:TAG_DIGITS]}...",
                expected=f"{inputs['sources_sha256'][:TAG_DIGITS]}..., as when the program read them",
                remedy="let whatever changes them finish, and run again",
            )

        async def say(text: str) -> None:
            await self._engine.status(urn, text)

        builder = await asyncio.to_thread(find_builder, self._environ)
        digest = await build_and_push(builder, planned_build(inputs, self._environ), self._environ, self._cancelled, say)
        return {**inputs, "reference": f"{inputs['repository']}@{digest}"}


def planned_build(inputs: Plain, environ: Mapping[str, str]) -> Build:
    """The build of a resource's inputs. What the image says of its sources' time and commit is read here, and is no input."""
    moment = environ.get(EPOCH_VARIABLE) or _git("log", "-1", "--format=%ct") or str(int(time.time()))
    if not moment.isdigit():
        raise Refusal(f"{EPOCH_VARIABLE} is {moment!r}", expected="seconds since 1970", remedy="correct it, or unset it")
    told_of_itself = {
        "CREATED": datetime.fromtimestamp(int(moment), UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "REVISION": _git("rev-parse", "HEAD"),
        "VARIANT": inputs["variant"],
    }
    return Build(
        context=PROJECT,
        repository=inputs["repository"],
        tag=f"{inputs['variant']}-{inputs['sources_sha256'][:TAG_DIGITS]}",
        platform=inputs["platform"],
        arguments={**told_of_itself, **inputs["build_arguments"]},
        unix_seconds=int(moment),
    )


def _git(*arguments: str) -> str:
    """What git says of the checkout; empty where there is none."""
    try:
        done = subprocess.run(["git", "-C", str(PROJECT), *arguments], capture_output=True, text=True, check=False)
    except OSError:
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


async def build_and_push(builder: Builder, build: Build, environ: Mapping[str, str], cancelled: asyncio.Event, say: Say) -> str:
    """The digest of the pushed image, `sha256:...`. Every line of the builder goes to `LOG`. Refuses what does not build."""
    with tempfile.TemporaryDirectory(prefix="hepburst-image-") as folder:
        answer = Path(folder) / "digest"
        await _succeed(builder, builder.commands(build, answer), environ, cancelled, say)
        return builder.digest(answer)


async def _succeed(
    builder: Builder, commands: Sequence[Sequence[str]], environ: Mapping[str, str], cancelled: asyncio.Event, say: Say
) -> None:
    """Commands, one after another; refuses what fails."""
    LOG.parent.mkdir(parents=True, exist_ok=True)
    last_lines: deque[str] = deque(maxlen=1)
    with LOG.open("w", encoding="utf-8") as file:

        def keep(line: str) -> None:
            file.write(f"{line}\n")
            file.flush()
            if line.strip():
                last_lines.append(line.strip())

        for command in commands:
            keep(f"$ {shlex.join(command)}")
            status = await _run(command, environ, cancelled, keep, say)
            if cancelled.is_set():
                raise Refusal("the build of the trainer image was interrupted", expected="its end", remedy="run again")
            if status:
                what = "pushed" if command[1] == "push" else "built"
                raise Refusal(
                    f"the trainer image could not be {what} (exit status {status}): {last_lines[-1]}",
                    expected=f"{builder.kind} to succeed",
                    remedy=f"read {LOG}, mend what it says, and run again: what is built is kept",
                )


async def _run(
    command: Sequence[str], environ: Mapping[str, str], cancelled: asyncio.Event, keep: Callable[[str], None], say: Say
) -> int:
    """A command to its end, or until `cancelled`; gives its exit status."""
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        limit=1 << 20,
        start_new_session=True,
        env=dict(environ),
    )
    launcher = Launcher.of(process.pid)
    adopt_child(launcher)  # it ends with the engine
    follow = asyncio.create_task(_follow(process, keep, say))
    cancel = asyncio.create_task(cancelled.wait())
    try:
        await asyncio.wait({follow, cancel}, return_when=asyncio.FIRST_COMPLETED)
        if not follow.done():
            launcher.send(signal.SIGTERM)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(asyncio.shield(follow), STOP_SECONDS)
        return await process.wait() if follow.done() else -signal.SIGTERM
    finally:
        cancel.cancel()
        launcher.send_to_group(signal.SIGKILL)
        await process.wait()
        await asyncio.gather(follow, return_exceptions=True)
        forget_child(launcher)


async def _follow(process: asyncio.subprocess.Process, keep: Callable[[str], None], say: Say) -> None:
    assert process.stdout is not None
    said_at = float("-inf")
    async for line in process.stdout:
        text = line.decode(errors="replace").rstrip()
        keep(text)
        words = step_words(text)
        if words is not None and time.monotonic() - said_at >= STATUS_SECONDS:
            said_at = time.monotonic()
            await say(words)


def main() -> int:
    """Build and push on the command line: the reference on standard output, what happens on standard error."""
    parser = argparse.ArgumentParser(prog="python -m provider.image", description="Build the trainer image and push it.")
    parser.add_argument("repository", help="registry.example.org/group/trainer, without a tag")
    parser.add_argument("--variant", choices=tuple(image_sources.VARIANT_ARGUMENTS), default="cpu")
    parser.add_argument("--platform", default="linux/amd64")
    parser.add_argument("--build-arg", action="append", default=[], metavar="NAME=VALUE", help="for trainer/Dockerfile")
    parser.add_argument(
        "--inventory", type=Path, metavar="FOLDER", help="write the image's package lists (CycloneDX) there too"
    )
    options = parser.parse_args()
    inputs: Plain = {
        "repository": options.repository,
        "variant": options.variant,
        "build_arguments": {
            **image_sources.VARIANT_ARGUMENTS[options.variant],
            **dict(argument.partition("=")[::2] for argument in options.build_arg),
        },
        "platform": options.platform,
        "sources_sha256": image_sources.digest(PROJECT),
    }

    async def say(text: str) -> None:
        print(text, file=sys.stderr, flush=True)

    async def run() -> str:
        cancelled = asyncio.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, cancelled.set)
        builder, build = find_builder(os.environ), planned_build(inputs, os.environ)
        digest = await build_and_push(builder, build, os.environ, cancelled, say)
        if options.inventory is not None:
            await _succeed(builder, [builder.inventory_command(build, options.inventory)], os.environ, cancelled, say)
        return digest

    try:
        check_repository(options.repository)
        print(f"{options.repository}@{asyncio.run(run())}")
    except Refusal as refusal:
        print(refusal, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
