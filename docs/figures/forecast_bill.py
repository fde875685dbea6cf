"""Where the time and the money of a plan go, and what an accuracy costs on more and more V100s."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from burst import advice, facts, planner
from burst.forecast import Cost, Rental, Work, accuracy, rented
from burst.forecast.fitting import GKE_ACCELERATOR
from burst.forecast.pace import max_batch_per_rank
from burst.planner import Front
from burst.ranges import Case, Range
from burst.spec import Purchase
from burst.wanted import Wanted
from burst.worked_examples import CERN, REGION
from burst.worked_examples.runs import V100_NODE, most_nodes, rental
from docs.figures.style import BLUE, GREEN, GREY, ORANGE, PURPLE, VERMILION, plain

NODES = "nodes with accelerators"
NODE_COUNTS = (1, 2, 4, 8, 16)
ERRORS_PERCENT = (8.3, 9.0, 10.0, 11.0)
TITLE_X = -1.0
"""Titles begin left of the bars, where their names are."""


@cache
def default_front() -> Front:
    """What `burst plan` searches without any option, on the day of the snapshot: the same on any day."""
    today = datetime.date.fromisoformat(facts.snapshot().date)
    return planner.search(Work(), Wanted(), today=today)


@cache
def default_plan() -> Rental:
    """What `burst plan` then recommends."""
    front = default_front()
    return front.rental(advice.recommended(front, advice.Limits()))


def hour_plan() -> Rental:
    """The claim of an hour: CERN's trainer on 128 V100 in nodes of eight, on demand."""
    return rental(V100_NODE, REGION, Purchase.ON_DEMAND, most_nodes(), max_batch_per_rank(GKE_ACCELERATOR))


def draw_parts(axes: list[Axes]) -> None:
    """Hours and dollars by part, of the plan that is recommended without limits, and of 128 V100."""
    plans = (("`burst plan` recommends", default_plan()), ("CERN's trainer on 128 V100", hour_plan()))
    for (title, plan), (hours, usd) in zip(plans, (axes[:2], axes[2:]), strict=True):
        cost = rented.cost(plan)
        _bars(hours, cost.items["hours"], BLUE, "hours")
        _bars(usd, usd_by_part(cost), ORANGE, "US dollars")
        offer = plan.offer
        hours.set_title(f"{title}, in all {_words(cost.hours)} h", loc="left", x=TITLE_X)
        usd.set_title(f"{_short(plan)}, {offer.purchase}: {_words(cost.usd)} USD", loc="left", x=TITLE_X)


def _short(plan: Rental) -> str:
    shape = plan.offer.shape
    return shape.name if shape.is_tpu else f"{plan.num_nodes} nodes of {shape.num_accelerators}"


def usd_by_part(cost: Cost) -> dict[str, Range]:
    """The nodes' price apart from what is billed beside them."""
    items = dict(cost.items["usd"])
    nodes = items.pop(NODES)
    beside = sorted(items.items(), key=lambda item: -item[1].expected)
    return {NODES: nodes, **dict(beside)}


def _words(value: Range) -> str:
    """`0.25 (0-48)`, to two or three digits."""
    if value.low == value.high:
        return _number(value.expected)
    return f"{_number(value.expected)} ({_number(value.low)} to {_number(value.high)})"


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}" if value >= 1 or value == 0 else f"{value:.2g}"


def _bars(axes: Axes, parts: Mapping[str, Range], colour: str, unit: str) -> None:
    """Bars to the expected values, lines over the ranges; a range beyond the axis ends in an arrow."""
    longest = 1.9 * max(part.expected for part in parts.values())
    for place, part in enumerate(parts.values()):
        axes.barh(place, part.expected, height=0.6, color=colour, alpha=0.75, lw=0)
        axes.plot([part.low, min(part.high, longest)], [place, place], color="black", lw=1)
        if part.high > longest:
            axes.plot(longest, place, ">", color="black", ms=4, clip_on=False)
        axes.text(1.04 * longest, place, _words(part), va="center", fontsize=8)
    axes.set_yticks(range(len(parts)), list(parts), fontsize=8)
    axes.set(ylim=(len(parts) - 0.4, -0.6), xlim=(0, longest), xlabel=unit)
    axes.grid(axis="x", alpha=0.25)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reached:
    """60 epochs on V100s at one global batch."""

    num_gpus: int
    global_batch: int
    cost: Cost
    num_updates: float


