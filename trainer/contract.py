"""What goes into the trainer and what comes out: `RunConfig` in, `RunResult` out, JSON lines in between.

Standard library only: whatever deploys the trainer imports this file and nothing else of it. Files of a run, all in its run
folder: `run.json` (the RunConfig), `events.jsonl` (see `EventName`), `checkpoints/`, `result.json` (the RunResult) and
`showers.npz` (the showers that a report draws).
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
import os
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, Self, TypeAlias, TypeVar, get_origin, get_type_hints

from trainer.refusal import Refusal, closest

T = TypeVar("T")
Json: TypeAlias = bool | int | float | str | list["Json"] | dict[str, "Json"] | None

CONTRACT_VERSION = 1
RUN_FILE, EVENTS_FILE, RESULT_FILE, SHOWERS_FILE, CHECKPOINTS_FOLDER = (
    "run.json",
    "events.jsonl",
    "result.json",
    "showers.npz",
    "checkpoints",
)


class Preset(StrEnum):
    """Which network and recipe: the 3DGAN of the papers, or a small one of our own for a minute on a laptop."""

    PUBLISHED = "published"
    DEMO = "demo"


class Precision(StrEnum):
    """Arithmetic of the forward and backward pass: float32, or bfloat16 autocast with float32 weights and gradients."""

    FP32 = "fp32"
    BF16 = "bf16"


class BatchNorm(StrEnum):
    """Whose batch gives BatchNorm its statistics: each rank's own, or the global batch of all ranks."""

    LOCAL = "local"
    GLOBAL = "global"


class RunStatus(StrEnum):
    """How a run ended. An interrupted run left a checkpoint that the next start goes on from."""

    SUCCEEDED = "succeeded"
    INTERRUPTED = "interrupted"
    FAILED = "failed"


class EventName(StrEnum):
    """The `event` member of each JSON line; every line also has `unix_seconds`.

    phase: name (loading, training, calibrating, evaluating); a run that resumes says `resumed_at_step` on training,
        an elastic one `num_ranks`, those that there are.
    step: epoch, num_epochs, step, num_steps (of the whole run), samples_per_second, seconds_left, losses {name: value}.
    epoch: epoch (0: before the first step), num_epochs, losses (means over the epoch), physics {name: value}, is_best.
    health: problem, action ("stop", or "return to step N").
    checkpoint: path (relative to the run folder), step.
    finished: status, message.
    """

    PHASE = "phase"
    STEP = "step"
    EPOCH = "epoch"
    HEALTH = "health"
    CHECKPOINT = "checkpoint"
    FINISHED = "finished"


