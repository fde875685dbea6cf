"""References of container images, always with the digest of what they name: a tag can be moved, a digest cannot."""

from __future__ import annotations

import re
from pathlib import Path

from trainer.refusal import Refusal

REFERENCE = re.compile(r"(?P<name>[a-z0-9][\w.:/-]*)@(?P<digest>sha256:[0-9a-f]{64})")
"""`registry.example.org:5000/group/name@sha256:...`, with or without a tag before the @."""
REMEDY = "take the digest that the push printed, or: skopeo inspect --format '{{.Digest}}' docker://NAME:TAG"


def given(text: str) -> str:
    """The reference that a setting holds, or the file that it names, as an image's build writes one."""
    if "@" in text:
        return checked(text)
    file = Path(text).expanduser()
    if file.is_file():
        return checked(file.read_text(encoding="utf-8", errors="replace").strip())
    if "/" in text and not text.startswith((".", "/", "~")):
        return checked(text)
    raise Refusal(
        f"there is no file {text} with the reference of a trainer image",
        expected="name@sha256:..., or a file that holds it",
        remedy="make the rehearsal cluster (make cluster-up), build an image (hepburst:build), or set hepburst:image",
    )


def checked(reference: str) -> str:
    """The reference itself; refuses one without a digest.

    >>> checked("registry.example.org/group/trainer:1.0")
    Traceback (most recent call last):
        ...
    trainer.refusal.Refusal: the image registry.example.org/group/trainer:1.0 has no digest; expected name@sha256:... and 64 \
hexadecimal digits, as a tag can be moved; to mend it: take the digest that the push printed, or: skopeo inspect --format \
'{{.Digest}}' docker://NAME:TAG
    """
    if not REFERENCE.fullmatch(reference):
        short = reference if len(reference) < 200 else f"{reference[:200]}..."
        raise Refusal(
            f"the image {short} has no digest" if "@" not in reference else f"the image {short}",
            expected="name@sha256:... and 64 hexadecimal digits, as a tag can be moved",
            remedy=REMEDY,
        )
    return reference


def digest_of(reference: str) -> str:
    """`sha256:...` of a reference that was `checked`."""
    return reference.rpartition("@")[2]
