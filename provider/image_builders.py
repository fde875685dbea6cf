"""The programs that build and push an image: docker with buildx, podman and buildah, and what each wants to be told."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from burst.image_sources import DOCKERFILE
from trainer.refusal import Refusal

BUILDER_VARIABLE = "HEPBURST_IMAGE_BUILDER"
"""Names one of `PROBES`, or the path of one, where the first that works is not the one that is wanted."""
OPTIONS_VARIABLE = "HEPBURST_IMAGE_BUILD_OPTIONS"
"""More options for the build, as on a command line: what this machine needs and no other, such as mounts of certificates."""
PROBES: Mapping[str, tuple[str, ...]] = {
    "docker": ("buildx", "inspect"),
    "podman": ("info", "--format", "{{.Host.Arch}}"),
    "buildah": ("info", "--format", "{{.host.arch}}"),
}
"""In the order of choice, each with a command that succeeds where the program can build."""
PROBE_SECONDS = 30.0
INVENTORY_STAGE = "sbom"
"""Of the Dockerfile: a stage of CycloneDX documents and nothing else."""
_LOOPBACK = re.compile(r"(localhost|127(\.\d+){3}|\[::1\])(:\d+)?/")
_REGISTRY = r"(?:[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?|\[[0-9a-f:]+\])(?::\d+)?"
_PART = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_REPOSITORY = re.compile(rf"{_REGISTRY}(?:/{_PART})+")
_BUILDAH_STEP = re.compile(r"(?:\[(\d+)/(\d+)\] )?STEP (\d+)/(\d+): (.*)")
_BUILDX_STEP = re.compile(r"#\d+ \[(\S+) +(\d+)/(\d+)\] (.*)")
MAX_WORDS = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Build:
    """One image to be made."""

    context: Path
    repository: str
    tag: str
    """A name for the registry's keeper; whoever pulls goes by the digest."""
    platform: str
    arguments: Mapping[str, str]
    unix_seconds: int
    """What the image says of when it was made."""

    @property
    def name(self) -> str:
        """With the tag."""
        return f"{self.repository}:{self.tag}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Builder:
    """A program that works on this machine."""

    kind: str
    path: str
    options: tuple[str, ...] = ()

    def commands(self, build: Build, answer: Path) -> list[list[str]]:
        """What to run, one after another, so that the image is pushed and its digest stands in the file `answer`."""
        told = self._told(build)
        if self.kind == "docker":
            # Without attestations, whose times would make each build another digest; the image holds its own inventory.
            pushed = ["--provenance=false", "--push", "--metadata-file", str(answer)]
            return [[*told, "--tag", build.name, *pushed, *self.options, str(build.context)]]
        insecure = ["--tls-verify=false"] if _LOOPBACK.match(build.repository) else []
        push = [self.path, "push", *insecure, "--digestfile", str(answer), build.name, f"docker://{build.name}"]
        return [[*told, "--tag", build.name, *self.options, str(build.context)], push]

    def inventory_command(self, build: Build, folder: Path) -> list[str]:
        """What to run, after the build, for the image's lists of packages in `folder`."""
        taken = ["--target", INVENTORY_STAGE, "--output", f"type=local,dest={folder}"]
        return [*self._told(build), *taken, *self.options, str(build.context)]

    def _told(self, build: Build) -> list[str]:
        """The program and what it is told of every build."""
        told = [self.path, *(("buildx", "build", "--progress", "plain") if self.kind == "docker" else ("build",))]
        told += ["--file", str(build.context / DOCKERFILE), "--platform", build.platform]
        told += [word for name, value in sorted(build.arguments.items()) for word in ("--build-arg", f"{name}={value}")]
        if self.kind == "docker":
            return [*told, "--build-arg", f"SOURCE_DATE_EPOCH={build.unix_seconds}"]
        return [*told, "--layers", "--format", "oci", "--timestamp", str(build.unix_seconds)]

    def digest(self, answer: Path) -> str:
        """`sha256:...` of what was pushed, as the program left it in `answer`."""
        text = answer.read_text(encoding="utf-8")
        digest = json.loads(text).get("containerimage.digest", "") if self.kind == "docker" else text.strip()
        if not re.fullmatch(r"sha256:[0-9a-f]{64}", digest):
            raise Refusal(
                f"{self.kind} pushed an image and gave {digest!r} as its digest",
                expected="sha256:... and 64 hexadecimal digits",
                remedy=f"use a newer {self.kind}, or another builder ({BUILDER_VARIABLE})",
            )
        return str(digest)


