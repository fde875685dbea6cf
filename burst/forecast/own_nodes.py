"""The forecast of a burst in a cluster of one's own, and what it did cost: nothing is rented, the nodes are there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from burst import facts
from burst.facts import PhaseName, guard
from burst.forecast import energy, layout, owned
from burst.forecast.cost import Cost
from burst.forecast.energy import JOULES_PER_KWH
from burst.forecast.estimate import SECONDS_PER_HOUR
from burst.forecast.layout import Layout
from burst.forecast.work import Work
from burst.ranges import Case, Range
from burst.spec import OWN_PROVIDER, Burst, Shape
from trainer.contract import RunResult
from trainer.refusal import Refusal

MONEY = "money: 0, the machines are yours; electricity is not priced"
NETWORK = "cluster_seconds_per_step_and_node"
BEFORE_CPU_RANKS = (PhaseName.IMAGE_PULL, PhaseName.POD_START)
"""What they start with is in the seconds that `burst calibrate` measures once a run."""
Parts = Mapping[str, Range]


def cost(burst: Burst) -> Cost:
    """What it will cost: no money; time and energy from the start of the pods to the end of the ranks.

    Before that others may come first (`Cost.waiting_hours`). Refuses accelerators without facts, and batches beyond their
    memory.
    """
    return _on_accelerators(burst) if _shape(burst).accelerator else _on_cpus(burst)


def actual(burst: Burst, result: RunResult) -> Cost:
    """What it did cost, from the wall-clock and CPU seconds that its ranks measured, over all their segments.

    On CPUs: CPU seconds x watts of a busy thread, and the workers' memory. With accelerators nobody has measured their watts:
    wall-clock seconds x those of a node that trains, all nodes from start to end. Both x PUE, as in the forecast.
    """
    shape, num_nodes = _shape(burst), burst.pool.num_nodes
    seconds = sum(segment.seconds for segment in result.segments)
    cpu_seconds = sum(segment.cpu_seconds for segment in result.segments)
    if shape.accelerator:
        parts = {
            part: watts * (seconds * num_nodes / JOULES_PER_KWH) for part, watts in energy.node_power(shape).busy_w.items()
        }
    else:
        parts = _cpu_parts(burst, Range.exactly(cpu_seconds), Range.exactly(seconds))
    measured = f"{seconds:.0f} s, {cpu_seconds:.0f} s of CPU, in {len(result.segments)} segment(s)"
    return _cost(
        burst,
        hours={},
        total_hours=Range.exactly(seconds / SECONDS_PER_HOUR),
        kwh=parts,
        waiting_hours=None,
        basis=(f"time: measured from the ranks' start, {measured}; the pods' start is not in it",),
    )


def _shape(burst: Burst) -> Shape:
    assert burst.pool.shape is not None
    return burst.pool.shape


def _on_cpus(burst: Burst) -> Cost:
    """`phases + start + epochs x (steps x (seconds of a step + (workers - 1) x t_n) + evaluation)`.

    As on this machine, by the speed of `Pool.processor`; `t_n` is the exchange of gradients over the network, of each worker
    beyond those that the speed was measured with. What each worker's own ranks lose by sharing a node, the measured ranks of a
    machine have lost too.
    """
    pool, run = burst.pool, burst.workload.run
    speed = owned.nearest_speed(burst, pool.processor)
    num_further = max(0, pool.num_nodes - speed.measured.num_nodes)
    exchange = facts.coefficient(NETWORK).value * (num_further * burst.workload.steps_per_epoch * run.num_epochs)
    training = owned.seconds_at(burst, speed) + exchange
    phases = facts.phases(pool.target)
    setup = layout.total(phases[name].seconds for name in BEFORE_CPU_RANKS)
    busy_threads = training * (run.num_ranks * run.threads_per_rank)
    return _cost(
        burst,
        hours={"set-up": setup * (1 / SECONDS_PER_HOUR), "training": training * (1 / SECONDS_PER_HOUR)},
        kwh=_cpu_parts(burst, busy_threads, setup + training),
        waiting_hours=phases[PhaseName.QUEUEING].seconds * (1 / SECONDS_PER_HOUR),
        basis=tuple(_cpu_time_basis(burst, speed, num_further)),
    )


def _cpu_time_basis(burst: Burst, speed: owned.Speed, num_further: int) -> Iterator[str]:
    yield owned.speed_basis(speed, f"on {burst.pool.processor}")
    if not speed.is_own:
        low, high = speed.others.low, speed.others.high
        yield f"time: {low:g} to {high:g} times as long there (an assumption until burst calibrate --run, pool.processor)"
    if num_further:
        exchange = facts.coefficient(NETWORK).value * 1000
        yield (
            f"time: {exchange.low:g} to {exchange.high:g}, expected {exchange.expected:g} ms a step for each further worker "
            "(an assumption; expected as on GKE)"
        )


def _on_accelerators(burst: Burst) -> Cost:
    """By the step model, as for GKE, with the scatter that Azure ML shows around it; nobody takes the nodes back."""
    there = _layout(burst)
    spent = {case: layout.times(there, case) for case in Case}
    hours = {case: layout.hour_items(there, spent[case], case, rework="checkpoints") for case in Case}
    busy, idle = (Range(*(float(getattr(spent[case], name)[0]) for case in Case)) for name in ("busy", "idle"))
    power = energy.node_power(there.shape)
    return _cost(
        burst,
        hours=layout.ranges(hours),
        kwh={
            part: (watts * busy + power.idle_w[part] * idle) * (there.num_nodes / JOULES_PER_KWH)
            for part, watts in power.busy_w.items()
        },
        waiting_hours=layout.waiting_hours(there),
        basis=(
            *layout.time_basis(there, spent[Case.EXPECTED]),
            "time: nobody measured your cluster: as on GKE, with the scatter of Azure ML around it; no interruption",
        ),
    )


def _layout(burst: Burst) -> Layout:
    """What runs where; refuses what cannot."""
    pool, run, dataset = burst.pool, burst.workload.run, burst.workload.dataset
    shape = _shape(burst)
    facts.accelerator(shape.accelerator)
    restriction = guard.restriction_of(OWN_PROVIDER, shape.name, pool.region, pool.purchase)
    if restriction is not None:
        raise Refusal(
            f"{shape.accelerator} in a cluster of your own: {restriction.reason}",
            expected="an NVIDIA GPU of burst/facts/accelerators.csv, or none",
            remedy="correct hepburst:pool.accelerator",
        )
    compute = owned.relative_compute(run.preset, dataset.image_shape)
    there = Layout(
        work=Work.of(burst.workload, compute),
        shape=shape,
        num_nodes=pool.num_nodes,
        num_ranks=run.num_ranks,
        batch_per_rank=run.batch_per_rank,
    )
    assert run.num_ranks == pool.num_accelerators, (run.num_ranks, pool)
    layout.check(there)
    return there


def _cpu_parts(burst: Burst, busy_thread_seconds: Range, seconds: Range) -> dict[str, Range]:
    """kWh of busy threads, and of the workers' memory for as long as they live."""
    memory_w = facts.coefficient("memory_w_per_gib").value * (_shape(burst).memory_gib * burst.pool.num_nodes)
    return {"CPUs": energy.busy_cpu_kwh(busy_thread_seconds), "memory": memory_w * seconds * (1 / JOULES_PER_KWH)}


