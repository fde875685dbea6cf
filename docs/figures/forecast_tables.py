"""The tables that docs/forecast.md shows, and the numbers that its sentences state: all from the code and the facts."""

from __future__ import annotations

import math
import shlex
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from burst import facts
from burst.facts import AFTER, BEFORE, PhaseName
from burst.facts.epoch_times import GPUS_PER_FULL_NODE, NUM_SAMPLES, Platform
from burst.forecast import accuracy, energy, epochs, estimate, fitting
from burst.forecast.pace import max_batch_per_rank
from burst.forecast.step_model import StepModel
from burst.forecast.tariff import tariff
from burst.ranges import Range
from burst.spec import Purchase, Target
from docs.figures import forecast_by_hand, forecast_time
from docs.figures.forecast_bill import ERRORS_PERCENT, NODE_COUNTS, default_front, reaching
from docs.figures.pages import code, table

PROJECT = Path(__file__).parents[2]
TITLES = {Target.GKE: "GKE", Target.GCP_TPU: "Cloud TPU", Target.AZURE_ML: "Azure ML", Target.OCI: "OCI"}
PHASED = {**TITLES, Target.KUBERNETES: "your cluster"}
REGIONS = {Target.GKE: "us-central1", Target.GCP_TPU: "us-central1", Target.AZURE_ML: "westeurope", Target.OCI: "us-ashburn-1"}
"""Whose rates are shown."""
PLACES = (
    "gcp/us-central1",
    "gcp/europe-west4",
    "gcp/europe-north1",
    "azure/westeurope",
    "azure/swedencentral",
    "oci/eu-frankfurt-1",
)
UNSEEN = ("P100-16GB", "T4-16GB", "A100-40GB", "A100-80GB", "H100-80GB", "H200-141GB", "TPU-v4")
SHAPES = (("gcp", "n1-standard-96+8xV100-16GB", "us-central1"), ("gcp", "v3-8", "us-central1"))
PLAN = "burst plan --provider gcp --hours 2 --usd 60 --count 3 --allow-old"
IMPOSSIBLE = "burst plan --hours 0.5 --usd 5 --allow-old"
CHECK = "burst check-timing burst/facts/epoch_times.csv"
CUT = "..."


def blocks() -> dict[str, str]:
    """Each generated block of the page, by name."""
    snapshot = facts.snapshot()
    return {
        "snapshot": f"Facts of {snapshot.date}, sha256 `{snapshot.sha256}`, prices in `burst/facts/{snapshot.prices_file}`.",
        "by-hand": code([str(line) for line in forecast_by_hand.lines()]),
        "constants": constants(),
        "errors": errors(),
        "errors-by-platform": errors_by_platform(),
        "scaled": scaled(),
        "phases": phases(),
        "rates": rates(),
        "watts": watts(),
        "places": places(),
        "published": published(),
        "reaching": reaching_table(),
        "search": search(),
        "set-aside": set_aside(),
        "plan": code([f"$ {PLAN}", *_shortened(_output(PLAN))], "console"),
        "impossible": code([f"$ {IMPOSSIBLE}", *_until(_output(IMPOSSIBLE), "The nearest")], "console"),
        "check": code([f"$ {CHECK}", CUT, *_output(CHECK)[-7:]], "console"),
    }


def with_range(value: Range, unit: str = "") -> str:
    """`0.25 (0 to 4)`, to three digits."""
    ends = "" if value.low == value.high else f" ({short(value.low)} to {short(value.high)})"
    return f"{short(value.expected)}{f' {unit}' if unit else ''}{ends}"


def short(value: float) -> str:
    """Three digits, no exponent; whole numbers keep theirs."""
    return f"{value:,.0f}" if value >= 100 or value == 0 else f"{value:.3g}"


def percent(log_ratio: float | None) -> str:
    """A logarithm of a ratio as a difference in percent."""
    return "-" if log_ratio is None else f"{round(100 * math.expm1(log_ratio), 1) + 0.0:+.1f}"


