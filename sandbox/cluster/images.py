"""The two images of the rehearsal: the pod sandbox's, and the trainer's. Built once into the user's cache."""

from __future__ import annotations

import hashlib
import inspect
import shutil
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

from engine.go_modules import alone
from engine.places import cache
from engine.progress import Step
from sandbox.cluster import image, packages, trainer_rootfs
from sandbox.cluster.image import Image

PAUSE_REPOSITORY = "hepburst/pause"
TRAINER_REPOSITORY = "hepburst/trainer-on-host-environment"
"""The name says what it is: without this machine's environment mounted into it, it trains nothing."""

PAUSE_CONFIG = {"Entrypoint": ["/bin/busybox", "sleep", "2147483647"], "User": "65534:65534"}
TRAINER_CONFIG = {
    "Env": [f"PATH={trainer_rootfs.PATH}", f"HOME={trainer_rootfs.HOME}", "LANG=C.UTF-8", "PYTHONUNBUFFERED=1"],
    "User": f"{trainer_rootfs.USER_ID}:{trainer_rootfs.USER_ID}",
    "WorkingDir": trainer_rootfs.HOME,
    "Labels": {
        "org.opencontainers.image.title": "hepburst trainer, for rehearsals",
        "org.opencontainers.image.licenses": "Apache-2.0",
        "hepburst.io/rehearsal": "true",
        "hepburst.io/environment": "mounted from the host, read-only",
    },
}


def pause(step: Step, environ: Mapping[str, str]) -> Image:
    """The image of the process that holds a pod's namespaces."""
    unpacked = packages.unpacked("pause", packages.PAUSE_PACKAGES, step, environ, is_complete=False)
    return _made("pause", step, unpacked, PAUSE_CONFIG, _just_copied)


def trainer(step: Step, environ: Mapping[str, str]) -> Image:
    """The trainer image for rehearsals (contents: `trainer_rootfs`)."""
    unpacked = packages.unpacked("trainer", packages.TRAINER_PACKAGES, step, environ, is_complete=True)
    return _made("trainer", step, unpacked, TRAINER_CONFIG, trainer_rootfs.make)


def _just_copied(unpacked: Path, root: Path) -> None:
    shutil.copytree(unpacked, root, symlinks=True)


def _made(name: str, step: Step, unpacked: Path, config: Mapping[str, object], lay_out: Callable[[Path, Path], None]) -> Image:
    """The image in the cache, built if what it is made of has changed."""
    sources = f"{unpacked.name} {config} {inspect.getsource(trainer_rootfs)} {inspect.getsource(image)}"
    folder = cache() / "cluster" / f"image-{name}-{hashlib.sha256(sources.encode()).hexdigest()[:12]}"
    with alone(folder.with_name(f".{folder.name}.lock")):
        there = Image.read(folder)
        if there:
            return there
        step.status = f"building the {name} image"
        with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}.") as scratch:
            lay_out(unpacked, Path(scratch) / "root")
            image.make(Path(scratch) / "root", Path(scratch) / "image", config=config)
            (Path(scratch) / "image").rename(folder)
    made = Image.read(folder)
    assert made is not None
    return made
