"""`burst plan`: the table, limits, JSON, and what explains a row."""

from __future__ import annotations

import datetime
from itertools import takewhile
from pathlib import Path

import pytest
from rich.console import Console

from burst import advice, planner
from burst.forecast import Work, rented
from burst.plan_view.answer import answer
from burst.wanted import Wanted
from cli import clock, plan_table
from tests.cli.command import TODAY, V100, Outcome, Run


def rows(found: Outcome) -> list[str]:
    """The table's lines, in the form without a terminal."""
    lines = found.out.splitlines()
    first = next(number for number, line in enumerate(lines) if line.lstrip().startswith("#"))
    return list(takewhile(lambda line: line.lstrip()[:1].isdigit(), lines[first + 1 :]))


def test_the_first_line_says_what_was_searched_and_on_which_facts(burst: Run) -> None:
    first = burst("plan", *V100).out.splitlines()[0]
    for part in ("124,987 showers", "60 epochs", "candidates", "facts of 2026-11-23 (sha256 "):
        assert part in first


def test_a_plan_is_one_line_and_no_name_is_broken_where_another_program_reads(burst: Run) -> None:
    found = burst("plan", *V100)
    assert found.status == 0
    assert found.err == ""
    assert "\x1b" not in found.out
    assert rows(found)
    assert all("+8xV100-16GB x " in row or "V100-16GB x " in row for row in rows(found))
    assert not any(line.endswith(" ") for line in found.out.splitlines())


def test_on_a_terminal_of_100_columns_nothing_is_cut_and_no_line_is_longer() -> None:
    front = planner.search(Work(), Wanted(), today=TODAY)
    found = answer(front, Wanted(), advice.Limits(), count=12, sort="usd", today=TODAY)
    console = Console(width=100, force_terminal=True, color_system=None, record=True, file=None, markup=False, highlight=False)
    with console.capture() as captured:
        plan_table.show(console, found)
    lines = captured.get().splitlines()
    assert max(map(len, lines)) <= 100
    assert "\N{HORIZONTAL ELLIPSIS}" not in captured.get()
    for row in found.rows:
        assert f"{row.rental.offer.shape.name} x {row.rental.num_nodes}" in captured.get()
        assert row.rental.offer.region in captured.get()


def test_the_best_of_each_kind_are_marked_and_one_is_recommended(burst: Run) -> None:
    found = burst("plan", *V100)
    for mark in ("cheapest", "fastest", "least carbon", "balanced"):
        assert sum(mark in row for row in rows(found)) == 1
    assert "Recommended" in found.out
    for setting in ("nodes", "ranks", "batch per rank", "prefetch", "checkpoint"):
        assert f"\n  {setting} " in found.out


def test_extrapolated_plans_are_marked_and_can_be_left_out(burst: Run) -> None:
    azure = ("plan", "--provider", "azure")
    assert any(plan["is_extrapolated"] for plan in burst(*azure, "--json").document["plans"])
    assert "E: extrapolated" in burst(*azure).out
    measured = burst("plan", "--measured-only", "--json").document
    assert not any(plan["is_extrapolated"] for plan in measured["plans"])


def test_what_was_set_aside_is_told_with_its_reason(burst: Run) -> None:
    found = burst("plan")
    assert "Set aside" in found.out
    assert "prices of oci from 2026-03-29, older than 180 days" in found.out


def test_what_a_limit_that_binds_costs_is_told(burst: Run) -> None:
    found = burst("plan", "--hours", "2")
    assert "would save" in found.out
    assert "of them within the limits" in found.out


def test_all_rows_are_within_the_limits_and_sorted_as_asked(burst: Run) -> None:
    for sort in ("usd", "hours", "kgco2e"):
        document = burst(
            "plan", "--measured-only", "--hours", "3", "--usd", "300", "--kgco2e", "5", "--sort", sort, "--json"
        ).document
        expected = [plan[sort]["expected"] for plan in document["plans"]]
        assert expected == sorted(expected)
        assert [plan["row"] for plan in document["plans"]] == list(range(1, len(expected) + 1))
        for plan in document["plans"]:
            assert plan["hours"]["expected"] <= 3
            assert plan["usd"]["expected"] <= 300
            assert plan["kgco2e"]["expected"] <= 5


