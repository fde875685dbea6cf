"""docs/forecast.md states what the code and the facts say, and everything that it names is there."""

from __future__ import annotations

import ast
import math
import operator
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

from burst import facts, wanted
from burst.calibration import probing
from burst.facts.epoch_times import NUM_SAMPLES
from burst.forecast import epochs, fitting, own_nodes, rented
from burst.forecast.pace import max_batch_per_rank, rank_memory_gb
from burst.forecast.work import CERN_NUM_EPOCHS
from burst.spec import OWN_PROVIDER
from docs.figures import forecast, forecast_by_hand, forecast_tables, forecast_time, pages

PROJECT = forecast.DOCS.parent
FACTS = PROJECT / "burst" / "facts"
PAGE = forecast.PAGE.read_text(encoding="utf-8")
SENTENCES = " ".join(PAGE.split())
WRITTEN = {path: path.read_text(encoding="utf-8") for path in (forecast.PAGE, forecast.EXAMPLES, FACTS / "README.md")}
ALL = "\n".join(WRITTEN.values())
NAMED = [*re.findall(r"`([^`\n]+)`", ALL), *re.findall(r"^\$ (.+)$", ALL, re.MULTILINE)]
COMMANDS = sorted({text for text in NAMED if re.match(r"burst [a-z]", text)})
FILES = sorted(set(re.findall(r"(?<![\w.])burst/[\w/.-]+\.(?:csv|md|py)", ALL)))
LINKS = sorted({(path, link) for path, text in WRITTEN.items() for link in re.findall(r"\]\(([^)#:]+)\)", text)})
OPERATORS: dict[type[ast.operator], Callable[[float, float], float]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
}
FUNCTIONS: dict[str, Callable[[float], float]] = {"exp": math.exp, "floor": math.floor}


def reckoned(expression: str) -> float:
    """What a reader with a pocket calculator gets."""
    return _value(ast.parse(expression.replace(" x ", " * "), mode="eval").body)


def _value(node: ast.expr) -> float:
    match node:
        case ast.Constant(value=(int() | float()) as value):
            return value
        case ast.BinOp(left=left, op=sign, right=right):
            return OPERATORS[type(sign)](_value(left), _value(right))
        case ast.Call(func=ast.Name(id=name), args=[argument]):
            return FUNCTIONS[name](_value(argument))
    raise AssertionError(ast.dump(node))


def share(name: str) -> str:
    """`65% (45 to 85%)`."""
    value = facts.coefficient(name).value
    return f"{value.expected:.0%} ({100 * value.low:.0f} to {value.high:.0%})"


def test_the_page_states_what_the_code_says() -> None:
    for name, text in forecast_tables.numbers().items():
        assert text in SENTENCES, f"{name} is {text}: correct docs/forecast.md"


def test_the_pages_tables_are_those_of_the_code() -> None:
    assert pages.rewritten(PAGE, forecast_tables.blocks()) == PAGE, "python -m docs.figures brings it up to date"


@pytest.mark.parametrize("line", forecast_by_hand.lines(), ids=lambda line: line.what)
def test_every_line_worked_by_hand_comes_out_as_the_forecast_says(line: forecast_by_hand.Line) -> None:
    assert str(line) in PAGE
    assert reckoned(line.expression) == pytest.approx(line.value, rel=2e-6)


def test_what_is_worked_by_hand_is_the_whole_forecast_of_the_plan() -> None:
    cost = rented.cost(forecast_by_hand.plan())
    values = {line.what: line.value for line in forecast_by_hand.lines()}
    assert values["money"] == cost.usd.expected
    assert values["wall"] == pytest.approx(cost.hours.expected)
    assert values["energy"] == cost.kwh.expected
    assert values["carbon, of the grid"] == cost.kgco2e.expected


def test_each_constant_is_printed_so_that_its_own_digits_give_the_measured_epochs() -> None:
    cells = {row.split("|")[1].strip(): row.split("|")[2:6] for row in forecast_tables.constants().splitlines()[2:]}
    per_sample, per_step, per_step_and_node, per_epoch = map(float, cells["V100"])
    steps = math.ceil(NUM_SAMPLES / (128 * 96))
    seconds = per_epoch + NUM_SAMPLES / 128 * per_sample + steps * (per_step + 15 * per_step_and_node)
    assert seconds == pytest.approx(33.22, rel=0.01)


