"""One forecast, line by line as a reader would reckon it: what docs/forecast.md shows and its test reckons again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from burst import facts
from burst.facts import AFTER, BEFORE, Billed, Phase, PhaseName
from burst.forecast import Cost, Rental, Work, energy, estimate, rented
from burst.forecast.estimate import Times
from burst.forecast.pace import PLATFORMS
from burst.forecast.tariff import NUM_SYSTEM_NODES, system_shape, tariff
from burst.ranges import Case
from burst.spec import Purchase, Shape
from burst.worked_examples.runs import REGION, V100_NODE


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """`what = expression = value unit`; the expression has numbers alone, the value is the forecast's own."""

    what: str
    expression: str
    value: float
    unit: str = ""

    def __str__(self) -> str:
        return f"{self.what:<22} {self.expression} = {_number(self.value)} {self.unit}".rstrip()


def plan() -> Rental:
    """Four nodes of eight V100, spot, by our trainer."""
    offer = facts.find("gcp", V100_NODE, REGION, Purchase.SPOT)
    return Rental.of(work=Work(), offer=offer, num_nodes=4, batch_per_rank=96)


def lines() -> list[Line]:
    """All of it, in the order of the chain."""
    rental = plan()
    times, cost = rented.times(rental, Case.EXPECTED), rented.cost(rental)
    return [*_epoch(rental, times), *_life(rental, times), *_money(rental, times, cost), *_energy(rental, times, cost)]


def _number(value: float) -> str:
    return f"{value:.7g}"


def _one(values: estimate.Vector) -> float:
    return float(values[0])


def _seconds(name: PhaseName) -> str:
    return _number(facts.phases(plan().offer.shape.target)[name].seconds.expected)


def _epoch(rental: Rental, times: Times) -> Iterator[Line]:
    model, nodes, batch, ranks = rental.pace.model, rental.num_nodes, rental.batch_per_rank, rental.num_ranks
    steps = _one(times.num_updates) / _one(times.num_epochs)
    plain = model.epoch_seconds(float(rental.work.num_samples), float(batch), float(ranks), float(nodes))
    step = f"({_number(model.seconds_per_step)} + ({nodes} - 1) x {_number(model.seconds_per_step_and_node)})"
    yield Line(what="ranks", expression=f"{nodes} x {rental.pace.ranks_per_node}", value=ranks)
    yield Line(what="steps of an epoch", expression=f"floor({rental.work.num_samples} / ({ranks} x {batch}))", value=steps)
    yield Line(
        what="epoch, by the model",
        expression=f"{_number(model.seconds_per_epoch)} + {steps:.0f} x {batch} x {_number(model.seconds_per_sample)} "
        f"+ {steps:.0f} x {step}",
        value=plain,
        unit="s",
    )
    factor, validation = _number(rental.pace.platform_factor), _seconds(PhaseName.VALIDATION)
    expression = f"{factor} x {_number(plain)} + {validation}"
    yield Line(what="epoch, by the trainer", expression=expression, value=_one(times.epoch), unit="s")


def _life(rental: Rental, times: Times) -> Iterator[Line]:
    nodes, epoch, training = rental.num_nodes, _one(times.epoch), _one(times.training)
    phases = facts.phases(rental.offer.shape.target)
    first = estimate.first_epoch_seconds(PLATFORMS[rental.offer.shape.target], is_measured=False).expected
    count = f"{_one(times.num_epochs):.0f}"
    yield Line(what="training", expression=f"{count} x {_number(epoch)} + {_number(first)}", value=training, unit="s")
    rate = facts.preemption(rental.offer.shape, rental.offer.purchase).per_node_hour.expected
    failures = _number(nodes * rate / 3600)
    yield Line(what="interruptions", expression=f"{nodes} x {_number(rate)} / 3600", value=nodes * rate / 3600, unit="/s")
    segment = f"{_number(epoch)} + {_seconds(PhaseName.CHECKPOINT)}"
    yield Line(
        what="busy (Daly)",
        expression=f"exp({failures} x {_seconds(PhaseName.RESTART)}) x (exp({failures} x ({segment})) - 1) / {failures} "
        f"x {_number(training)} / {_number(epoch)}",
        value=_one(times.busy),
        unit="s",
    )
    yield Line(what="idle nodes", expression=_sum_of(phases, Billed.NODES), value=_one(times.idle), unit="s")
    cluster = f"{_number(_one(times.busy))} + {_number(_one(times.idle))} + {_sum_of(phases, Billed.CLUSTER)}"
    yield Line(what="cluster", expression=cluster, value=_one(times.cluster), unit="s")
    assert not _sum_of(phases, Billed.NOTHING), "GKE bills all phases"
    wall = f"{_number(_one(times.cluster))} / 3600"
    yield Line(what="wall", expression=wall, value=_one(times.wall) / 3600, unit="h")


