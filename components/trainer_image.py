"""The trainer image of a burst, by its digest. Owns the build, if it is built here; not the registry, nor what is in it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from pulumi import ComponentResource, CustomResource, Output, ResourceOptions

from burst import image_sources
from burst.cluster import ImageBuild
from burst.image_reference import checked
from burst.image_sources import VARIANT_ARGUMENTS
from trainer.refusal import Refusal

PROJECT = Path(__file__).resolve().parents[1]


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainerImageArgs:
    """Either an image that is there, or one to build from this checkout and to push."""

    reference: str = ""
    """`name@sha256:...`; a tag alone is refused, as it can be moved."""
    build: ImageBuild | None = None
    build_arguments: Mapping[str, str] = field(default_factory=dict)
    """For trainer/Dockerfile, beside those of the variant and in their place."""
    platform: str = "linux/amd64"

    def __post_init__(self) -> None:
        if bool(self.reference) == (self.build is not None):
            raise Refusal(
                "a trainer image that is both given and built" if self.reference else "no trainer image",
                expected="a reference with a digest, or what to build",
                remedy="give one of the two",
            )
        if self.reference:
            checked(self.reference)
        if self.build is not None and self.build.variant not in VARIANT_ARGUMENTS:
            raise Refusal(
                f"a trainer image for {self.build.variant!r}",
                expected=" or ".join(VARIANT_ARGUMENTS),
                remedy="set build.variant",
            )


class Image(CustomResource):
    """`hepburst:image:TrainerImage` of our plugin."""

    reference: Output[str]

    def __init__(self, name: str, *, args: TrainerImageArgs, opts: ResourceOptions | None = None) -> None:
        inputs = image_inputs(args, sources_sha256=image_sources.digest(PROJECT))
        super().__init__("hepburst:image:TrainerImage", name, {**inputs, "reference": None}, opts)


class TrainerImage(ComponentResource):
    """What every pod of a burst runs. `pulumi up` builds and pushes it when its sources have changed, and then only."""

    reference: Output[str]
    """`name@sha256:...`; a preview does not know that of an image that is yet to be built."""

    def __init__(self, name: str, args: TrainerImageArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__("hepburst:components:TrainerImage", name, {}, opts)
        if args.build is None:
            self.reference = Output.from_input(args.reference)
        else:
            self.reference = Image(name, args=args, opts=ResourceOptions(parent=self)).reference
        self.register_outputs({"reference": self.reference})


def image_inputs(args: TrainerImageArgs, *, sources_sha256: str) -> dict[str, object]:
    """What the plugin is told of a build. The same again: nothing is built, and the digest stays."""
    assert args.build is not None
    return {
        "repository": args.build.repository,
        "variant": args.build.variant,
        "build_arguments": {**VARIANT_ARGUMENTS[args.build.variant], **args.build_arguments},
        "platform": args.platform,
        "sources_sha256": sources_sha256,
    }
