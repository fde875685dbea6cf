"""The plots and the page of `burst plan --plot`: valid files that load nothing."""

from __future__ import annotations

import contextlib
import io
import re
import struct
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import pytest

import cli
from tests.cli.command import V100, Run

ADDRESS = re.compile(r"https?://(?!www\.w3\.org/)")
"""Any but those by which SVG is told from other XML, which nobody opens."""


class Loads(HTMLParser):
    """What a page would load or run."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[str] = []
        self.tags: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.found += [tag] if tag in ("script", "link", "iframe", "object") else []
        for name, value in attrs:
            if name in ("src", "href", "xlink:href", "data") and not (value or "").startswith(("#", "data:")):
                self.found.append(f"{tag} {name}={value}")


LIMITS = ("--hours", "10", "--usd", "1000", "--kgco2e", "5")


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """One file of each kind, of a question with all limits."""
    folder = tmp_path_factory.mktemp("plots")
    paths = {kind: folder / f"plans.{kind}" for kind in ("png", "svg", "html")}
    plots = [argument for path in paths.values() for argument in ("--plot", str(path))]
    said = io.StringIO()
    with pytest.raises(SystemExit, match="0"), contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(said):
        cli.main(["plan", *V100, *LIMITS, "--allow-old", *plots])
    assert said.getvalue() == "".join(f"drawn: {path}\n" for path in paths.values())
    assert sorted(folder.iterdir()) == sorted(paths.values())
    return paths


def test_a_plot_of_each_kind_is_a_valid_file(drawn: dict[str, Path]) -> None:
    png = drawn["png"].read_bytes()
    assert png.startswith(b"\x89PNG")
    width, height = struct.unpack(">II", png[16:24])
    assert width > height > 500
    svg = ElementTree.fromstring(drawn["svg"].read_text(encoding="utf-8"))  # noqa: S314 - our own file
    assert svg.tag == "{http://www.w3.org/2000/svg}svg"
    texts = " ".join("".join(element.itertext()) for element in svg.iter("{http://www.w3.org/2000/svg}text"))
    for part in ("deadline 10 h", "budget 1,000 USD", "kgCO2e", "Google Cloud", "cheapest", "recommended"):
        assert part in texts


def test_no_plot_and_no_page_loads_anything(drawn: dict[str, Path]) -> None:
    svg, page = (drawn[kind].read_text(encoding="utf-8") for kind in ("svg", "html"))
    assert not ADDRESS.search(svg)
    assert "var(" not in svg
    loads = Loads(page)
    assert loads.found == []
    assert "svg" in loads.tags
    assert not re.search(r"@import|url\((?!#)", page)


def test_the_page_shows_what_the_terminal_shows(burst: Run, drawn: dict[str, Path]) -> None:
    page = drawn["html"].read_text(encoding="utf-8")
    document = burst("plan", *V100, *LIMITS, "--json").document
    for plan in document["plans"]:
        assert f"{plan['shape']} x {plan['num_nodes']}" in page
    assert document["facts"]["sha256"] in page
    for name in document["plans"][0]["items"]["usd"]:
        assert name in page
    for part in (
        "prefers-color-scheme: dark",
        "terraform apply outputs",
        "cluster management fee",
        "at most 10 h, 1,000 USD, 5 kgCO2e",
    ):
        assert part in page


def test_limits_that_nothing_meets_are_drawn_too(burst: Run, tmp_path: Path) -> None:
    path = tmp_path / "plans.html"
    found = burst("plan", *V100, "--hours", "0.1", "--plot", str(path))
    assert found.status == 1
    assert "No plan is within the limits" in path.read_text(encoding="utf-8")