def reached(num_nodes: int, batch: int) -> Reached:
    """By CERN's trainer, on demand."""
    plan = rental(V100_NODE, REGION, Purchase.ON_DEMAND, num_nodes, batch)
    num_updates = float(rented.times(plan, Case.EXPECTED).num_updates[0])
    return Reached(num_gpus=plan.num_ranks, global_batch=plan.global_batch, cost=rented.cost(plan), num_updates=num_updates)


def reaching(error_percent: float, num_nodes: int) -> Reached | None:
    """At the largest batch whose 60 epochs still make the updates of an ECAL error; None where not even one a rank does."""
    needed = accuracy.updates_for(error_percent)
    for batch in range(max_batch_per_rank(GKE_ACCELERATOR), 0, -1):
        found = reached(num_nodes, batch)
        if found.num_updates >= needed:
            return found
    return None


def global_batch_of(error_percent: float) -> float:
    """The global batch at which 60 epochs make as many updates as an error needs."""
    assert CERN.num_epochs is not None
    return CERN.num_samples * CERN.num_epochs / accuracy.updates_for(error_percent)


def draw_accuracy(axes: list[Axes]) -> None:
    """Hours and dollars of 60 epochs against the global batch, on 8 to 128 V100; above, the ECAL error that it leaves."""
    styles = ((BLUE, "o"), (ORANGE, "s"), (GREEN, "^"), (PURPLE, "v"), (VERMILION, "D"))
    most = max_batch_per_rank(GKE_ACCELERATOR)
    batches = [batch for batch in (8, 12, 16, 24, 32, 48, 64, most) if batch <= most]
    for num_nodes, (colour, marker) in zip(NODE_COUNTS, styles, strict=True):
        found = [reached(num_nodes, batch) for batch in batches]
        label = f"{found[0].num_gpus} V100"
        for plot, quantity in zip(axes, ("hours", "usd"), strict=True):
            ranges: list[Range] = [getattr(each.cost, quantity) for each in found]
            numbers = [each.global_batch for each in found]
            plot.plot(numbers, [each.expected for each in ranges], "-", marker=marker, ms=4, color=colour, lw=1.2, label=label)
    for plot, unit in zip(axes, ("hours, from the grant to nothing left", "US dollars, on demand"), strict=True):
        plot.set(xscale="log", xlabel="global batch", ylabel=unit)
        plot.set_ylim(0)
        plot.xaxis.set_major_locator(FixedLocator([64, 256, 1024, 4096, 12288]))
        plot.xaxis.set_minor_locator(NullLocator())
        plot.xaxis.set_major_formatter(FuncFormatter(plain))
        plot.grid(alpha=0.25)
        unknown = global_batch_of(max(ERRORS_PERCENT))
        plot.axvspan(unknown, 14000, color=GREY, alpha=0.15, lw=0)
        plot.set_xlim(55, 14000)
        upper = plot.secondary_xaxis("top")
        upper.xaxis.set_minor_locator(NullLocator())
        upper.set_xticks([global_batch_of(error) for error in ERRORS_PERCENT], [f"{error:g}" for error in ERRORS_PERCENT])
        upper.set_xlabel("ECAL error [%]; grey: fewer updates than any published training")
        for error in ERRORS_PERCENT:
            plot.axvline(global_batch_of(error), color=GREY, lw=0.7, ls=":")
    axes[0].legend(fontsize=8.5, frameon=False, loc=(0.25, 0.62), handlelength=1.8)
