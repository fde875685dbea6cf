"""From a shape, node counts and batches to time, money and energy: one formula for one burst and for a million candidates."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from burst import facts
from burst.facts import AFTER, BEFORE, Billed, Offer, PhaseName
from burst.facts.epoch_times import EpochTime, Platform
from burst.forecast import energy
from burst.forecast.pace import PLATFORMS, Pace
from burst.forecast.rework import seconds_with_rework
from burst.forecast.tariff import MAX_NAT_VMS, NUM_SYSTEM_NODES, Tariff, system_shape
from burst.forecast.work import Work
from burst.ranges import Case, Range
from burst.spec import Shape, Target

Vector = NDArray[np.float64]
SECONDS_PER_HOUR = 3600.0
NODES = "nodes with accelerators"
"""The item of the machines' own price."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Times:
    """Seconds of a burst, each an array over the candidates. Where the global batch is more than the data they mean nothing."""

    num_epochs: Vector
    num_updates: Vector
    """0 where the global batch is more than the data: such a candidate trains nothing."""
    epoch: Vector
    """One epoch after the first, with its validation and without its checkpoint."""
    training: Vector
    """All epochs, without interruptions."""
    rework: Vector
    """Checkpoints, work done twice and restarts."""
    busy: Vector
    """Training and rework: accelerators at work."""
    idle: Vector
    """Nodes that are billed and do not train: booting, pulling, ending."""
    cluster: Vector
    """The cluster's life."""
    wall: Vector
    """From the grant of the machines to nothing left; waiting for them comes before."""


def times(
    work: Work,
    shape: Shape,
    pace: Pace,
    *,
    num_nodes: Vector,
    num_ranks: Vector,
    batch_per_rank: Vector,
    failures_per_hour: Vector,
    case: Case,
    epoch_factor: float,
) -> Times:
    """How long everything takes, on nodes with the accelerator of `shape`, all together `num_ranks` ranks.

    `failures_per_hour`: of any of the nodes. `epoch_factor`: an epoch's time over the expected (1 for `Case.EXPECTED`).
    """
    phases = facts.phases(shape.target)
    steps = work.steps_per_epoch(batch_per_rank, num_ranks, is_tpu=shape.is_tpu)
    num_epochs = work.epochs(steps)
    plain_epoch = pace.model.epoch_seconds(np.full(1, float(work.num_samples)), batch_per_rank, num_ranks, num_nodes)
    epoch = plain_epoch * (pace.platform_factor * epoch_factor) + phases[PhaseName.VALIDATION].seconds.at(case)
    training = num_epochs * epoch + first_epoch_seconds(PLATFORMS[shape.target], is_measured=_is_cern(work)).at(case)
    busy = seconds_with_rework(
        training,
        failures_per_second=failures_per_hour / SECONDS_PER_HOUR,
        checkpoint_interval_seconds=epoch,
        checkpoint_seconds=phases[PhaseName.CHECKPOINT].seconds.at(case),
        # The rate and the restart are not taken at their worst together: their product stands in an exponent.
        restart_seconds=phases[PhaseName.RESTART].seconds.expected if np.any(failures_per_hour) else 0.0,
    )
    idle, cluster_alone, unbilled = (_fixed_seconds(shape.target, billed, case) for billed in Billed)
    return Times(
        num_epochs=num_epochs,
        num_updates=np.where(num_ranks * batch_per_rank <= work.num_samples, num_epochs * steps, 0.0),
        epoch=epoch,
        training=training,
        rework=busy - training,
        busy=busy,
        idle=np.full(1, idle),
        cluster=busy + (idle + cluster_alone),
        wall=busy + (idle + cluster_alone + unbilled),
    )


def _is_cern(work: Work) -> bool:
    return work.implementation == facts.CERN


def _fixed_seconds(target: Target, billed: Billed, case: Case) -> float:
    """Seconds before and after the training that are billed so, from the grant of the machines on."""
    phases = (facts.phases(target).get(name) for name in (*BEFORE, *AFTER) if name is not PhaseName.QUEUEING)
    return sum(phase.seconds.at(case) for phase in phases if phase is not None and phase.billed is billed)


def first_epoch_seconds(platform: Platform, *, is_measured: bool) -> Range:
    """What the first epoch takes beyond the others, as CERN measured it there: graphs, compilation, first read of the data.

    `is_measured`: for CERN's trainer. Of ours it may be nothing.
    """
    extra = sorted(row.first_epoch_seconds - row.epoch_seconds for row in _with_first(platform) if row.first_epoch_seconds)
    expected = float(np.median(extra))
    return Range(extra[0] if is_measured else 0.0, expected, extra[-1])


def _with_first(platform: Platform) -> list[EpochTime]:
    return [row for row in facts.epoch_times.cern() if row.platform is platform and row.first_epoch_seconds]


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """What a region adds to a shape: prices, the building's share of energy, the grid. Arrays, one value an offer."""

    usd_per_node_hour: Vector
    tariff: Mapping[str, Mapping[str, Vector]]
    """By what it grows with (fields of `Tariff`), by item."""
    nat_vm_hour: Vector
    nat_gateway_hour: Vector
    pue: Vector
    kgco2e_per_kwh: Vector


