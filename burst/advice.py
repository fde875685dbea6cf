"""What to do with a front: which plan, with which settings and why, and what a limit costs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields, replace

import numpy as np
from numpy.typing import NDArray

from burst import facts
from burst.forecast import accuracy, fitting, rented
from burst.forecast.rented import Rental
from burst.planner import Front
from burst.ranges import Case
from trainer.refusal import Refusal

Indices = NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What a plan may take at most, by its expected values. None: no limit."""

    max_hours: float | None = None
    max_usd: float | None = None
    max_kgco2e: float | None = None

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if value is not None and not 0 < value < float("inf"):
                raise Refusal(f"{field.name} is {value:g}", expected="a number above 0", remedy=f"correct {field.name}")


@dataclass(frozen=True, slots=True)
class _Quantity:
    limit: str
    column: str
    name: str
    unit: str


QUANTITIES = (
    _Quantity("max_hours", "hours", "deadline", "h"),
    _Quantity("max_usd", "usd", "budget", "USD"),
    _Quantity("max_kgco2e", "kgco2e", "carbon limit", "kgCO2e"),
)


def within(front: Front, limits: Limits) -> Indices:
    """The plans within all limits, cheapest first."""
    kept = np.ones(len(front.usd), dtype=bool)
    for quantity, limit in _given(limits):
        kept &= _column(front, quantity) <= limit
    return np.flatnonzero(kept)


def notable(front: Front, indices: Indices) -> dict[str, int]:
    """The best of `indices` by name. Balanced: the least product of money and time, 1% of either weighing the same."""
    columns = {"cheapest": front.usd, "fastest": front.hours, "least carbon": front.kgco2e, "balanced": front.usd * front.hours}
    return {name: int(indices[np.argmin(values[indices])]) for name, values in columns.items()}


def recommended(front: Front, limits: Limits) -> int:
    """The cheapest to a deadline or carbon limit, the fastest to a budget alone, the balanced one without any."""
    best = notable(front, within(front, limits))
    if limits.max_hours is not None or limits.max_kgco2e is not None:
        return best["cheapest"]
    return best["fastest" if limits.max_usd is not None else "balanced"]


def shown(front: Front, indices: Indices, count: int) -> list[int]:
    """Up to `count` plans across all of `indices`: the notable ones, the cheapest of each stretch of time, and then whatever is
    farthest from those chosen, in ratios of money, time and carbon."""
    chosen = set(list(dict.fromkeys(notable(front, indices).values()))[:count])
    logs = np.log(front.hours[indices])
    low, high = float(logs.min()), float(logs.max())
    for edge in np.linspace(low, high, max(count, 2))[1:]:
        if len(chosen) >= count:
            break
        fast_enough = indices[logs <= edge + 1e-12]
        chosen.add(int(fast_enough[np.argmin(front.usd[fast_enough])]))
    points = np.log(np.column_stack([front.usd[indices], front.hours[indices], front.kgco2e[indices]]))
    while len(chosen) < min(count, len(indices)):
        taken = points[np.isin(indices, list(chosen))]
        distance = np.abs(points[:, None] - taken[None]).max(axis=2).min(axis=1)
        chosen.add(int(indices[np.argmax(np.where(np.isin(indices, list(chosen)), -1.0, distance))]))
    return sorted(chosen)


def nearest(front: Front, limits: Limits) -> int:
    """Where nothing is within the limits: the plan whose worst excess, as a ratio, is least."""
    excess = np.max([_column(front, quantity) / limit for quantity, limit in _given(limits)], axis=0)
    return int(np.argmin(excess))


def exclusions(front: Front, limits: Limits) -> list[str]:
    """Which limits cannot be held, alone or with the others, and what each would have to be."""
    return list(_exclusions(front, limits))


def _exclusions(front: Front, limits: Limits) -> Iterator[str]:
    for quantity, limit in _given(limits):
        least = float(_column(front, quantity).min())
        if least > limit:
            yield f"the {quantity.name} of {limit:g} {quantity.unit}: no plan takes less than {least:.3g} {quantity.unit}"
            continue
        relaxed = within(front, replace(limits, **{quantity.limit: None}))
        if len(relaxed):
            needed = float(_column(front, quantity)[relaxed].min())
            others = " and ".join(f"the {other.name}" for other, _ in _given(limits) if other is not quantity)
            asked = f"the {quantity.name} of {limit:g} {quantity.unit}"
            yield f"{asked}: with {others} it would have to be {needed:.3g} {quantity.unit}"


def savings(front: Front, limits: Limits) -> list[str]:
    """What each limit that binds costs: what an hour, some money or some carbon more would save."""
    return [sentence for quantity, limit in _given(limits) if (sentence := _saving(front, limits, quantity, limit))]