def find_builder(environ: Mapping[str, str]) -> Builder:
    """The one that is asked for, or the first that works. Refuses where there is none."""
    options = tuple(shlex.split(environ.get(OPTIONS_VARIABLE, "")))
    wanted = environ.get(BUILDER_VARIABLE, "")
    if wanted and Path(wanted).name not in PROBES:
        raise Refusal(
            f"{BUILDER_VARIABLE} is {wanted}", expected=", ".join(PROBES), remedy="set it to one of these, or unset it"
        )
    said: list[str] = []
    for name in [wanted] if wanted else PROBES:
        path = shutil.which(name, path=environ.get("PATH", ""))
        if path is None:
            said.append(f"no {name}")
        elif (problem := _problem(path, environ)) is not None:
            said.append(f"{name}: {problem}")
        else:
            return Builder(kind=Path(name).name, path=path, options=options)
    raise Refusal(
        f"nothing here can build the trainer image ({'; '.join(said)})",
        expected="docker with buildx, podman or buildah",
        remedy="install one of them and start what it needs, or set hepburst:image to an image that is there",
    )


def _problem(path: str, environ: Mapping[str, str]) -> str | None:
    """Why a builder does not work, in its own words; None if it does."""
    command = [path, *PROBES[Path(path).name]]
    try:
        done = subprocess.run(command, env=dict(environ), capture_output=True, text=True, check=False, timeout=PROBE_SECONDS)
    except (OSError, subprocess.TimeoutExpired) as failure:
        return str(failure)
    # buildx tells of a daemon that is not there and yet succeeds.
    if failed := re.search(r"^Error: *(.+)$", done.stdout, re.MULTILINE):
        return failed[1]
    if done.returncode:
        lines = [line.strip() for line in (done.stderr or done.stdout).splitlines() if line.strip()]
        return lines[0] if lines else f"exit status {done.returncode}"
    return None


def check_repository(repository: str) -> None:
    """Refuse what no image could be pushed to, with a tag or a digest, or that does not say which registry.

    >>> check_repository("registry.example.org:5000/physics/trainer")
    >>> check_repository("registry.example.org/physics/trainer:latest")
    Traceback (most recent call last):
        ...
    trainer.refusal.Refusal: the repository registry.example.org/physics/trainer:latest; expected \
registry.example.org/group/name without a tag; to mend it: leave the tag out: the digest of what is built is what the job gets
    """
    if _REPOSITORY.fullmatch(repository) and ("." in (registry := repository.split("/")[0]) or ":" in registry):
        return
    if re.match(r"localhost/", repository) and _REPOSITORY.fullmatch(repository):
        return
    remedy = "correct it"
    if "@" in repository or ":" in repository.rpartition("/")[2]:
        remedy = "leave the tag out: the digest of what is built is what the job gets"
    raise Refusal(f"the repository {repository}", expected="registry.example.org/group/name without a tag", remedy=remedy)


def step_words(line: str) -> str | None:
    """What a line of a builder's output says of how far it is; None if nothing.

    >>> step_words("[3/8] STEP 2/9: RUN apt-get update")
    'step 2/9 of stage 3/8: RUN apt-get update'
    >>> step_words("#12 [build 3/9] COPY trainer trainer")
    'step 3/9 of build: COPY trainer trainer'
    >>> step_words("Get:1 http://mirror.example.org/debian bookworm InRelease")
    """
    if match := _BUILDAH_STEP.match(line):
        stage, stages, step, steps, what = match.groups()
        where = f"step {step}/{steps}" + (f" of stage {stage}/{stages}" if stage else "")
    elif match := _BUILDX_STEP.match(line):
        stage, step, steps, what = match.groups()
        where = f"step {step}/{steps} of {stage}"
    elif line.startswith(("Copying blob", "Writing manifest")) or "pushing layers" in line:
        return "pushing"
    else:
        return None
    return f"{where}: {' '.join(what.split())[:MAX_WORDS]}"