def _sum_of(phases: Mapping[PhaseName, Phase], billed: Billed) -> str:
    """The phases before and after the training that are billed so; waiting for machines comes before all."""
    known = [name for name in (*BEFORE, *AFTER) if name in phases and name is not PhaseName.QUEUEING]
    names = [name for name in known if phases[name].billed is billed]
    return " + ".join(_number(phases[name].seconds.expected) for name in names)


def _money(rental: Rental, times: Times, cost: Cost) -> Iterator[Line]:
    rates = tariff(rental.offer.shape.target, rental.offer.region)
    nodes, usd = rental.num_nodes, cost.items["usd"]
    node_hours = nodes * (_one(times.busy) + _one(times.idle)) / 3600
    cluster_hours, wall_hours = _one(times.cluster) / 3600, _one(times.wall) / 3600
    yield Line(
        what="node hours",
        expression=f"{nodes} x ({_number(_one(times.busy))} + {_number(_one(times.idle))}) / 3600",
        value=node_hours,
        unit="h",
    )
    price = _number(rental.offer.usd_per_hour)
    machines = usd["nodes with accelerators"].expected
    yield Line(what="nodes", expression=f"{price} x {_number(node_hours)}", value=machines, unit="USD")
    sums = [machines]
    for what, known, hours in (
        ("by node hour", rates.node_hour, node_hours),
        ("by cluster hour", rates.cluster_hour, cluster_hours),
        ("by hour of the burst", rates.burst_hour, wall_hours),
    ):
        sums.append(sum(usd[item].expected for item in known))
        expression = f"({' + '.join(_number(rate) for rate in known.values())}) x {_number(hours)}"
        yield Line(what=what, expression=expression, value=sums[-1], unit="USD")
    sums.append(usd["NAT gateway"].expected)
    expression = f"({nodes} + {NUM_SYSTEM_NODES}) x {_number(rates.nat_vm_hour)} x {_number(cluster_hours)}"
    yield Line(what="NAT gateway", expression=expression, value=sums[-1], unit="USD")
    sums += rates.once.values()
    yield Line(what="money", expression=" + ".join(map(_number, sums)), value=cost.usd.expected, unit="USD")


def _energy(rental: Rental, times: Times, cost: Cost) -> Iterator[Line]:
    shape = rental.offer.shape
    power, system = energy.node_power(shape), system_shape(shape.target)
    assert system is not None
    busy_w, idle_w = (sum(part.expected for part in parts.values()) for parts in (power.busy_w, power.idle_w))
    system_w = sum(part.expected for part in energy.node_power(system).busy_w.values())
    accelerator, share = facts.accelerator(shape.accelerator), facts.coefficient("gpu_power_share").value.expected
    assert accelerator.tdp_w is not None
    assert accelerator.idle_w is not None
    busy = f"{shape.num_accelerators} x {_number(share)} x {_number(accelerator.tdp_w)} + {_host(shape, is_busy=True)}"
    idle = f"{shape.num_accelerators} x {_number(accelerator.idle_w)} + {_host(shape, is_busy=False)}"
    yield Line(what="node, busy", expression=busy, value=busy_w, unit="W")
    yield Line(what="node, idle", expression=idle, value=idle_w, unit="W")
    yield Line(what="system node", expression=_host(system, is_busy=True), value=system_w, unit="W")
    pue, grid = facts.pue(shape.provider, rental.offer.region).value.expected, facts.grid_carbon(rental.offer.place)
    joules = f"{_number(busy_w)} x {_number(_one(times.busy))} + {_number(idle_w)} x {_number(_one(times.idle))}"
    yield Line(
        what="energy",
        expression=f"{_number(pue)} x ({rental.num_nodes} x ({joules}) + {_number(system_w)} x {_number(_one(times.cluster))}) "
        "/ 3600000",
        value=cost.kwh.expected,
        unit="kWh",
    )
    kwh, kg = _number(cost.kwh.expected), cost.kgco2e.expected
    yield Line(what="carbon, of the grid", expression=f"{kwh} x {grid.gco2e_per_kwh:g} / 1000", value=kg, unit="kgCO2e")
    assert cost.kgco2e_market is not None
    assert grid.carbon_free_share is not None
    expression = f"{_number(kg)} x (1 - {grid.carbon_free_share:g})"
    yield Line(what="carbon, market-based", expression=expression, value=cost.kgco2e_market.expected, unit="kgCO2e")


def _host(shape: Shape, *, is_busy: bool) -> str:
    """Watts of the CPUs and the memory."""
    cpu, memory = facts.cpu_power(), facts.coefficient("memory_w_per_gib").value.expected
    idle_w, busy_w = cpu.idle_w.expected, cpu.busy_w.expected
    share = facts.coefficient("host_cpu_utilisation").value.expected
    thread = f"({idle_w:g} + {share:g} x ({busy_w:g} - {idle_w:g}))" if is_busy else f"{idle_w:g}"
    return f"{shape.vcpus:g} x {thread} + {memory:g} x {shape.memory_gib:g}"