def test_the_page_counts_the_rows_that_it_speaks_of() -> None:
    assert len(fitting.gke().rows) == 9
    assert "**GKE**: nine rows" in SENTENCES
    assert len(fitting.tpu().rows) == 3
    assert "**TPU**: three rows" in SENTENCES
    assert len(fitting.azure_ml_rows()) == 5
    assert "median of five ratios" in SENTENCES


@pytest.mark.parametrize(
    "stated",
    [
        f"96 showers on {rank_memory_gb('V100-16GB'):g} GB of a V100",
        f"128 on {rank_memory_gb('TPU-v2'):g} GB of a TPU core",
        f"batch ({wanted.BATCHES[0]} to {wanted.BATCHES[-1]}",
        f"up to {wanted.MAX_ACCELERATORS} accelerators",
        f"older than {facts.MAX_AGE_DAYS} days",
        f"can time today: {probing.NUM_STEPS} steps",
        f"showers of an epoch ({NUM_SAMPLES:,}), epochs ({CERN_NUM_EPOCHS})",
        f"a spread of at least {epochs.AZURE_ML_SCATTER:.0%}",
        f"a factor of {epochs.extrapolation().high:.1f} to either side",
        f"GPUs at {share('gpu_power_share')} of their TDP",
        f"at {share('host_cpu_utilisation')} use",
        f"a step takes {1000 * facts.coefficient(own_nodes.NETWORK).value.expected:.1f} ms more (0 to 100)",
        f"PUE {facts.pue(OWN_PROVIDER, '*').value.expected:g} (1.1 to 1.6)",
        "0.5 to 2 of theirs, expected 1",
        "0.5 to 3 times",
        "cost 2.7 points of ECAL error",
    ],
)
def test_the_page_states_the_constants_of_the_code(stated: str) -> None:
    assert stated in SENTENCES


def test_the_largest_batches_are_those_that_were_measured() -> None:
    assert (max_batch_per_rank("V100-16GB"), max_batch_per_rank("TPU-v2")) == (96, 128)
    ours, other = facts.implementation(facts.OURS).factor, facts.coefficient("other_cpu_seconds").value
    assert (ours.low, ours.expected, ours.high, other.low, other.high) == (0.5, 1, 2, 0.5, 3)
    errors = sorted(each.ecal_error_percent for each in facts.accuracies())
    assert errors[-1] - errors[0] == pytest.approx(2.7)


def test_only_a_row_that_is_a_constant_by_itself_has_no_residual() -> None:
    without = [row.run for row in forecast_time.rows() if row.fitted is None]
    assert [(run.num_ranks, run.has_prefetch) for run in without] == [(32, False)]


@cache
def help_of(*verbs: str) -> str:
    """What the command says of itself; fails for a verb that it has not."""
    program = [sys.executable, "-c", "from cli import main; main()", *verbs, "--help"]
    wide = {**os.environ, "COLUMNS": "200", "TERMINAL_WIDTH": "200", "NO_COLOR": "1"}
    return subprocess.run(program, cwd=PROJECT, env=wide, capture_output=True, text=True, check=True).stdout


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_and_its_options_are_there(command: str) -> None:
    words = shlex.split(command)[1:]
    shown = help_of(*(words[:2] if words[0] == "facts" else words[:1]))
    assert all(option in shown for option in words if option.startswith("--"))


@pytest.mark.parametrize("name", FILES)
def test_a_named_file_is_there(name: str) -> None:
    assert (PROJECT / name).is_file()


@pytest.mark.parametrize(("page", "link"), LINKS)
def test_a_linked_file_is_there(page: Path, link: str) -> None:
    assert (page.parent / link).is_file()


def test_every_table_of_facts_is_explained() -> None:
    readme = WRITTEN[FACTS / "README.md"]
    tables = {re.sub(r"prices-.*", "prices-<date>.csv", path.name) for path in FACTS.glob("*.csv")}
    assert not [name for name in tables if f"`{name}`" not in readme]


def test_a_page_without_a_place_for_a_table_is_refused() -> None:
    with pytest.raises(AssertionError):
        pages.rewritten("no place", {"sum": "1 + 1 = 2"})
    assert (
        pages.rewritten("<!-- generated: sum -->\nold\n<!-- end -->", {"sum": "2"})
        == "<!-- generated: sum -->\n2\n<!-- end -->"
    )