def test_as_many_rows_are_shown_as_there_are_if_so_many_are_asked_for(burst: Run) -> None:
    document = burst("plan", *V100, "--count", "1000", "--json").document
    assert len(document["plans"]) == document["num_plans_within_limits"] == document["num_plans_on_front"]
    assert len(burst("plan", *V100, "--count", "1", "--json").document["plans"]) == 1


def test_the_json_document_holds_the_forecast_of_each_row(burst: Run) -> None:
    document = burst("plan", *V100, "--json").document
    assert document["schema"] == 1
    assert len(document["facts"]["sha256"]) == 64
    assert document["facts"]["date"] == "2026-11-23"
    assert document["work"]["num_epochs"] == 60
    assert document["recommended"] in [plan["row"] for plan in document["plans"]]
    assert document["settings"]
    front = planner.search(Work(), Wanted(providers=frozenset({"gcp"}), accelerators=frozenset({"V100-16GB"})), today=TODAY)
    rentals = {advice.name(rental): rental for rental in map(front.rental, range(len(front.offers)))}
    for plan in document["plans"]:
        shown = rented.cost(rentals[plan["name"]]).to_output()
        for quantity in ("usd", "hours", "kwh", "kgco2e", "kgco2e_market", "items", "basis"):
            assert plan[quantity] == shown[quantity]


def test_text_and_json_are_of_the_same_plans(burst: Run) -> None:
    document, text = burst("plan", *V100, "--json").document, burst("plan", *V100)
    assert len(rows(text)) == len(document["plans"])
    for row, plan in zip(rows(text), document["plans"], strict=True):
        assert f"{plan['shape']} x {plan['num_nodes']} " in row
        assert f"{plan['num_updates']:,}" in row


