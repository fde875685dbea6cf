"""What a run left in its folder, read once and checked, for the report to draw."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from trainer.contract import EVENTS_FILE, RESULT_FILE, RUN_FILE, SHOWERS_FILE, EventName, RunConfig, RunResult
from trainer.physics import Physics, read_samples
from trainer.refusal import Refusal
from trainer.showers.schema import Showers


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One run folder. Only the configuration is sure to be there: a run may have been killed at any time."""

    config: RunConfig
    result: RunResult | None
    """None if the run still goes on or was killed."""
    events: tuple[dict[str, Any], ...]
    samples: tuple[Showers, Showers] | None
    """Geant4's and the GAN's showers at the same energies."""
    gan: Physics | None
    floor: Physics | None

    def of_kind(self, name: EventName) -> list[dict[str, Any]]:
        """The events of one name, in the order in which they happened."""
        return [event for event in self.events if event["event"] == name]


def read_record(run_folder: Path) -> Record:
    """Read a run folder. Refuses, by name, a missing run file and any file that is damaged; what is missing else is None."""
    config = RunConfig.read(run_folder / RUN_FILE)
    result_path, samples_path = run_folder / RESULT_FILE, run_folder / SHOWERS_FILE
    result = RunResult.read(result_path) if result_path.exists() else None
    judged = result.physics if result else {}
    return Record(
        config=config,
        result=result,
        events=tuple(_events(run_folder / EVENTS_FILE)),
        samples=read_samples(samples_path) if samples_path.exists() else None,
        gan=_physics(judged, "gan", result_path),
        floor=_physics(judged, "floor", result_path),
    )


def _physics(judged: dict[str, Any], name: str, path: Path) -> Physics | None:
    values = judged.get(name)
    if not values:
        return None
    try:
        return Physics.from_dict(values)
    except Refusal as refusal:
        raise Refusal(f"{path}: {name}: {refusal.got}", expected=refusal.expected, remedy=refusal.remedy) from None


def _events(path: Path) -> Iterator[dict[str, Any]]:
    """The events of a file, if there is one. Each start of the run may have left one torn line, where it was killed."""
    if not path.exists():
        return
    events, torn = [], []
    for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), start=1):
        event = _event(line)
        if event is None:
            torn.append(number)
        else:
            events.append(event)
    num_starts = sum(event["event"] == EventName.PHASE and event.get("name") == "training" for event in events)
    if len(torn) > max(1, num_starts) or torn[:1] == [1]:
        raise Refusal(
            f"{path}, line {torn[0]} is no event", expected="one JSON event a line", remedy="remove the damaged lines"
        )
    yield from events


def _event(line: str) -> dict[str, Any] | None:
    try:
        event = json.loads(line)
    except ValueError:
        return None
    return event if isinstance(event, dict) and isinstance(event.get("event"), str) else None
