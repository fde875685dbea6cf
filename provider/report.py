"""`hepburst:local:Report`: the page that shows what a run reached and cost."""

from __future__ import annotations

import asyncio
from pathlib import Path

from provider.resource import Created, ResourceKind
from provider.values import Plain


class ReportPage(ResourceKind):
    """Inputs: `path` (of the page), `run_folder`, `run_id`, `checkpoint_sha256`, `cost` (the stack output of that name)."""

    async def create(self, urn: str, inputs: Plain) -> Created:
        """Write the page."""
        await asyncio.to_thread(_write, inputs)
        return Created(id=inputs["path"], state=inputs)

    async def update(self, urn: str, state: Plain, inputs: Plain) -> Plain:
        """Write the page anew; one that moved leaves nothing behind."""
        await asyncio.to_thread(_write, inputs)
        if state["path"] != inputs["path"]:
            Path(state["path"]).unlink(missing_ok=True)
        return inputs

    async def exists(self, state: Plain) -> bool:
        """Whether the page is there."""
        return Path(state["path"]).is_file()

    async def delete(self, state: Plain) -> None:
        """Remove the page."""
        Path(state["path"]).unlink(missing_ok=True)


def _write(inputs: Plain) -> None:
    # Imported here: matplotlib costs a second that a preview should not wait for.
    from burst.report import write_report

    write_report(Path(inputs["run_folder"]), cost=inputs["cost"], out=Path(inputs["path"]))
