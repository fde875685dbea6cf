"""What `burst plan` refuses: all of it at once, a line each, with the closest that is known."""

from __future__ import annotations

import datetime
from pathlib import Path

import pytest

from cli import clock
from tests.cli.command import Run


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        (["--hours", "-1"], ["--hours is -1", "above 0"]),
        (["--usd", "nan"], ["--usd is nan", "US dollars"]),
        (["--kgco2e", "inf"], ["--kgco2e is inf", "kilograms"]),
        (["--hours", "soon"], ["--hours is soon", "a number"]),
        (["--epochs=1.5"], ["--epochs is 1.5", "a whole number"]),
        (["--provider", "gpc"], ["no provider gpc", "did you mean gcp?"]),
        (["--region", "europe-west44"], ["no region europe-west44", "did you mean europe-west4?"]),
        (["--shape", "Standard_ND96isr_H100"], ["no shape Standard_ND96isr_H100", "did you mean Standard_ND96isr_H100_v5?"]),
        (["--accelerator", "V100-16"], ["no accelerator V100-16", "did you mean V100-16GB?"]),
        (["--shape", "Standard_NC6s_v3"], ["retired on 2025-09-30", "take "]),
        (["--purchase", "spott"], ["--purchase is spott", "did you mean spot?", "on-demand or spot"]),
        (["--purchase", "owned"], ["--purchase is owned"]),
        (["--quota", "V100-16GB"], ["--quota is V100-16GB", "V100-16GB=16"]),
        (["--quota", "V100-16GB=many"], ["--quota is V100-16GB=many"]),
        (["--quota", "V100-16GB=1", "--quota", "V100-16GB=2"], ["--quota is V100-16GB=2", "one number"]),
        (["--quota", "V100-16G=1"], ["no accelerator V100-16G", "did you mean V100-16GB?"]),
        (["--max-accelerators", "0"], ["--max-accelerators is 0"]),
        (["--batch", "1"], ["--batch is 1", "2 or more"]),
        (["--epochs", "0"], ["--epochs is 0", "1 or more"]),
        (["--updates", "0"], ["--updates is 0"]),
        (["--accuracy", "5"], ["an ECAL error of 5%", "8.3 to 11%"]),
        (["--epochs", "6", "--updates", "7"], ["--epochs and --updates are given", "one of them"]),
        (["--showers", "0"], ["--showers is 0"]),
        (["--preset", "demmo"], ["--preset is demmo", "did you mean demo?"]),
        (["--image", "5x5"], ["--image is 5x5", "51x51x25"]),
        (["--image", "7x7x7"], ["never measured", "burst calibrate"]),
        (["--implementation", "hepburts"], ["no implementation hepburts", "did you mean hepburst?"]),
        (["--count", "0"], ["--count is 0"]),
        (["--sort", "hour"], ["--sort is hour", "did you mean hours?"]),
        (["--explain", "99", "--provider", "azure"], ["--explain 99", "a row of the table, 1 to "]),
        (["--plot", "plans.pdf"], ["--plot plans.pdf", ".png or .svg or .html"]),
        (["--plot", "nowhere/plans.png"], ["no folder nowhere"]),
        (["--hour", "2"], ["--hour", "--hours", "burst plan --help"]),
        (["extra"], ["extra", "burst plan --help"]),
    ],
)
def test_a_mistake_is_one_line_that_says_what_was_expected(burst: Run, arguments: list[str], parts: list[str]) -> None:
    found = burst("plan", *arguments)
    assert found.status == 2
    assert found.out == ""
    (refusal,) = found.refusals
    for part in (*parts, "; expected ", "; to mend it: "):
        assert part in refusal


def test_all_mistakes_of_a_command_line_are_told_at_once(burst: Run) -> None:
    found = burst(
        "plan", "--hours", "-1", "--provider", "gpc", "--shape", "v38", "--sort", "x", "--plot", "a.gif", "--batch", "0"
    )
    assert found.status == 2
    assert len(found.refusals) == 6


def test_where_only_old_prices_are_left_the_refusal_names_both_ways_out(burst: Run) -> None:
    found = burst("plan", "--provider", "oci")
    assert found.status == 2
    (refusal,) = found.refusals
    for part in ("older than 180 days", "oci: 2026-03-29", "burst facts refresh", "--allow-old"):
        assert part in refusal


def test_when_everything_is_old_nothing_is_planned(burst: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "today", lambda: datetime.date(2028, 1, 1))
    found = burst("plan")
    assert found.status == 2
    (refusal,) = found.refusals
    assert "burst facts refresh" in refusal
    assert "--allow-old" in refusal


def test_a_choice_that_leaves_nothing_is_refused_with_the_reason(burst: Run) -> None:
    found = burst("plan", "--accelerator", "TPU-v5p")
    assert found.status == 2
    (refusal,) = found.refusals
    assert "TPU-v5p" in refusal


def test_a_plot_that_cannot_be_written_is_refused_and_leaves_nothing(burst: Run, tmp_path: Path) -> None:
    (tmp_path / "plans.svg").mkdir()
    found = burst("plan", "--provider", "azure", "--plot", str(tmp_path / "plans.svg"))
    assert found.status == 2
    assert "plans.svg" in found.refusals[0]
    assert [path.name for path in tmp_path.iterdir()] == ["plans.svg"]
