"""What machines draw from the socket, and what that emits."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from burst import facts
from burst.ranges import Case, Range
from burst.spec import Shape
from trainer.refusal import Refusal

JOULES_PER_KWH = 3.6e6
GRAMS_PER_KG = 1000.0
SYSTEM_POWER = "system_w_per_chip"
UNKNOWN_IDLE_SHARE = 0.2
"""Of the TDP: above every published idle power (burst/facts/accelerators.csv: 0.11 to 0.15)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NodePower:
    """Watts of one node, by part; before the building's share (PUE)."""

    busy_w: dict[str, Range]
    """While it trains."""
    idle_w: dict[str, Range]
    """While it boots, pulls, waits and ends."""


@cache
def node_power(shape: Shape) -> NodePower:
    """Power of a node: accelerators at a share of their TDP, CPUs between idle and busy, memory by its size.

    The CPUs' and the memory's is Cloud Carbon Footprint's method. For TPUs the published system power of a chip, host
    included. Refuses an accelerator whose power nobody has published.
    """
    if shape.is_tpu:
        return _tpu_power(shape)
    cpu, memory = facts.cpu_power(), facts.coefficient("memory_w_per_gib")
    utilisation = facts.coefficient("host_cpu_utilisation").value
    busy_cpu = Range(
        *(
            cpu.idle_w.at(case) + utilisation.at(case) * (cpu.busy_w.at(case) - cpu.idle_w.at(case))
            for case in (Case.LOW, Case.EXPECTED, Case.HIGH)
        )
    )
    busy = {"CPUs": busy_cpu * shape.vcpus, "memory": memory.value * shape.memory_gib}
    idle = {"CPUs": cpu.idle_w * shape.vcpus, "memory": busy["memory"]}
    if shape.accelerator:
        accelerator = facts.accelerator(shape.accelerator)
        tdp_w = _published(accelerator.tdp_w, shape.accelerator)
        busy["accelerators"] = facts.coefficient("gpu_power_share").value * (tdp_w * shape.num_accelerators)
        # Where nobody has published the idle power, from nothing to a fifth of the TDP: the published ones are within.
        idle_w = accelerator.idle_w
        unknown = Range(0.0, UNKNOWN_IDLE_SHARE / 2 * tdp_w, UNKNOWN_IDLE_SHARE * tdp_w)
        idle["accelerators"] = (unknown if idle_w is None else Range.exactly(idle_w)) * shape.num_accelerators
    return NodePower(busy_w=busy, idle_w=idle)


def _tpu_power(shape: Shape) -> NodePower:
    if not facts.has_coefficient(f"{SYSTEM_POWER} {shape.accelerator}"):
        _published(None, shape.accelerator)
    system = facts.coefficient(f"{SYSTEM_POWER} {shape.accelerator}").value * shape.num_accelerators
    idle_w = facts.accelerator(shape.accelerator).idle_w or 0.0
    idle = Range(min(system.low, idle_w * shape.num_accelerators), system.expected, system.high)
    return NodePower(busy_w={"chips with hosts": system}, idle_w={"chips with hosts": idle})


def _published(watts: float | None, accelerator: str) -> float:
    if watts is None:
        raise Refusal(
            f"nobody has published the power of {accelerator}",
            expected="its watts, for energy and carbon",
            remedy=f"add them with their source to burst/facts/accelerators.csv or coefficients.csv ({accelerator})",
        )
    return watts


def busy_cpu_kwh(busy_thread_seconds: Range) -> Range:
    """Energy of busy CPU threads: seconds x watts of a thread at full load (Cloud Carbon Footprint's method at 100%)."""
    return busy_thread_seconds * facts.cpu_power().busy_w * (1 / JOULES_PER_KWH)


def grid_kgco2e(kwh: Range, region: str) -> Range:
    """Location-based emissions of energy from the grid of `provider/region`."""
    return kwh * (facts.grid_carbon(region).gco2e_per_kwh / GRAMS_PER_KG)


def market_kgco2e(kwh: Range, region: str) -> Range | None:
    """Market-based: less what the provider buys carbon-free in the same hours; None where it publishes no share."""
    share = facts.grid_carbon(region).carbon_free_share
    return None if share is None else grid_kgco2e(kwh, region) * (1 - share)