def constants() -> str:
    """The fitted constants, one row an accelerator."""

    def row(name: str, model: StepModel) -> list[str]:
        values = (model.seconds_per_sample, model.seconds_per_step, model.seconds_per_step_and_node, model.seconds_per_epoch)
        last = "trained on" if model.keeps_last_batch else "dropped"
        return [name, *(f"{value:.6g}" for value in values), last]

    models = {**fitting.gke().models, **fitting.tpu().models}
    header = ["rank", "`t_c`, s a shower", "`t_s`, s a step", "`t_n`, s a step and node", "`t_0`, s an epoch", "last batch"]
    names = {"TPU-v2": "core of TPU v2", "TPU-v3": "core of TPU v3", "V100-16GB": "V100"}
    return table(header, [row(names[name], model) for name, model in models.items()])


def errors() -> str:
    """Every measured row beside the forecast."""
    rows = [
        [
            f"{row.run.platform}: {row.name}",
            short(row.run.epoch_seconds),
            with_range(row.range),
            percent(row.fitted),
            percent(row.left_out),
            "yes" if row.run.epoch_seconds in row.range else "no",
        ]
        for row in forecast_time.rows()
    ]
    return table(["run", "measured, s", "forecast, s", "residual, %", "left out, %", "in range"], rows)