def test_today_changes_warnings_and_no_figure(burst: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    before = burst("plan", *V100, "--allow-old", "--json").document
    monkeypatch.setattr(clock, "today", lambda: datetime.date(2028, 1, 1))
    after = burst("plan", *V100, "--allow-old", "--json").document
    assert before["plans"] == after["plans"]
    assert before["warnings"] != after["warnings"]
    assert any("days old" in warning for warning in after["warnings"])


def test_impossible_limits_say_what_excludes_and_show_the_nearest(burst: Run) -> None:
    found = burst("plan", *V100, "--hours", "0.2", "--usd", "5")
    assert found.status == 1
    assert "No plan is within the limits" in found.out
    assert "the deadline of 0.2 h: no plan takes less than" in found.out
    assert "The nearest" in found.out
    assert len(rows(found)) == 1
    document = burst("plan", *V100, "--hours", "0.2", "--usd", "5", "--json").document
    assert document["plans"] == []
    assert document["recommended"] is None
    assert document["exclusions"]
    assert document["nearest"]["marks"] == ["nearest"]


def test_a_row_is_explained_item_by_item_with_every_source(burst: Run) -> None:
    plans = burst("plan", *V100, "--json").document["plans"]
    found = burst("plan", *V100, "--explain", "2")
    assert found.status == 0
    assert plans[1]["name"] in found.out.splitlines()[0]
    for item in [*plans[1]["items"]["usd"], *plans[1]["items"]["hours"], *plans[1]["items"]["kwh"]]:
        assert item in found.out
    for line in plans[1]["basis"]:
        assert line in found.out
    for part in ("cluster creation", "terraform apply outputs", "gke: cluster management fee", "prefetch"):
        assert part in found.out


def test_a_row_is_explained_as_json(burst: Run) -> None:
    document = burst("plan", *V100, "--explain", "1", "--json").document
    assert document["plan"]["row"] == 1
    assert {"cluster_creation", "node_creation"} <= {phase["name"] for phase in document["phases"]}
    assert all(phase["source"] and phase["as_of"] for phase in document["phases"])
    assert all(price["source"] and price["as_of"] for price in document["service_prices"])
    assert document["settings"]


def test_old_prices_are_planned_with_where_allowed_and_warned_of(burst: Run) -> None:
    found = burst("plan", "--provider", "oci", "--allow-old")
    assert found.status == 0
    assert "days old" in found.out


def test_holding_the_accuracy_holds_the_updates(burst: Run) -> None:
    document = burst("plan", *V100, "--accuracy", "8.3", "--json").document
    assert document["work"]["num_updates"] == 7320
    assert all(plan["num_updates"] >= 7320 for plan in document["plans"])
    assert all(plan["ecal_error_percent"] == 8.3 for plan in document["plans"])


def test_fewer_updates_than_any_published_training_have_no_known_error(burst: Run) -> None:
    question = ("plan", "--shape", "n1-standard-96+8xV100-16GB", "--updates", "500", "--batch", "96")
    assert ">11%" in burst(*question).out
    assert all(plan["ecal_error_percent"] is None for plan in burst(*question, "--json").document["plans"])


def test_a_quota_and_the_most_accelerators_bound_what_is_rented(burst: Run) -> None:
    quota = burst("plan", *V100, "--quota", "V100-16GB=16", "--json").document
    most = burst("plan", *V100, "--max-accelerators", "8", "--json").document
    for document, limit in ((quota, 16), (most, 8)):
        sizes = [plan["num_nodes"] * plan["num_accelerators_per_node"] for plan in document["plans"]]
        assert max(sizes) <= limit
    assert quota["wanted"]["quota"] == {"V100-16GB": 16}


def test_shapes_regions_purchases_and_batches_can_be_chosen(burst: Run) -> None:
    shape = "n1-standard-96+8xV100-16GB"
    document = burst(
        "plan",
        "--shape",
        shape,
        "--region",
        "gcp/us-central1",
        "--purchase",
        "spot",
        "--batch",
        "64",
        "--batch",
        "96",
        "--json",
    ).document
    assert document["plans"]
    for plan in document["plans"]:
        assert (plan["shape"], plan["region"], plan["purchase"]) == (shape, "us-central1", "spot")
        assert plan["batch_per_rank"] in (64, 96)


def test_the_trainer_and_the_network_change_the_time(burst: Run) -> None:
    question = ("plan", "--shape", "n1-standard-96+8xV100-16GB", "--region", "us-central1", "--batch", "96", "--json")
    ours = burst(*question).document
    cerns = burst(*question, "--implementation", "cern-tensorflow").document
    demo = burst(*question, "--preset", "demo").document
    width = [plans["plans"][0]["hours"]["high"] / plans["plans"][0]["hours"]["low"] for plans in (cerns, ours)]
    assert width[0] < width[1]
    assert demo["plans"][0]["hours"]["expected"] < ours["plans"][0]["hours"]["expected"]
    assert demo["work"]["relative_compute"]["expected"] < 1


def test_a_small_data_set_is_planned_without_a_word_of_numpys(burst: Run) -> None:
    found = burst("plan", *V100, "--showers", "2000", "--batch", "96", "--json")
    assert found.status == 0
    assert found.err == ""
    assert all(plan["global_batch"] <= 2000 for plan in found.document["plans"])


def test_the_readme_shows_what_is_printed(burst: Run) -> None:
    readme = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
    transcript = readme.partition("```text\n3DGAN (hepburst)")[2].partition("```")[0]
    printed = " ".join(burst("plan", "--hours", "2", "--usd", "100").out.split())
    lines = [line for line in f"3DGAN (hepburst){transcript}".splitlines() if line != "..."]
    assert len(lines) == 5
    for line in lines:
        assert " ".join(line.removesuffix("...").split()) in printed
