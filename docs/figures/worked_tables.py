"""The tables that docs/worked-examples.md shows, and the numbers that its sentences state: all from burst.worked_examples."""

from __future__ import annotations

from collections.abc import Sequence

from burst import advice, facts
from burst import worked_examples as examples
from burst.facts.epoch_times import GPUS_PER_FULL_NODE
from burst.forecast import Work, accuracy, rented
from burst.ranges import Case
from burst.spec import Purchase
from burst.worked_examples import Hour, Scaling
from burst.worked_examples.runs import V100_NODE
from docs.figures.forecast_tables import short, with_range
from docs.figures.pages import table

SHOWN_NODES = (1, 2, 4, 8, 10, 12, 16)
ON_DEMAND, SPOT = Purchase.ON_DEMAND, Purchase.SPOT


def blocks() -> dict[str, str]:
    """Each generated block of the page, by name."""
    snapshot = facts.snapshot()
    alone, together = examples.whole_bursts()
    bursts = [("1", alone), ("128 in nodes of 8", together)]
    return {
        "snapshot": f"Facts of {snapshot.date}, sha256 `{snapshot.sha256}`.",
        "weak": _scaling(examples.weak_scaling()),
        "one-a-node": _scaling(examples.weak_scaling(1)),
        "strong": _scaling(examples.strong_scaling()),
        "bursts": table(
            ["V100", "hours", "USD, on demand"], [[name, with_range(cost.hours), with_range(cost.usd)] for name, cost in bursts]
        ),
        "hours": _hours(),
        "whole-hour": _whole_hour(),
        "readings": _readings(),
        "slice": _slice(),
        "higgs": _higgs(),
    }


def _scaling(found: Sequence[Scaling]) -> str:
    header = ["V100", "nodes", "batch on each", "epoch, s", "speed-up", "efficiency"]
    rows = [
        [
            str(each.num_gpus),
            str(each.num_nodes),
            str(each.batch_per_rank),
            with_range(each.epoch_seconds),
            with_range(each.speed_up),
            f"{each.efficiency.expected:.0%} ({each.efficiency.low:.0%} to {each.efficiency.high:.0%})",
        ]
        for each in found
    ]
    return table(header, rows)


def _hours() -> str:
    """60 epochs by number of nodes, then the two that the text speaks of."""
    header = [
        "nodes, batch, epochs",
        "training, h",
        "whole burst, h",
        "USD, on demand",
        "USD, spot",
        "updates",
        "ECAL",
    ]
    usual = examples.CERN.num_epochs
    by_nodes = [(each, usual) for each in examples.hours_by_nodes() if each.num_nodes in SHOWN_NODES]
    others = [
        (examples.most_updates_in_an_hour(), usual),
        (examples.published_at_scale(), examples.largest_published().num_epochs),
    ]
    return table(header, [_hour(each, num_epochs) for each, num_epochs in [*by_nodes, *others]])


def _hour(each: Hour, num_epochs: int | None) -> list[str]:
    worst = max(published.ecal_error_percent for published in facts.accuracies())
    return [
        f"{each.num_nodes}, {each.batch_per_rank}, {num_epochs}",
        with_range(each.training_hours),
        with_range(each.whole_hours),
        with_range(each.usd_on_demand),
        with_range(each.usd_spot),
        f"{each.num_updates:,}",
        f"worse than {worst:g}%" if each.ecal_error_percent is None else f"{each.ecal_error_percent:.1f}%",
    ]


def _whole_hour() -> str:
    plan = examples.cheapest_whole_hour()
    cost, spent = rented.cost(plan), rented.times(plan, Case.EXPECTED)
    num_updates, num_epochs = float(spent.num_updates[0]), float(spent.num_epochs[0])
    error = accuracy.ecal_error_percent(num_updates, num_epochs)
    assert error is not None
    row = [advice.name(plan), with_range(cost.hours), with_range(cost.usd), f"{num_updates:,.0f}", f"{error:.1f}%"]
    return table(["plan", "whole burst, h", "USD", "updates", "ECAL"], [row])


def _readings() -> str:
    header = ["8 V100 of one node", "v3-8", "price of an hour", "price of equal work", "whole bursts"]
    rows = [
        [
            f"{each.gpus.region}, {each.gpus.purchase}",
            f"{each.tpu.region}, {each.tpu.purchase}",
            f"{each.by_hour:.2f}",
            with_range(each.by_training),
            f"{each.by_burst:.2f}",
        ]
        for each in examples.readings()
    ]
    return table(header, rows)


def _slice() -> str:
    rows = []
    for region in (examples.REGION, examples.OTHER_REGION):
        for purchase in (SPOT, ON_DEMAND):
            cern, ours = (examples.tpu_training(purchase, region, work) for work in (examples.CERN, Work()))
            rows.append([region, purchase, with_range(cern.hours), with_range(cern.usd), with_range(ours.usd)])
    return table(["region", "purchase", "hours, CERN's trainer", "USD, CERN's trainer", "USD, ours"], rows)


def _higgs() -> str:
    rows = [
        [
            f"{each.offer.shape.name}, {each.offer.purchase}",
            f"{each.num_cores:,}",
            short(each.usd_per_hour),
            with_range(each.usd),
            f"{each.max_minutes:.0f} min",
            "-" if each.num_lost is None else f"{each.num_lost:.1f}",
        ]
        for each in examples.higgs()
    ]
    header = ["660 nodes", "vCPUs", "USD an hour", "USD of the demonstration", "below 300 USD up to", "nodes lost"]
    return table(header, rows)