def errors_by_platform() -> str:
    """Mean, median and worst of the absolute left-out errors."""
    titles = {Platform.GKE: "GKE", Platform.TPU: "Cloud TPU", Platform.AZURE_ML: "Azure ML"}
    rows = []
    for platform, title in titles.items():
        of_platform = [row for row in forecast_time.rows() if row.run.platform is platform]
        for name, logs in (
            ("fitted", [row.fitted for row in of_platform]),
            ("left out", [row.left_out for row in of_platform]),
        ):
            found = sorted(100 * abs(math.expm1(value)) for value in logs if value is not None)
            middle = (found[(len(found) - 1) // 2] + found[len(found) // 2]) / 2
            figures = (sum(found) / len(found), middle, found[-1])
            rows.append([title, name, str(len(found)), *(f"{value:.1f}%" for value in figures)])
    return table(["platform", "", "rows", "mean", "median", "worst"], rows)


def scaled() -> str:
    """Accelerators that nobody measured, by bandwidth."""
    rows = []
    for name in UNSEEN:
        accelerator = facts.accelerator(name)
        seconds = epochs.scaled_seconds_per_sample(name)
        batch = max_batch_per_rank(name)
        rows.append([name, f"{accelerator.memory_gb_per_second:,.0f}", f"{seconds:.4f}", f"{1 / seconds:.0f}", str(batch)])
    return table(["rank", "memory, GB/s", "`t_c`, s a shower", "showers/s without overhead", "largest batch"], rows)


def phases() -> str:
    """Seconds of each phase by target, and what they bill."""
    names = (*BEFORE, PhaseName.VALIDATION, PhaseName.CHECKPOINT, PhaseName.RESTART, *AFTER)
    rows = []
    for name in names:
        cells = []
        for target in PHASED:
            phase = facts.phases(target).get(name)
            cells.append("-" if phase is None else f"{with_range(phase.seconds)}, {phase.billed}")
        rows.append([name.replace("_", " "), *cells])
    return table(["phase, s", *PHASED.values()], rows)


def rates() -> str:
    """What is billed beside the nodes, in one region each."""
    rows = []
    for target, region in REGIONS.items():
        known = tariff(target, region)
        kinds = (
            ("node hour", known.node_hour),
            ("cluster hour", known.cluster_hour),
            ("hour of the burst", known.burst_hour),
            ("burst", known.once),
        )
        lines = [[item, f"{usd:.3g}", kind] for kind, items in kinds for item, usd in items.items()]
        if known.nat_vm_hour:
            lines.append(["NAT gateway, up to 32 with system node", f"{known.nat_vm_hour:g}", "node and cluster hour"])
            lines.append(["NAT gateway, more nodes", f"{known.nat_gateway_hour:g}", "cluster hour"])
        rows += [[f"{TITLES[target]}, {region}", *line] for line in lines]
    return table(["target, region", "item", "USD", "for each"], rows)


def watts() -> str:
    """Power of two kinds of node, before the building's share."""
    rows = []
    for provider, shape, region in SHAPES:
        power = energy.node_power(facts.find(provider, shape, region, Purchase.ON_DEMAND).shape)
        rows += [[shape, part, with_range(busy), with_range(power.idle_w[part])] for part, busy in power.busy_w.items()]
    return table(["node", "part", "busy, W", "idle, W"], rows)


def places() -> str:
    """Grid and building of some regions."""
    rows = []
    for place in PLACES:
        grid, (provider, _, region) = facts.grid_carbon(place), place.partition("/")
        free = "-" if grid.carbon_free_share is None else f"{grid.carbon_free_share:.0%}"
        rows.append([place, grid.location, f"{grid.gco2e_per_kwh:g}", free, with_range(facts.pue(provider, region).value)])
    return table(["region", "grid", "gCO2e/kWh", "carbon-free", "PUE"], rows)


def published() -> str:
    """The published trainings."""
    rows = [
        [
            f"{each.global_batch:,}",
            str(each.num_epochs),
            f"{accuracy.num_updates(each):,}",
            f"{each.ecal_error_percent}%",
            f"{each.energy_error_percent}%",
            str(each.angle_mae_rad),
            "yes" if each.is_stable else "no",
        ]
        for each in facts.accuracies()
    ]
    header = ["global batch", "epochs", "updates", "ECAL error", "energy error", "angle, mean abs. error, rad", "stable"]
    return table(header, rows)


def reaching_table() -> str:
    """Hours and dollars to a stated error, by number of V100s."""
    rows = []
    for num_nodes in NODE_COUNTS:
        cells = []
        for error in ERRORS_PERCENT:
            found = reaching(error, num_nodes)
            cells.append("-" if found is None else f"{found.cost.hours.expected:.2f} h, {found.cost.usd.expected:.0f} USD")
        rows.append([str(num_nodes * GPUS_PER_FULL_NODE), *cells])
    return table(["V100", *(f"{error:g}%" for error in ERRORS_PERCENT)], rows)


def search() -> str:
    """What a search without any option looks at, and keeps."""
    front = default_front()
    return (
        f"Without any option, on the day of the snapshot: {front.num_candidates:,} candidates, of which "
        f"{front.num_too_few_updates:,} make too few updates;\n{len(front.offers)} plans are on the front."
    )


def set_aside() -> str:
    """Why offers are not searched, on the day of the snapshot."""
    return table(["reason", "offers"], [[reason, f"{count:,}"] for reason, count in default_front().set_aside.most_common()])


def numbers() -> dict[str, str]:
    """What the sentences of the page state, as they state it."""
    spread, azure = epochs.extrapolation(), epochs.azure_ml_scatter()
    updates = [accuracy.num_updates(each) for each in facts.accuracies()]
    first = {platform: estimate.first_epoch_seconds(platform, is_measured=True) for platform in Platform}
    return {
        "showers of an epoch": f"{NUM_SAMPLES:,}",
        "largest left-out error, GKE": f"{100 * math.expm1(max(abs(fitting.gke().left_out_residuals()))):.1f}%",
        "Azure ML over GKE's model": f"{epochs.platform_factor(Platform.AZURE_ML):.3f}",
        "range of Azure ML": f"{azure.low:.2f} to {azure.high:.2f}",
        "showers a second from the bucket": f"{fitting.storage_samples_per_second():.0f} showers a second",
        "waiting of a node for a shower": f"{1000 * fitting.reading_seconds_per_sample():.2f} ms",
        "range of what nobody measured": f"{spread.low:.2f} to {spread.high:.2f}",
        "first epoch, GKE": f"{first[Platform.GKE].expected:.0f} s",
        "first epoch, TPU": f"{first[Platform.TPU].expected:.0f} s",
        "first epoch, Azure ML": f"{first[Platform.AZURE_ML].expected:.0f} s",
        "fewest updates": f"{accuracy.fewest_updates():,}",
        "most updates": f"{max(updates):,}",
    }


def _output(command: str) -> list[str]:
    """What a command of ours prints."""
    program = [sys.executable, "-c", "from cli import main; main()", *shlex.split(command)[1:]]
    found = subprocess.run(program, cwd=PROJECT, capture_output=True, text=True, check=False)
    return [line.rstrip() for line in found.stdout.splitlines()]


def _shortened(lines: Sequence[str]) -> list[str]:
    """The table and what the limits cost."""
    first = next(number for number, line in enumerate(lines) if line.startswith("Recommended"))
    costs = next(number for number, line in enumerate(lines) if line.startswith("What the limits cost"))
    return [*lines[: first + 2], CUT, *_until(lines[costs:], "Set aside"), CUT]


def _until(lines: Sequence[str], word: str) -> list[str]:
    end = next(number for number, line in enumerate(lines) if line.startswith(word))
    return [*lines[:end]]
