"""From the events of a run to its pace: seconds of a step, of an evaluation, and of what it does once."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from trainer.contract import EventName, RunStatus
from trainer.refusal import Refusal

MIN_BLOCKS = 3
NUM_WARMUP_STEPS = 5
"""The first steps after a start are slower: memory is taken, optimizers make their state."""
JUDGING_SHARE = 0.5
"""Of an evaluation: what the final judgement takes, on the test showers of the samples. Measured in whole runs on 2 CPUs: 0.51
(demo), 0.61 (published) and 0.29 (published, 51 x 51 x 25 cells, whose sample has fewer)."""

Event = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """Wall-clock seconds of the parts of a run."""

    seconds_per_step_low: float
    """5% quantile over steps; those of a block count with the block's mean."""
    seconds_per_step: float
    """Median over steps."""
    seconds_per_step_high: float
    """95% quantile over steps."""
    num_steps: int
    num_blocks: int
    start_seconds: float
    evaluation_seconds: float


@dataclass(frozen=True, slots=True)
class Block:
    """Consecutive steps with nothing in between: as many as the trainer lets pass from one step event to the next."""

    num_steps: int
    seconds: float


def blocks(events: Sequence[Event], *, num_warmup_steps: int = NUM_WARMUP_STEPS) -> list[Block]:
    """The steps between each two step events that follow each other directly, but for the first steps after a start.

    An evaluation, a checkpoint or a restart says something of its own in between, so its time is in no block.
    """
    return list(_blocks(events, num_warmup_steps))


def pace_of(events: Sequence[Event], *, started_unix_seconds: float, num_warmup_steps: int = NUM_WARMUP_STEPS) -> Pace:
    """The pace of a run that was launched at `started_unix_seconds`; refuses events of too few steps.

    What a run does once is, from its launch to its first step, in the events; and so is its end, if the run succeeded. The
    final judgement of a run that was stopped early counts with `JUDGING_SHARE` of an evaluation.
    """
    measured = blocks(events, num_warmup_steps=num_warmup_steps)
    evaluations = _evaluation_seconds(events)
    if len(measured) < MIN_BLOCKS or not evaluations:
        raise Refusal(
            f"the steps after the first {num_warmup_steps} were timed {len(measured)} times",
            expected=f"{MIN_BLOCKS} times or more (the trainer tells the time twice a second, between evaluations)",
            remedy="measure more steps, or a longer run",
        )
    seconds = [block.seconds / block.num_steps for block in measured for _ in range(block.num_steps)]
    twentieths = statistics.quantiles(seconds, n=20, method="inclusive")
    evaluation_seconds = statistics.median(evaluations[1:] or evaluations)  # the first, before any step, also warms up
    return Pace(
        seconds_per_step_low=twentieths[0],
        seconds_per_step=statistics.median(seconds),
        seconds_per_step_high=twentieths[-1],
        num_steps=len(seconds),
        num_blocks=len(measured),
        start_seconds=_head_seconds(events, started_unix_seconds) + _tail_seconds(events, evaluation_seconds),
        evaluation_seconds=evaluation_seconds,
    )


def _blocks(events: Sequence[Event], num_warmup_steps: int) -> Iterator[Block]:
    first_step, before = 0, None
    for event in events:
        if event["event"] == EventName.PHASE and event.get("name") == "training":
            first_step = event.get("resumed_at_step", 0)
        if event["event"] != EventName.STEP:
            before = None
            continue
        if before and before["epoch"] == event["epoch"] and before["step"] - first_step >= num_warmup_steps:
            yield Block(event["step"] - before["step"], event["unix_seconds"] - before["unix_seconds"])
        before = event


def _evaluation_seconds(events: Sequence[Event]) -> list[float]:
    """Of each epoch event, since the last step, or since the training began: evaluation and checkpoint."""
    found, since = [], None
    for event in events:
        if event["event"] == EventName.EPOCH and since is not None:
            found.append(event["unix_seconds"] - since)
        if event["event"] != EventName.CHECKPOINT:
            since = event["unix_seconds"]
    return found


def _head_seconds(events: Sequence[Event], started_unix_seconds: float) -> float:
    """To the epoch event 0, which the first step follows at once."""
    first = next(event for event in events if event["event"] == EventName.EPOCH)
    return max(0.0, float(first["unix_seconds"]) - started_unix_seconds)


def _tail_seconds(events: Sequence[Event], evaluation_seconds: float) -> float:
    """From the last epoch event to the end."""
    last = max(number for number, event in enumerate(events) if event["event"] == EventName.EPOCH)
    for event in events[last:]:
        if event["event"] == EventName.FINISHED and event.get("status") == RunStatus.SUCCEEDED:
            return float(event["unix_seconds"] - events[last]["unix_seconds"])
    return JUDGING_SHARE * evaluation_seconds