def _saving(front: Front, limits: Limits, quantity: _Quantity, limit: float) -> str | None:
    """For the limit on one quantity: the least step that helps, of an hour, a tenth of the budget, or a tenth of the carbon."""
    here = recommended(front, limits)
    gain = QUANTITIES[0] if quantity.column == "usd" else QUANTITIES[1]
    step = 1.0 if quantity.column == "hours" else limit / 10
    for more in (step, 2 * step, 5 * step, 10 * step):
        there = recommended(front, replace(limits, **{quantity.limit: limit + more}))
        before, after = (float(_column(front, gain)[index]) for index in (here, there))
        if after < 0.99 * before:
            what = "1 hour more" if quantity.column == "hours" and more == 1 else f"{more:.3g} {quantity.unit} more"
            saved = f"{before - after:.3g} {gain.unit}: {before:.3g} -> {after:.3g} {gain.unit}"
            return f"{what} ({quantity.name}) would save {saved} on {name(front.rental(there))}"
    return None


def _given(limits: Limits) -> list[tuple[_Quantity, float]]:
    values = ((quantity, getattr(limits, quantity.limit)) for quantity in QUANTITIES)
    return [(quantity, value) for quantity, value in values if value is not None]


def _column(front: Front, quantity: _Quantity) -> NDArray[np.float64]:
    column: NDArray[np.float64] = getattr(front, quantity.column)
    return column


def name(rental: Rental) -> str:
    """A plan in a few words.

    `16 x n1-standard-96+8xV100-16GB, us-central1, spot, batch 96`
    """
    offer = rental.offer
    return f"{rental.num_nodes} x {offer.shape.name}, {offer.region}, {offer.purchase}, batch {rental.batch_per_rank}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """One recommended setting, and why."""

    name: str
    value: str
    reason: str


def settings(rental: Rental) -> list[Setting]:
    """How to run a plan: nodes, ranks, batch, input, checkpoints, each with its reason in numbers."""
    return [_nodes(rental), _ranks(rental), _batch(rental), _prefetch(rental), _checkpoints(rental)]


def _nodes(rental: Rental) -> Setting:
    shape, model = rental.offer.shape, rental.pace.model
    unit = "chips in one slice" if shape.is_tpu else "GPUs a node"
    if shape.is_tpu:
        reason = "a slice is rented whole; its chips speak over their own links"
    elif rental.num_nodes == 1:
        reason = "one node: no step waits for a network"
    else:
        step = model.step_seconds(float(rental.batch_per_rank), float(rental.num_nodes))
        wait = (rental.num_nodes - 1) * model.seconds_per_step_and_node
        single = rental.num_nodes * shape.num_accelerators - 1
        reason = (
            f"{rental.num_nodes} nodes cost {wait / step:.0%} of each step in waiting for each other; "
            f"one GPU a node would cost {single * model.seconds_per_step_and_node:.2g} s a step instead of {wait:.2g} s"
        )
    return Setting(name="nodes", value=f"{rental.num_nodes} of {shape.num_accelerators} {unit}", reason=reason)


def _ranks(rental: Rental) -> Setting:
    shape = rental.offer.shape
    device = "GPU" if not shape.is_tpu else "TPU core" if rental.pace.ranks_per_node > shape.num_accelerators else "TPU chip"
    return Setting(name="ranks", value=str(rental.num_ranks), reason=f"one a {device}: a rank drives one device")


def _batch(rental: Rental) -> Setting:
    model, largest = rental.pace.model, rental.pace.max_batch_per_rank
    step = model.step_seconds(float(rental.batch_per_rank), float(rental.num_nodes))
    overhead = 1 - rental.batch_per_rank * model.seconds_per_sample / step
    assumed = " (nobody varied the batch on TPUs: the V100's)" if rental.offer.shape.is_tpu else ""
    grows = f"what does not grow with the batch is {overhead:.0%} of a step{assumed}"
    times = rented.times(rental, Case.EXPECTED)
    physics = accuracy.sentence(float(times.num_updates[0]), float(times.num_epochs[0]))
    reason = f"up to {largest} fit the memory; {grows}. Physics: {physics}"
    return Setting(name="batch per rank", value=f"{rental.batch_per_rank} (global {rental.global_batch:,})", reason=reason)


def _prefetch(rental: Rental) -> Setting:
    epoch = float(rented.times(rental, Case.EXPECTED).epoch[0])
    needed = rental.work.num_samples / epoch
    bound = fitting.storage_samples_per_second()
    if needed > bound and rental.num_nodes > 1:
        why = f"without it CERN's nodes got no more than {bound:,.0f} from the bucket"
    else:
        why = f"it costs nothing, and several nodes would need it from {bound:,.0f} showers/s on"
    reason = f"the ranks take {needed:,.0f} showers/s; {why}"
    return Setting(name="prefetch", value="on", reason=reason)


def _checkpoints(rental: Rental) -> Setting:
    times = rented.times(rental, Case.EXPECTED)
    per_node_hour = facts.preemption(rental.offer.shape, rental.offer.purchase).per_node_hour.expected
    expected = per_node_hour * rental.num_nodes * float(times.busy[0]) / 3600
    share = float(times.rework[0] / times.training[0])
    reason = f"{expected:.2g} interruptions expected; with their restarts they add {share:.1%} to the training"
    return Setting(name="checkpoint", value=f"every epoch ({float(times.epoch[0]):.0f} s)", reason=reason)