@dataclass(frozen=True, slots=True, kw_only=True)
class RunConfig:
    """One training run. Two equal configurations on equal data and an equal image are the same run, wherever it runs.

    A default never changes: ids leave out values that are the default, so that a field that we add makes no other run of an
    old one. Another default is a field of another name.
    """

    data_path: str
    """HDF5 file of showers (`trainer.showers.schema`); says where, so it is in neither id."""
    data_sha256: str
    num_epochs: int
    preset: Preset = Preset.DEMO
    num_ranks: int = 2
    threads_per_rank: int = 1
    batch_per_rank: int = 16
    learning_rate: float | None = None
    """None: the preset's own."""
    seed: int = 1
    precision: Precision = Precision.BF16
    batchnorm: BatchNorm = BatchNorm.LOCAL
    test_fraction: float = 0.2
    """Share of the showers kept from training, on which the physics is judged."""
    attempt: int = 1
    """Raise it to train again from the start with everything else unchanged."""
    image_digest: str = ""
    """Digest of the container image; empty where the trainer runs from its own environment."""

    def __post_init__(self) -> None:
        for name in ("num_epochs", "num_ranks", "threads_per_rank", "batch_per_rank", "attempt"):
            if getattr(self, name) < 1:
                raise Refusal(f"{name} is {getattr(self, name)}", expected="1 or more", remedy=f"set {name}")
        if self.batch_per_rank < 2:
            raise Refusal("batch_per_rank is 1", expected="2 or more (BatchNorm needs two)", remedy="set batch_per_rank")
        if self.seed < 0:
            raise Refusal(f"seed is {self.seed}", expected="0 or more", remedy="set seed")
        if not 0 < self.test_fraction < 1:
            raise Refusal(f"test_fraction is {self.test_fraction}", expected="between 0 and 1", remedy="set test_fraction")
        if self.learning_rate is not None and not 0 < self.learning_rate < 1:
            raise Refusal(f"learning_rate is {self.learning_rate}", expected="between 0 and 1", remedy="set learning_rate")

    def run_id(self) -> str:
        """Twelve hexadecimal digits over everything but the data's place: same id, nothing to do.

        Over the required values and those that are not the default, and not over our version.
        """
        return self._digest(without=("data_path",))

    def lineage_id(self) -> str:
        """As `run_id`, without `num_epochs`: runs that differ only in length share every step, so a longer one resumes."""
        return self._digest(without=("data_path", "num_epochs"))

    def num_test_showers(self, num_showers: int) -> int:
        """Showers kept from training, of a data set of `num_showers`: see `num_test_showers`."""
        return num_test_showers(num_showers, self.test_fraction)

    def steps_per_epoch(self, num_showers: int) -> int:
        """Steps in one pass over the training showers of a data set of `num_showers`; the last partial batch is dropped.

        >>> RunConfig(data_path="x.h5", data_sha256="", num_epochs=1).steps_per_epoch(1500)
        37
        """
        return (num_showers - self.num_test_showers(num_showers)) // (self.batch_per_rank * self.num_ranks)

    def _digest(self, *, without: tuple[str, ...]) -> str:
        values = {
            field.name: value
            for field in dataclasses.fields(self)
            if (value := getattr(self, field.name)) != field.default and field.name not in without
        }
        return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()[:12]

    def to_dict(self) -> dict[str, Json]:
        """As plain JSON values, with `contract_version`."""
        return {"contract_version": CONTRACT_VERSION, **dataclasses.asdict(self)}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """The inverse of `to_dict`; refuses unknown or missing keys, other versions and values of the wrong kind."""
        return _from_dict(cls, values, file=RUN_FILE)

    def write(self, path: Path) -> None:
        """Write as JSON, atomically."""
        write_json(path, self.to_dict())

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read what `write` wrote; refuses a missing or damaged file by name."""
        return cls.from_dict(read_json(path))


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """One stretch of work on a run, from start to end or interruption; a resumed run has several."""

    started_unix_seconds: float
    seconds: float
    """Wall-clock time, from the start of the ranks to their end."""
    cpu_seconds: float
    """User and system time of all ranks."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunResult:
    """What a run reached. Written by rank 0 at the end, also of an interrupted or failed run."""

    run_id: str
    lineage_id: str
    status: RunStatus
    message: str
    """Why, in one sentence, for a person."""
    num_epochs: int
    """Epochs done."""
    num_steps: int
    num_ranks: int
    train_seconds: float
    """Wall-clock time of the training steps alone, over all segments."""
    samples_per_second: float
    """Showers a second over all ranks, during `train_seconds`."""
    segments: tuple[Segment, ...]
    losses: dict[str, float]
    """Means over the last epoch."""
    physics: dict[str, Json]
    """`trainer.physics.judge` of the best checkpoint on the test showers; empty if none was reached."""
    checkpoint: str
    """Best checkpoint, relative to the run folder; empty if none was written."""
    checkpoint_sha256: str
    environment: dict[str, str]
    """Versions and machine: torch, horovod, cpu, ..."""

    def to_dict(self) -> dict[str, Json]:
        """As plain JSON values, with `contract_version`."""
        return {"contract_version": CONTRACT_VERSION, **dataclasses.asdict(self)}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """The inverse of `to_dict`. Keys that it does not know are a newer trainer's, and left out."""
        segments = values.get("segments", ())
        known = tuple(_from_dict(Segment, segment, file=RESULT_FILE, newer_keys=True) for segment in segments)
        return _from_dict(cls, {**values, "segments": known}, file=RESULT_FILE, newer_keys=True)

    def write(self, path: Path) -> None:
        """Write as JSON, atomically."""
        write_json(path, self.to_dict())

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read what `write` wrote; refuses a missing or damaged file by name."""
        return cls.from_dict(read_json(path))


def num_test_showers(num_showers: int, test_fraction: float) -> int:
    """Showers kept from training, of `num_showers`, two or more: the nearest number that leaves one in each part.

    >>> num_test_showers(1500, 0.2), num_test_showers(2, 0.9)
    (300, 1)
    """
    return min(max(1, round(num_showers * test_fraction)), num_showers - 1)


def write_json(path: Path, values: Mapping[str, Json]) -> None:
    """Write JSON so that a reader sees the old file or the new one, never a part."""
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    partial.write_text(json.dumps(values, indent=2, allow_nan=False) + "\n", encoding="utf-8")
    partial.replace(path)


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object from a file; refuses what is none, by name."""
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as problem:
        raise Refusal(
            f"{path}: {problem}", expected="a readable JSON file", remedy="check the path, or make the file anew"
        ) from None
    if not isinstance(values, dict):
        raise Refusal(f"{path} holds a {type(values).__name__}", expected="a JSON object", remedy="make the file anew")
    return values