def place(offers: list[Offer], tariffs: list[Tariff], *, case: Case, axes: int = 0) -> Place:
    """The places of several offers of one shape; `axes` of length 1 follow the axis of offers, for what is spread over them."""

    def column(values: list[float]) -> Vector:
        return np.array(values).reshape((len(values),) + (1,) * axes)

    kinds = {"node_hour": offers[0].shape.num_hosts, "cluster_hour": 1, "burst_hour": 1, "once": 1}
    return Place(
        usd_per_node_hour=column([offer.usd_per_hour_at(case) for offer in offers]),
        tariff={
            kind: {item: column([getattr(each, kind)[item] * number for each in tariffs]) for item in getattr(tariffs[0], kind)}
            for kind, number in kinds.items()
        },
        nat_vm_hour=column([each.nat_vm_hour for each in tariffs]),
        nat_gateway_hour=column([each.nat_gateway_hour for each in tariffs]),
        pue=column([facts.pue(offer.shape.provider, offer.region).value.at(case) for offer in offers]),
        kgco2e_per_kwh=column([facts.grid_carbon(offer.place).gco2e_per_kwh / energy.GRAMS_PER_KG for offer in offers]),
    )


def usd_items(place: Place, times: Times, num_nodes: Vector) -> dict[str, Vector]:
    """The bill, item by item."""
    return {**node_items(place, times, num_nodes), **shared_items(place, times, num_nodes)}


def node_items(place: Place, times: Times, num_nodes: Vector) -> dict[str, Vector]:
    """What grows with the nodes of one offer."""
    node_hours = num_nodes * (times.busy + times.idle) / SECONDS_PER_HOUR
    per_hour = {NODES: place.usd_per_node_hour, **place.tariff["node_hour"]}
    return {item: usd * node_hours for item, usd in per_hour.items()}


def shared_items(place: Place, times: Times, num_nodes: Vector) -> dict[str, Vector]:
    """What is billed once, whatever offers the `num_nodes` nodes are of."""
    basis = {
        "cluster_hour": times.cluster / SECONDS_PER_HOUR,
        "burst_hour": times.wall / SECONDS_PER_HOUR,
        "once": np.ones(1),
    }
    items = {item: usd * hours for kind, hours in basis.items() for item, usd in place.tariff[kind].items()}
    if np.any(place.nat_vm_hour):
        items["NAT gateway"] = _nat_hour(place, num_nodes) * (times.cluster / SECONDS_PER_HOUR)
    return items


def _nat_hour(place: Place, num_nodes: Vector) -> Vector:
    num_vms = num_nodes + NUM_SYSTEM_NODES
    return np.where(num_vms > MAX_NAT_VMS, place.nat_gateway_hour, place.nat_vm_hour * num_vms)


def usd_total(place: Place, times: Times, num_nodes: Vector) -> Vector:
    """The sum of `usd_items`, with the rates of a kind added up first: for many candidates at once."""
    sums = {kind: sum(rates.values(), start=np.zeros(1)) for kind, rates in place.tariff.items()}
    node_hours = num_nodes * (times.busy + times.idle) / SECONDS_PER_HOUR
    nat = _nat_hour(place, num_nodes)
    return np.asarray(
        (place.usd_per_node_hour + sums["node_hour"]) * node_hours
        + (sums["cluster_hour"] + nat) * (times.cluster / SECONDS_PER_HOUR)
        + sums["burst_hour"] * (times.wall / SECONDS_PER_HOUR)
        + sums["once"]
    )


def kwh_items(place: Place, shape: Shape, times: Times, num_nodes: Vector, *, case: Case) -> dict[str, Vector]:
    """Energy, item by item, the last the building's share."""
    return kwh_with_building(place, kwh_node_items(shape, times, num_nodes, case=case), shape.target, times, case=case)


def kwh_node_items(shape: Shape, times: Times, num_nodes: Vector, *, case: Case) -> dict[str, Vector]:
    """Energy of the nodes of one shape, part by part."""
    power = energy.node_power(shape)
    return {
        part: num_nodes * (busy_w.at(case) * times.busy + power.idle_w[part].at(case) * times.idle) / energy.JOULES_PER_KWH
        for part, busy_w in power.busy_w.items()
    }


def kwh_with_building(
    place: Place, nodes: Mapping[str, Vector], target: Target, times: Times, *, case: Case
) -> dict[str, Vector]:
    """The nodes' energy with that of the system node, if there is one, and the building's share of all."""
    items = dict(nodes)
    system = system_shape(target)
    if system is not None:
        watts = sum(part.at(case) for part in energy.node_power(system).busy_w.values())
        items["system node"] = watts * times.cluster / energy.JOULES_PER_KWH
    items["building (PUE)"] = total(items) * (place.pue - 1)
    return items


def kwh_total(place: Place, shape: Shape, times: Times, num_nodes: Vector) -> Vector:
    """The sum of `kwh_items` in the expected case, with the watts of all parts added up first."""
    power = energy.node_power(shape)
    busy_w, idle_w = (sum(part.expected for part in parts.values()) for parts in (power.busy_w, power.idle_w))
    joules = num_nodes * (busy_w * times.busy + idle_w * times.idle)
    system = system_shape(shape.target)
    if system is not None:
        joules = joules + sum(part.expected for part in energy.node_power(system).busy_w.values()) * times.cluster
    return np.asarray(joules * place.pue / energy.JOULES_PER_KWH)


def total(items: Mapping[str, Vector]) -> Vector:
    """The sum of all items."""
    return np.asarray(sum(items.values(), start=np.zeros(1)))
