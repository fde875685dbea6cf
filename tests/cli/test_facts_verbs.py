"""`burst facts show` and `burst facts refresh`."""

from __future__ import annotations

import csv
import io
import shutil
import socket
from pathlib import Path
from typing import Any

import pytest

from burst import facts
from burst.facts import refresh as refreshing
from burst.facts import rows
from burst.facts.refresh import Endpoints, Refreshed
from tests.cli.command import TODAY, Run


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of tables of the test's own."""
    for path in rows.FOLDER.glob("*.csv"):
        shutil.copy(path, tmp_path)
    monkeypatch.setenv("HEPBURST_FACTS_FOLDER", str(tmp_path))
    return tmp_path


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What a refresh was asked for; it does nothing."""
    seen: dict[str, Any] = {}

    def refresh(**given: Any) -> Refreshed:
        seen.update(given)
        given["progress"]("page 1")
        return Refreshed(path=None, previous=Path("prices-2026-11-23.csv"))

    monkeypatch.setattr(refreshing, "refresh", refresh)
    return seen


def test_every_table_is_listed_with_its_rows_dates_and_sources(burst: Run) -> None:
    found = burst("facts", "show")
    assert found.status == 0
    assert facts.snapshot().sha256 in found.out
    for path in rows.FOLDER.glob("*.csv"):
        (line,) = [line for line in found.out.splitlines() if line.startswith(f"{path.stem} ")]
        assert f"{len(rows.read_rows(path)):,}" in line.split()


def test_superseded_prices_are_not_in_use(burst: Run, folder: Path) -> None:
    shutil.copy(folder / "prices-2026-11-23.csv", folder / "prices-2026-12-01.csv")
    found = burst("facts", "show")
    assert "Facts of 2026-12-01" in found.out
    assert "prices-2026-11-23" not in found.out


@pytest.mark.parametrize("name", ["prices", "prices-2026-11-23", "prices-2026-11-23.csv"])
def test_a_table_goes_into_a_pipe_as_it_is(burst: Run, name: str) -> None:
    found = burst("facts", "show", "--table", name)
    assert list(csv.DictReader(io.StringIO(found.out))) == list(rows.rows("prices-2026-11-23.csv"))


def test_a_table_that_is_not_there_is_refused_with_the_closest(burst: Run) -> None:
    found = burst("facts", "show", "--table", "grid_carbn")
    assert found.status == 2
    assert "no table grid_carbn (did you mean grid_carbon?)" in found.refusals[0]


def test_a_refresh_is_asked_for_as_the_options_say(burst: Run, asked: dict[str, Any], folder: Path) -> None:
    found = burst(
        "facts", "refresh", "--provider", "azure", "--provider", "oci", "--timeout", "5",
        "--endpoint", "azure=http://127.0.0.1:9/prices", "--gcp-api-key", "a-key-of-mine",
    )  # fmt: skip
    assert found.status == 0
    assert found.out == "nothing is new: prices-2026-11-23.csv stays in use\n"
    assert found.err == "page 1\n"
    assert (asked["providers"], asked["today"], asked["folder"]) == (["azure", "oci"], TODAY, folder)
    assert (asked["timeout_seconds"], asked["gcp_api_key"]) == (5.0, "a-key-of-mine")
    assert asked["endpoints"] == Endpoints(azure="http://127.0.0.1:9/prices")


def test_all_providers_are_refreshed_and_the_key_comes_from_the_environment(
    burst: Run, asked: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HEPBURST_GCP_API_KEY", "a-key-of-mine")
    burst("facts", "refresh")
    assert set(asked["providers"]) == {"azure", "gcp", "oci"}
    assert asked["gcp_api_key"] == "a-key-of-mine"
    assert asked["folder"] == rows.FOLDER
    assert "a-key-of-mine" not in burst("facts", "refresh", "--help").out


def test_without_an_answer_the_old_prices_stay_and_the_refusal_says_so(burst: Run, folder: Path) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    found = burst("facts", "refresh", "--provider", "azure", "--endpoint", f"azure=http://127.0.0.1:{port}/prices")
    assert found.status == 2
    assert "prices-2026-11-23.csv stays in use, untouched" in found.err.splitlines()[-1]
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_all_mistakes_of_a_refresh_are_told_at_once(burst: Run, asked: dict[str, Any]) -> None:
    found = burst("facts", "refresh", "--provider", "azur", "--endpoint", "azure", "--timeout", "0")
    assert found.status == 2
    assert len(found.refusals) == 3
    assert "did you mean azure?" in found.refusals[0]
    assert asked == {}


def test_what_to_do_with_facts_must_be_said(burst: Run) -> None:
    found = burst("facts")
    assert found.status == 2
    assert "burst facts --help" in found.refusals[0]
