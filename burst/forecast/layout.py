"""A training on nodes with equal accelerators, whoever owns them: whether it can run, how long it takes, and why so."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from burst import facts
from burst.facts import AFTER, BEFORE, PhaseName
from burst.forecast import accuracy, epochs, estimate
from burst.forecast.estimate import SECONDS_PER_HOUR, Times
from burst.forecast.pace import PLATFORMS, Pace, pace, relative_range
from burst.forecast.work import Work
from burst.ranges import Case, Range
from burst.spec import Shape
from trainer.refusal import Refusal

MAX_SOURCE = 60
"""Letters of a source in a line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """A training on nodes with one kind of accelerator, a rank on each GPU or TPU core."""

    work: Work
    shape: Shape
    """Of the first nodes; others may have more or fewer of its accelerators."""
    num_nodes: int
    num_ranks: int
    """Horovod ranks of all nodes together, one a GPU or TPU core."""
    batch_per_rank: int

    @property
    def pace(self) -> Pace:
        """How fast its shape trains."""
        return pace(self.work, self.shape)

    @property
    def max_measured_ranks(self) -> int:
        """The most ranks that anybody measured on its platform."""
        return epochs.max_measured_ranks(PLATFORMS[self.shape.target])

    @property
    def is_extrapolated(self) -> bool:
        """Nobody measured its accelerator, or so many of them."""
        return self.pace.is_extrapolated or self.num_ranks > self.max_measured_ranks

    @property
    def global_batch(self) -> int:
        """Showers in a step of all ranks."""
        return self.num_ranks * self.batch_per_rank


def check(layout: Layout) -> None:
    """Refuse what cannot run: no accelerator, nothing, several TPU slices, a batch beyond the memory or beyond the data."""
    shape = layout.shape
    if not shape.accelerator:
        raise Refusal(f"{shape.name} has no accelerator", expected="a shape with GPUs or TPUs", remedy="choose another shape")
    for name in ("num_nodes", "batch_per_rank"):
        if getattr(layout, name) < 1:
            raise Refusal(f"{name} is {getattr(layout, name)}", expected="1 or more", remedy=f"correct {name}")
    if shape.is_tpu and layout.num_nodes > 1:
        raise Refusal(
            f"{layout.num_nodes} slices {shape.name}", expected="one: slices are not joined", remedy="take a larger slice"
        )
    largest = layout.pace.max_batch_per_rank
    if layout.batch_per_rank > largest:
        raise Refusal(
            f"a batch of {layout.batch_per_rank} on {shape.accelerator}",
            expected=f"{largest} or less, which the measurements show to fit its memory",
            remedy="lower the batch, or take an accelerator with more memory",
        )
    if layout.global_batch > layout.work.num_samples:
        raise Refusal(
            f"a global batch of {layout.global_batch:,} for {layout.work.num_samples:,} showers",
            expected="no more than the data",
            remedy="lower the batch or the number of nodes",
        )


def times(layout: Layout, case: Case, *, failures_per_hour: float = 0.0) -> Times:
    """The times of one case, arrays of one. `failures_per_hour`: of any node; none where nobody can take them back."""
    work, shape = layout.work, layout.shape
    factor = relative_range(
        work, shape, num_nodes=layout.num_nodes, num_ranks=layout.num_ranks, batch_per_rank=layout.batch_per_rank
    )
    return estimate.times(
        work,
        shape,
        layout.pace,
        num_nodes=np.array([float(layout.num_nodes)]),
        num_ranks=np.array([float(layout.num_ranks)]),
        batch_per_rank=np.array([float(layout.batch_per_rank)]),
        failures_per_hour=np.array([failures_per_hour]),
        case=case,
        epoch_factor=factor.at(case),
    )


def hour_items(layout: Layout, spent: Times, case: Case, *, rework: str) -> dict[str, float]:
    """The hours from the grant of the machines to nothing left; `rework`: what the time beyond the training is called."""
    phases = facts.phases(layout.shape.target)
    before = [phases[name].seconds.at(case) for name in BEFORE if name in phases and name is not PhaseName.QUEUEING]
    after = [phases[name].seconds.at(case) for name in AFTER if name in phases]
    is_measured = layout.work.implementation == facts.CERN
    first = estimate.first_epoch_seconds(PLATFORMS[layout.shape.target], is_measured=is_measured).at(case)
    seconds = {
        "set-up": sum(before),
        "first epoch, beyond the others": first,
        "training": float(spent.training[0]) - first,
        rework: float(spent.rework[0]),
        **({"teardown": sum(after)} if after else {}),
    }
    return {name: value / SECONDS_PER_HOUR for name, value in seconds.items()}


def waiting_hours(layout: Layout) -> Range:
    """Before all that, until the machines are granted."""
    return facts.phases(layout.shape.target)[PhaseName.QUEUEING].seconds * (1 / SECONDS_PER_HOUR)


def plain(items: Mapping[str, estimate.Vector]) -> dict[str, float]:
    """Items of a single burst as numbers."""
    return {name: float(np.broadcast_to(value, (1,))[0]) for name, value in items.items()}


def ranges(cases: Mapping[Case, Mapping[str, float]]) -> dict[str, Range]:
    """Items of three cases as ranges; what gets less where all else gets more keeps its order."""
    found = {}
    for name in cases[Case.EXPECTED]:
        low, expected, high = (cases[case][name] for case in (Case.LOW, Case.EXPECTED, Case.HIGH))
        found[name] = Range(min(low, expected), expected, max(expected, high))
    return found


def total(parts: Iterable[Range]) -> Range:
    """Their sum: low with low, high with high."""
    found = Range.exactly(0.0)
    for part in parts:
        found = found + part
    return found


def time_basis(layout: Layout, spent: Times) -> Iterator[str]:
    """On what time and accuracy rest; `spent` is the expected case."""
    yield "time: step model fitted to CERN's published epoch times (ISC_HPC_3DGAN@0653114, 2021)"
    if layout.pace.is_extrapolated:
        yield f"time: {layout.shape.accelerator} is extrapolated by memory bandwidth from measured ones: nobody measured it"
    elif layout.is_extrapolated:
        most = layout.max_measured_ranks
        yield f"time: {layout.num_ranks} ranks are extrapolated: nobody measured more than {most} there"
    factor, trainer = layout.pace.trainer, facts.implementation(layout.work.implementation)
    if layout.pace.is_trainer_measured:
        measured = f"{factor.low:.2f} to {factor.high:.2f} of CERN's trainer"
        yield f"time: {measured}, measured on {layout.shape.accelerator} (burst calibrate)"
    elif layout.work.implementation != facts.CERN:
        yield f"time: {factor.low:g} to {factor.high:g} of CERN's trainer ({short(trainer.source)}, {trainer.as_of})"
    yield f"physics: {accuracy.sentence(float(spent.num_updates[0]), float(spent.num_epochs[0]))}"


def grid_basis(region: str) -> str:
    """Whose grid emits how much, in `provider/region`."""
    grid = facts.grid_carbon(region)
    return f"carbon: {grid.gco2e_per_kwh:g} gCO2e/kWh, location-based, grid of {grid.location} ({grid.source}, {grid.as_of})"


def short(source: str) -> str:
    """A source in a line: what kind it is, or its first words."""
    if source.startswith("assumption:"):
        return "an assumption, burst/facts"
    return source if len(source) <= MAX_SOURCE else source[: MAX_SOURCE - 3].rsplit(" ", 1)[0] + " ..."