def _from_dict(kind: type[T], values: Mapping[str, Any], *, file: str, newer_keys: bool = False) -> T:
    """`newer_keys`: leave out keys that this version does not know, instead of refusing them."""
    given = dict(values)
    version = given.pop("contract_version", CONTRACT_VERSION)
    if version != CONTRACT_VERSION:
        raise Refusal(
            f"{file} has contract_version {version}",
            expected=str(CONTRACT_VERSION),
            remedy="use the trainer that it was made for",
        )
    fields = {field.name: field for field in dataclasses.fields(kind)}  # type: ignore[arg-type]  # T is a dataclass
    if newer_keys:
        given = {name: value for name, value in given.items() if name in fields}
    for key in given:
        if key not in fields:
            raise Refusal(
                f"{file}: unknown key {key}{closest(key, fields)}",
                expected=", ".join(fields),
                remedy="correct or remove the key",
            )
    for name, field in fields.items():
        if name not in given and field.default is field.default_factory is dataclasses.MISSING:
            raise Refusal(f"{file}: {name} is missing", expected=", ".join(fields), remedy=f"add {name}")
    hints = get_type_hints(kind)
    return kind(**{name: _converted(value, hints[name], f"{file}: {name}") for name, value in given.items()})


def _converted(value: Any, hint: Any, where: str) -> Any:
    """`value` as the field's type. Whole floats pass as integers, because protobuf structs know only doubles."""
    if isinstance(hint, type) and issubclass(hint, StrEnum):
        choices = [member.value for member in hint]
        if value not in choices:
            raise Refusal(
                f"{where} is {value!r}{closest(str(value), choices)}",
                expected=" or ".join(choices),
                remedy="choose one of them",
            )
        return hint(value)
    if hint == float | None:
        return None if value is None else _converted(value, float, where)
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if hint is int and is_number and math.isfinite(value) and value == int(value):
        return int(value)
    if hint is float and is_number and math.isfinite(value):
        return float(value)
    if hint is str and isinstance(value, str):
        return value
    if get_origin(hint) is dict and isinstance(value, dict):
        return value
    if get_origin(hint) is tuple and isinstance(value, tuple):
        return value
    expected = getattr(hint, "__name__", str(hint))
    raise Refusal(f"{where} is {value!r}", expected=f"a value of type {expected}", remedy="correct the value")