def numbers() -> dict[str, str]:
    """What the sentences of the page state, as they state it."""
    return {**_scaling_numbers(), **_hour_numbers(), **_slice_numbers(), **_higgs_numbers()}


def _percents(each: Scaling) -> str:
    return f"{each.efficiency.expected:.0%} ({each.efficiency.low:.0%} to {each.efficiency.high:.0%})"


def _scaling_numbers() -> dict[str, str]:
    most, single, strong = (
        found[-1] for found in (examples.weak_scaling(), examples.weak_scaling(1), examples.strong_scaling())
    )
    alone, together = examples.whole_bursts()
    measured = examples.measured_speed_up(2, most.num_gpus)
    return {
        "speed-up on 128": f"{short(most.speed_up.expected)} times",
        "efficiency on 128": _percents(most),
        "the same, in short": f"on each GPU: {most.efficiency.expected:.0%}",
        "measured from 2 to 128": f"{measured:.1f} times as fast, {measured / (most.num_gpus / 2):.0%}",
        "efficiency, one a node": _percents(single),
        "at the best batch": f"{strong.speed_up.expected:.1f} times",
        "its efficiency": f"{strong.efficiency.expected:.0%}",
        "whole bursts": f"{alone.hours.expected / together.hours.expected:.0f} times",
        "money": f"{together.usd.expected / alone.usd.expected:.1f} times the money",
    }


def _hour_numbers() -> dict[str, str]:
    hours = examples.hours_by_nodes()
    first = next(each for each in hours if each.training_hours.expected <= 1)
    best, published, fastest = examples.most_updates_in_an_hour(), examples.published_at_scale(), hours[-1]
    return {
        "first within an hour": f"{first.num_nodes} nodes ({first.num_nodes * GPUS_PER_FULL_NODE} V100)",
        "its training": f"{with_range(first.training_hours)} h",
        "its money": f"{short(first.usd_on_demand.expected)} USD on demand, {short(first.usd_spot.expected)} USD spot",
        "its updates": f"{first.num_updates:,} updates",
        "fastest, all counted": f"{with_range(fastest.whole_hours)} h",
        "waiting": f"{short(fastest.waiting_hours.low)} to {short(fastest.waiting_hours.high)} h",
        "most updates in an hour": f"{best.num_nodes} nodes at batch {best.batch_per_rank}",
        "its error": f"{best.num_updates:,} updates, {best.ecal_error_percent:.1f}%",
        "its price": f"{short(best.usd_on_demand.expected)} USD on demand",
        "published at scale": f"{with_range(published.training_hours)} h",
        "its logged epochs": f"{examples.measured_hours_at_scale():.2f} h",
    }


def _slice_numbers() -> dict[str, str]:
    spot, on_demand = examples.tpu_training(), examples.tpu_training(ON_DEMAND)
    readings, claimed = examples.readings(), examples.claim("GAN: preemptible TPU v3-8 against equivalent GPUs").number
    nearest = min(readings, key=lambda each: abs(each.by_training.expected - claimed))
    price = examples.claim("GAN: price of a training").number
    return {
        "equal speed": f"{with_range(examples.equal_speed_gpus())} V100",
        "nearest reading": f"{with_range(nearest.by_training)}, {nearest.gpus.region} against {nearest.tpu.region}",
        "like with like": f"{readings[2].by_training.expected:.1f} and {readings[1].by_training.expected:.1f}",
        "on demand": f"it is {readings[3].by_training.expected:.1f}",
        "against on demand": f"{readings[0].by_training.expected:.1f} where",
        "spot prices by region": f"{_spot_spread():.1f}-fold",
        "the readings, in short": f"by {nearest.by_training.expected:.1f} to {readings[0].by_training.expected:.0f};",
        "training, in short": f"{spot.usd.expected:.0f} USD pre-emptible",
        "training, pre-emptible": f"{with_range(spot.usd)} USD",
        "training, on demand": f"on demand: {short(on_demand.usd.expected)} USD",
        "what the claim's money buys": f"{examples.epochs_for(price)} epochs",
    }


def _spot_spread() -> float:
    """The dearest spot price of a node of eight V100 over the cheapest."""
    prices = [each.usd_per_hour for each in facts.market().sound if each.shape.name == V100_NODE and each.purchase is SPOT]
    return max(prices) / min(prices)


def _higgs_numbers() -> dict[str, str]:
    found = examples.higgs()
    large_on_demand, large_spot = found[2], found[3]
    return {
        "nodes' life": f"{with_range(examples.node_minutes())} minutes",
        "cores of the large": f"{large_spot.num_cores:,}",
        "cores of the small": f"{found[0].num_cores:,}",
        "large, spot": f"{with_range(large_spot.usd)} USD",
        "large, on demand": f"{with_range(large_on_demand.usd)} USD",
        "large, on demand, up to": f"{large_on_demand.max_minutes:.0f} minutes",
        "large, spot, up to": f"{large_spot.max_minutes:.0f} minutes",
        "the run, in short": f"up to {large_spot.max_minutes:.0f} minutes; on demand only below",
        "reading": f"{examples.read_seconds():.0f} s",
        "keeping the data": f"{examples.data_usd_per_month():,.0f} USD a month",
    }