def _cost(
    burst: Burst,
    *,
    hours: Parts,
    total_hours: Range | None = None,
    kwh: Parts,
    waiting_hours: Range | None,
    basis: tuple[str, ...],
) -> Cost:
    """`kwh`: of the machines; the building's share is added. `total_hours`: where `hours` has no items."""
    region, pue = burst.region, facts.pue(OWN_PROVIDER, "*").value
    building = layout.total(kwh.values()) * Range(pue.low - 1, pue.expected - 1, pue.high - 1)
    parts = {**kwh, "building (PUE)": building}
    total_kwh = layout.total(parts.values())
    return Cost(
        usd=Range.exactly(0.0),
        hours=layout.total(hours.values()) if total_hours is None else total_hours,
        kwh=total_kwh,
        kgco2e=energy.grid_kgco2e(total_kwh, region),
        kgco2e_market=None,  # what Google buys for its region there, it does not buy for others' machines
        waiting_hours=waiting_hours,
        basis=(MONEY, *basis, *_energy_basis(burst), layout.grid_basis(region)),
        snapshot=facts.snapshot(),
        items={"hours": hours, "kwh": parts} if hours else {"kwh": parts},
    )


def _energy_basis(burst: Burst) -> Iterator[str]:
    shape, pue = _shape(burst), facts.pue(OWN_PROVIDER, "*")
    if shape.accelerator:
        watts = layout.total(energy.node_power(shape).busy_w.values())
        ends = f"{watts.low:.0f} to {watts.high:.0f}, expected {watts.expected:.0f} W"
        yield f"energy: {ends} a worker that trains, as in docs/forecast.md"
    else:
        power = facts.cpu_power()
        yield f"{owned.cpu_watts(power)}, and memory ({power.source}, {power.as_of})"
    low, expected, high = pue.value.low, pue.value.expected, pue.value.high
    yield f"energy: PUE {low:g} to {high:g}, expected {expected:g} ({layout.short(pue.source)}, {pue.as_of})"
