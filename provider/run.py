"""`hepburst:local:Run`: one training run on this machine, from its first step to its result."""

from __future__ import annotations

import asyncio
import dataclasses
import signal
from pathlib import Path
from typing import Any

from burst.outputs import headline_physics
from provider.engine import Engine
from provider.progress import Progress
from provider.resource import Changes, Created, PartialFailure, ResourceKind
from provider.stack_folder import RUNS_FOLDER, stop_and_remove, stop_launcher
from provider.training import Ending, train
from provider.values import Plain
from trainer.contract import CHECKPOINTS_FOLDER, RESULT_FILE, RUN_FILE, RunConfig, RunResult, RunStatus
from trainer.refusal import Refusal

CONFIG_NAMES = tuple(field.name for field in dataclasses.fields(RunConfig))


class Run(ResourceKind):
    """Inputs: the values of `RunConfig` and `folder`, the stack's folder. Outputs: `run_id`, `run_folder`, `status`, `result`.

    Its id is the lineage's, so it stays the same resource when more epochs are asked for. `result` is `RunResult.to_dict()`,
    its physics cut to the headlines: the whole stays in the run's folder.
    """

    unknown_until_made = frozenset({"status", "result"})

    def __init__(self, engine: Engine, cancelled: asyncio.Event) -> None:
        self._engine, self._cancelled = engine, cancelled

    def check(self, inputs: Plain) -> None:
        """Refuse what `RunConfig` refuses."""
        _config(inputs)

    def changes(self, state: Plain, inputs: Plain) -> Changes:
        """By identity: the same run does nothing, more epochs or an unfinished run go on, anything else is another run.

        A result in the state that this version cannot read is read, or made, anew.
        """
        try:
            before = _config(state)
        except Refusal:
            return Changes(replaces=frozenset(CONFIG_NAMES) & inputs.keys())
        after = _config(inputs)
        changed = {name for name in CONFIG_NAMES if getattr(before, name) != getattr(after, name)} - {"data_path"}
        if changed and not (changed == {"num_epochs"} and after.num_epochs > before.num_epochs):
            return Changes(replaces=frozenset(changed))
        if state.get("status") != RunStatus.SUCCEEDED:
            changed.add("status")
        elif not _is_result(state.get("result")):
            changed.add("result")
        if state.get("folder") != inputs["folder"]:
            changed.add("folder")
        return Changes(updates=frozenset(changed))

    def planned(self, inputs: Plain) -> Plain:
        """The ids and the place are known before the run."""
        config = _config(inputs)
        return {**inputs, "run_id": config.run_id(), "run_folder": str(_run_folder(inputs, config))}

    async def create(self, urn: str, inputs: Plain) -> Created:
        """Train, or take over what an earlier attempt left in the folder: its result, or its last checkpoint."""
        return Created(id=_config(inputs).lineage_id(), state=await self._trained(urn, inputs))

    async def update(self, urn: str, state: Plain, inputs: Plain) -> Plain:
        """Go on from the last checkpoint."""
        return await self._trained(urn, inputs)

    async def exists(self, state: Plain) -> bool:
        """Whether the run's folder is there."""
        return Path(state["run_folder"]).is_dir()

    async def delete(self, state: Plain) -> None:
        """Stop the run if it still runs, and remove its folder."""
        await asyncio.to_thread(stop_and_remove, Path(state["run_folder"]))

    async def _trained(self, urn: str, inputs: Plain) -> Plain:
        config = _config(inputs)
        run_folder = _run_folder(inputs, config)
        state = self.planned(inputs)
        finished = _result(run_folder)
        if finished is not None and finished.run_id == config.run_id() and finished.status is RunStatus.SUCCEEDED:
            return {**state, "status": str(finished.status), "result": _in_state(finished)}
        await asyncio.to_thread(stop_launcher, run_folder)
        run_folder.mkdir(parents=True, exist_ok=True)
        dataclasses.replace(config, data_path=str(Path(config.data_path).resolve())).write(run_folder / RUN_FILE)
        written_before = _written_at(run_folder)
        ending = await train(run_folder, cancelled=self._cancelled, progress=Progress(self._engine, urn))
        if ending.refusal is not None:
            raise ending.refusal
        result = _result(run_folder) if _written_at(run_folder) != written_before else None
        status = RunStatus.INTERRUPTED if self._cancelled.is_set() else RunStatus.FAILED
        if result is not None:
            status = result.status
        state |= {"status": str(status), "result": {} if result is None else _in_state(result)}
        if result is None or status is not RunStatus.SUCCEEDED:
            interrupted = status is RunStatus.INTERRUPTED
            reason = _interruption(run_folder, result) if interrupted else _failure(result, ending)
            raise PartialFailure(reason, resource_id=config.lineage_id(), state=state)
        await self._engine.status(
            urn, f"epoch {result.num_epochs}/{config.num_epochs}  {result.samples_per_second:.0f} showers/s"
        )
        return state


def _config(values: Plain) -> RunConfig:
    known: dict[str, Any] = {name: values[name] for name in CONFIG_NAMES if name in values}
    return RunConfig.from_dict(known)


def _run_folder(inputs: Plain, config: RunConfig) -> Path:
    return Path(inputs["folder"]) / RUNS_FOLDER / config.lineage_id()


def _result(run_folder: Path) -> RunResult | None:
    """What the trainer wrote; none where there is nothing, or what this version cannot read."""
    try:
        return RunResult.read(run_folder / RESULT_FILE)
    except Refusal:
        return None


def _is_result(values: Any) -> bool:
    try:
        RunResult.from_dict(values)
    except (Refusal, AttributeError, TypeError):
        return False
    return True


def _in_state(result: RunResult) -> Plain:
    return {**result.to_dict(), "physics": headline_physics(result.physics)}


def _written_at(run_folder: Path) -> int:
    """When the result was written, so that a dead trainer's answer is not mistaken for an earlier one's."""
    path = run_folder / RESULT_FILE
    return path.stat().st_mtime_ns if path.is_file() else 0


def _interruption(run_folder: Path, result: RunResult | None) -> str:
    """What the user reads after Ctrl-C. No result: the signal came before the trainer listened, or it took too long to stop."""
    if result is not None:
        return (
            f"training interrupted after step {result.num_steps}; its checkpoint is kept, the next `pulumi up` goes on from it"
        )
    if any((run_folder / CHECKPOINTS_FOLDER).glob("[!.]*")):
        return "training interrupted; nothing new was saved, the next `pulumi up` goes on from the last checkpoint"
    return "training interrupted before its first checkpoint; the next `pulumi up` begins at the first step"


def _failure(result: RunResult | None, ending: Ending) -> str:
    """What the user reads: one sentence on what happened, and where to read on."""
    last_lines = list(ending.last_stderr_lines)
    if result is not None:
        said = result.message
    elif ending.exit_status < 0:
        said = f"the trainer was killed by {signal.Signals(-ending.exit_status).name}"
    else:
        # A trainer that could not write its result died of an exception: its traceback ends with what happened.
        said, last_lines = (last_lines or [f"exit status {ending.exit_status} without a word"])[-1], []
    return "\n  ".join([f"training failed: {said}", *last_lines, f"its whole log: {ending.log_path}"])
