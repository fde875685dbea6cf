"""How fast one shape trains a given work: CERN's curve, moved to the accelerator, the platform and the trainer at hand."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cache

from burst import facts
from burst.facts import speeds
from burst.facts.epoch_times import EpochTime, Platform
from burst.forecast import epochs, fitting
from burst.forecast.step_model import StepModel
from burst.forecast.work import Work
from burst.ranges import Range
from burst.spec import Shape, Target
from trainer.contract import Preset

PLATFORMS = {
    Target.GKE: Platform.GKE,
    Target.GCP_TPU: Platform.TPU,
    Target.AZURE_ML: Platform.AZURE_ML,
    Target.OCI: Platform.GKE,
    Target.KUBERNETES: Platform.GKE,
}
"""Whose measurements stand for a target."""
UNMEASURED = frozenset({Target.OCI, Target.KUBERNETES})
"""Nobody measured there: GKE's curve, with the scatter that Azure ML shows around it."""
SAME_CHIP = {"V100-32GB": "V100-16GB", "V100-16GB-PCIe": "V100-16GB"}
"""Accelerators that differ from a measured one in memory or socket alone."""
CERN_IMAGE = (51, 51, 25)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """The step model of one shape, its relative range, and whether anybody measured it."""

    model: StepModel
    """Expected values; `seconds_per_sample` is a rank's."""
    platform_factor: float
    """Of the whole epoch: Azure ML's over GKE's."""
    ranks_per_node: int
    max_batch_per_rank: int
    """The largest that the measurements show to fit the memory of a rank."""
    is_extrapolated: bool
    """Scaled by bandwidth from other accelerators."""
    trainer: Range
    """The trainer's time over that of the model."""
    is_trainer_measured: bool
    """On this accelerator, by a probe or a finished run of the user's."""


def pace(work: Work, shape: Shape) -> Pace:
    """The expected pace of `work` on nodes of `shape`; refuses an accelerator without a row of facts."""
    accelerator = SAME_CHIP.get(shape.accelerator, shape.accelerator)
    platform = PLATFORMS[shape.target]
    constants = epochs.model(platform, accelerator)
    measured = measured_trainer(work, platform, shape.accelerator)
    trainer = measured or facts.implementation(work.implementation).factor
    return Pace(
        model=replace(
            constants,
            seconds_per_sample=constants.seconds_per_sample * work.compute.expected,
            keeps_last_batch=work.keeps_last_batch(is_tpu=shape.is_tpu),
        ),
        platform_factor=trainer.expected * epochs.platform_factor(platform),
        ranks_per_node=shape.num_accelerators * facts.ranks_per_chip(accelerator),
        max_batch_per_rank=max_batch_per_rank(shape.accelerator),
        is_extrapolated=accelerator not in epochs.measured() and measured is None,
        trainer=trainer,
        is_trainer_measured=measured is not None,
    )


def measured_trainer(work: Work, platform: Platform, accelerator: str) -> Range | None:
    """Our trainer's step over the model's, where the user has measured it on this accelerator: it moves CERN's curve.

    Of several measurements the one with the most steps. It replaces what was scaled from other accelerators too.
    """
    if work.implementation != facts.OURS:
        return None
    alike = SAME_CHIP.get(accelerator, accelerator)
    known = [
        speed for name in sorted({accelerator, alike}) for speed in speeds.on_processor(name, Preset.PUBLISHED, CERN_IMAGE)
    ]
    if not known:
        return None
    speed = max(known, key=lambda each: each.num_steps)
    model_seconds = epochs.model(platform, alike).step_seconds(float(speed.batch_per_rank), float(speed.num_nodes))
    ends = (speed.seconds_per_step_low, speed.seconds_per_step, speed.seconds_per_step_high)
    return Range(*(seconds / model_seconds for seconds in ends))


def relative_range(work: Work, shape: Shape, *, num_nodes: int, num_ranks: int, batch_per_rank: int) -> Range:
    """By how much an epoch may differ from its expected time: the fits' scatter, the accelerator's, and the trainer's."""
    accelerator = SAME_CHIP.get(shape.accelerator, shape.accelerator)
    run = EpochTime(
        platform=PLATFORMS[shape.target],
        accelerator=accelerator,
        num_ranks=num_ranks,
        num_nodes=num_nodes,
        batch_per_rank=batch_per_rank,
        has_prefetch=True,
        epoch_seconds=1.0,
        first_epoch_seconds=None,
        source="",
    )
    measured = pace(work, shape)
    layout = replace(run, accelerator=fitting.GKE_ACCELERATOR) if measured.is_trainer_measured and not shape.is_tpu else run
    predicted = epochs.predict(layout)
    near = predicted * (1 / predicted.expected)
    platform = epochs.azure_ml_scatter() if shape.target in UNMEASURED else Range.exactly(1.0)
    trainer = measured.trainer * (1 / measured.trainer.expected)
    return Range.independent(near, platform, trainer, work.compute * (1 / work.compute.expected))


@cache
def max_batch_per_rank(accelerator: str) -> int:
    """Batch that is known to fit: CERN's largest on a V100 of 16 GB, or on a TPU core of 8 GB, in proportion to the memory.

    >>> max_batch_per_rank("V100-16GB"), max_batch_per_rank("A100-80GB"), max_batch_per_rank("TPU-v3")
    (96, 480, 256)
    """
    rows = (fitting.tpu() if accelerator.startswith("TPU") else fitting.gke()).rows
    batch_per_gb = max(row.batch_per_rank / rank_memory_gb(row.accelerator) for row in rows)
    return math.floor(batch_per_gb * rank_memory_gb(accelerator))


def rank_memory_gb(accelerator: str) -> float:
    """Memory of one rank: of the GPU, or of the core's share of a TPU chip."""
    return facts.accelerator(accelerator).memory_gb / facts.ranks_per_chip(accelerator)
