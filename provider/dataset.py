"""`hepburst:local:Dataset`: showers in one file or many, known by their digest wherever they lie."""

from __future__ import annotations

import asyncio

from provider.resource import Created, ResourceKind
from provider.values import Plain
from trainer.refusal import Refusal
from trainer.showers import reader

ID_DIGITS = 12


class Dataset(ResourceKind):
    """Inputs: `path`, `sha256`, `num_showers`, `image_shape`. It owns no file: delete leaves the data where they are."""

    async def create(self, urn: str, inputs: Plain) -> Created:
        """See that the data are those that were meant."""
        await asyncio.to_thread(_verify, inputs["path"], inputs["sha256"])
        return Created(id=inputs["sha256"][:ID_DIGITS], state=inputs)

    async def update(self, urn: str, state: Plain, inputs: Plain) -> Plain:
        """The data moved, or others are meant."""
        await asyncio.to_thread(_verify, inputs["path"], inputs["sha256"])
        return inputs

    async def exists(self, state: Plain) -> bool:
        """Whether the data are there; their digest is compared when the program reads them."""
        try:
            return bool(reader.paths_of(state["path"]))
        except Refusal:
            return False

    async def delete(self, state: Plain) -> None:
        """Nothing: the data are the user's."""


def _verify(path: str, sha256: str) -> None:
    found = reader.inspect(path).sha256
    if found != sha256:
        raise Refusal(
            f"{path} has sha256 {found[:ID_DIGITS]}...",
            expected=f"{sha256[:ID_DIGITS]}..., as when the program read it",
            remedy="let whatever writes the data finish, and run again",
        )
