"""Whole pages, from run folders as the trainer leaves them, read back with the standard library's HTML parser."""

from __future__ import annotations

import dataclasses
import json
import math
import re
from collections import Counter
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from burst.report import write_report
from burst.report.__main__ import main
from burst.report.cost import cost_table
from burst.report.record import Record, read_record
from burst.report.words import verdict
from trainer.contract import Json, Preset, RunConfig, RunResult, RunStatus, Segment
from trainer.physics import Measured, Physics, judge, write_samples
from trainer.refusal import Refusal
from trainer.showers.schema import Showers

NASTY = """<script>alert("1")</script>&'"""
VOID = {"meta", "img", "br", "link", "input", "hr"}


def toy(num_showers: int = 60, *, seed: int = 1, scale: float = 1.0) -> Showers:
    rng = np.random.default_rng(seed)
    energy = np.linspace(10, 100, num_showers).astype(np.float32)
    x, z = np.abs(np.arange(9) - 4), np.arange(8)
    mean = np.exp(-1.5 * x)[:, None, None] * np.exp(-1.5 * x)[:, None] * (z + 0.5) * np.exp(-z / 2)
    ecal = 0.004 * scale * energy[:, None, None, None] * mean * rng.gamma(4, 0.25, (num_showers, 9, 9, 8))
    return Showers(ecal=ecal.astype(np.float32), energy=energy, theta=np.full(num_showers, np.pi / 2, dtype=np.float32))


def config(**changes: Any) -> RunConfig:
    return RunConfig(**{"data_path": "showers/fixed.h5", "data_sha256": "ab" * 32, "num_epochs": 4, **changes})


def result(**changes: Any) -> RunResult:
    whole: dict[str, Any] = {
        "run_id": config().run_id(),
        "lineage_id": config().lineage_id(),
        "status": RunStatus.SUCCEEDED,
        "message": "trained 4 epochs",
        "num_epochs": 4,
        "num_steps": 40,
        "num_ranks": 2,
        "train_seconds": 3.5,
        "samples_per_second": 141.7,
        "segments": (Segment(started_unix_seconds=1.7e9, seconds=83.0, cpu_seconds=151.0),),
        "losses": {"generator": 0.9},
        "physics": {},
        "checkpoint": "checkpoints/best.pt",
        "checkpoint_sha256": "cd" * 32,
        "environment": {"torch": "2.9.1"},
    }
    return RunResult(**{**whole, **changes})


def events(problem: str = "response 2.1 is outside 0.5-2") -> Iterator[dict[str, Json]]:
    for step in range(1, 41):
        losses: dict[str, Json] = {"generator": 100 / step, "discriminator": 1.2, "d_real": 0.6, "d_fake": 0.4, "layers": 0.1}
        yield {"event": "step", "epoch": (step - 1) // 10 + 1, "num_epochs": 4, "step": step, "num_steps": 40, "losses": losses}
        if step % 10 == 0:
            summary: dict[str, Json] = {"layer_error": 0.5 / step, "response": 1.1, "resolution_ratio": None}
            yield {
                "event": "epoch",
                "epoch": step // 10,
                "num_epochs": 4,
                "losses": losses,
                "physics": summary,
                "is_best": step == 30,
            }
            yield {"event": "checkpoint", "path": "checkpoints/best.pt", "step": step}
    yield {"event": "health", "problem": problem, "action": "return to step 20"}


def side(factor: float = 1.0, basis: str = "carbon: 33 gCO2e/kWh, grid of Zurich") -> dict[str, Json]:
    def between(low: float, expected: float, high: float) -> Json:
        return {"low": low * factor, "expected": expected * factor, "high": high * factor}

    ranges = {
        "usd": between(0, 0, 0),
        "hours": between(0.01, 0.02, 0.04),
        "kwh": between(0.2, 0.3, 0.5),
        "kgco2e": between(1, 2, 3),
    }
    return {**ranges, "basis": [basis, "money: machine rent 0"]}


COST: dict[str, Json] = {"forecast": side(), "actual": None}


def run_folder(folder: Path, *, physics: bool = True, of: RunConfig | None = None, **changes: Any) -> Path:
    folder.mkdir(exist_ok=True)
    (of or config()).write(folder / "run.json")
    judged = judge(toy(), toy(seed=2, scale=1.05)) if physics else {}
    result(**{"physics": judged, **changes}).write(folder / "result.json")
    (folder / "events.jsonl").write_text("".join(json.dumps(event) + "\n" for event in events()))
    if physics:
        write_samples(folder / "showers.npz", toy(), toy(seed=2))
    return folder


def page_of(folder: Path, cost: dict[str, Json] = COST, **options: Any) -> str:
    write_report(folder, cost=cost, out=folder / "report.html", **options)
    return (folder / "report.html").read_text(encoding="utf-8")


class Page(HTMLParser):
    """Collects what a page is made of, and fails on a tag that is not closed where it was opened."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: Counter[str] = Counter()
        self.ids: list[str] = []
        self.loads: list[str] = []
        self.text = ""
        self.feed(text)
        self.close()
        assert not self.open, self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags[tag] += 1
        for name, value in attrs:
            if name == "id" and value:
                self.ids.append(value)
            if name in ("src", "href", "xlink:href", "data", "srcset", "action") and tag != "a":
                self.loads.append(value or "")
            assert not name.startswith("on"), f"{tag} {name}"
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self.open, f"</{tag}> closes nothing"
        assert self.open.pop() == tag, f"</{tag}> closes another element"

    def handle_data(self, data: str) -> None:
        if not self.open or self.open[-1] != "style":
            self.text += data


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The folder and the page of a run that went well, with strings in it that would be tags if they were not escaped."""
    nasty = config(data_path=f"{NASTY}.h5")
    folder = run_folder(tmp_path_factory.mktemp("run"), of=nasty, message=NASTY, environment={NASTY: NASTY})
    lines = [*events(problem=NASTY), {"event": "step", "step": 1, "num_steps": 40, "num_epochs": 4, "losses": {NASTY: 1.0}}]
    (folder / "events.jsonl").write_text("".join(json.dumps(event) + "\n" for event in lines))
    cost: dict[str, Json] = {"forecast": side(basis=NASTY), "actual": None}
    return folder, page_of(folder, cost, title=NASTY)


def test_the_page_is_well_formed_and_has_its_sections_in_a_physicists_order(whole: tuple[Path, str]) -> None:
    page = Page(whole[1])
    sections = ["verdict", "numbers", "training", "energy", "shapes", "showers", "cost", "making"]
    assert [name for name in page.ids if name in sections] == sections
    assert page.tags["figure"] == 5 + 2 + 6 + 2
    assert max(Counter(page.ids).values()) == 1, "ids of figures do not collide"


def test_the_page_loads_nothing_and_runs_nothing(whole: tuple[Path, str]) -> None:
    text = whole[1]
    page = Page(text)
    assert not {"script", "link", "iframe", "object", "embed", "form"} & page.tags.keys()
    assert all(load.startswith(("data:image/png;base64,", "#")) for load in page.loads)
    assert all(target.startswith("#") for target in re.findall(r"url\(\s*['\"]?([^)]*)", text))
    assert "@import" not in text
    assert len(text.encode()) < 3_000_000


def test_nothing_in_a_run_can_become_markup(whole: tuple[Path, str]) -> None:
    text = whole[1]
    assert "<script" not in text
    assert Page(text).text.count(NASTY) >= 6, "title, data, problem, environment, a loss, a basis"


def test_colours_follow_the_readers_theme(whole: tuple[Path, str]) -> None:
    text = whole[1]
    assert "#010a" not in text, "no stand-in colour is left"
    assert "prefers-color-scheme: dark" in text
    used = set(re.findall(r"var\((--fig-[a-z0-9-]+)\)", text))
    assert len(used) >= 6
    assert all(f"{name}:" in text for name in used), "each is defined by the style"


def test_equal_inputs_give_equal_bytes(whole: tuple[Path, str]) -> None:
    folder, text = whole
    cost: dict[str, Json] = {"forecast": side(basis=NASTY), "actual": None}
    assert page_of(folder, cost, title=NASTY) == text


def test_the_headline_says_what_ran_and_shows_figures_with_errors_and_floor(whole: tuple[Path, str]) -> None:
    text = " ".join(Page(whole[1]).text.split())
    judged = Physics.from_dict(json.loads((whole[0] / "result.json").read_text())["physics"]["gan"])
    assert "succeeded after 4 of 4 epochs, 2 Horovod ranks" in text
    assert "not the published 3DGAN" in text
    assert "speed, showers / s 142 over 2 ranks, 40 steps" in text
    assert "1 min 23 s" in text
    error = judged.mean_layer_error
    assert f"mean layer error {error.value * 100:.1f} ± {error.error * 100:.1f} %" in text
    assert "floor " in text
    assert "60 Geant4 showers that the training has not seen" in text
    assert "This product includes software developed by Members of the Geant4 Collaboration ( http://cern.ch/geant4 )" in text
    assert "python -m trainer run.json" in text


def test_an_interrupted_run_of_the_published_preset_gets_a_page_without_physics(tmp_path: Path) -> None:
    status = {"status": RunStatus.INTERRUPTED, "message": "stopped by SIGINT at step 17", "num_epochs": 1}
    text = Page(page_of(run_folder(tmp_path, physics=False, of=config(preset=Preset.PUBLISHED), **status))).text
    assert "The run was stopped before its showers could be judged" in text
    assert "Stopped by SIGINT at step 17." in text
    assert "interrupted after 1 of 4 epochs" in " ".join(text.split())
    assert "The run left no showers to draw." in text
    assert "demo preset" not in text


def test_a_killed_run_that_left_its_configuration_alone_gets_a_page(tmp_path: Path) -> None:
    config().write(tmp_path / "run.json")
    text = Page(page_of(tmp_path, {})).text
    assert "No result yet" in text
    assert "The run left no events to draw." in text
    assert config().data_sha256 in text


def test_a_generator_of_nothing_is_drawn_without_a_warning(tmp_path: Path) -> None:
    nothing = dataclasses.replace(toy(), ecal=np.zeros_like(toy().ecal))
    run_folder(tmp_path, physics=False)
    result(physics=judge(toy(), nothing)).write(tmp_path / "result.json")
    write_samples(tmp_path / "showers.npz", toy(), nothing)
    assert "Neither goal was reached" in Page(page_of(tmp_path)).text


def test_too_few_showers_for_bins_and_floor_still_make_a_page(tmp_path: Path) -> None:
    run_folder(tmp_path, physics=False)
    result(physics=judge(toy(3), toy(3, seed=2))).write(tmp_path / "result.json")
    write_samples(tmp_path / "showers.npz", toy(1), toy(1, seed=2))
    text = Page(page_of(tmp_path)).text
    assert "too few test showers to judge the response" in text
    assert "10 to 100 GeV: 3 showers, 10 needed" in text.replace("10-100", "10 to 100")


def test_a_line_torn_by_a_kill_is_left_out_but_a_damaged_file_is_refused(tmp_path: Path) -> None:
    run_folder(tmp_path, physics=False)
    path = tmp_path / "events.jsonl"
    whole_lines = path.read_text()
    num_events = len(whole_lines.splitlines())
    path.write_text(whole_lines + '{"event": "st')
    assert len(read_record(tmp_path).events) == num_events
    path.write_text(whole_lines + '{"event": "st\n' + whole_lines)
    assert len(read_record(tmp_path).events) == 2 * num_events
    path.write_text(whole_lines + "torn\ntorn\n" + whole_lines)
    with pytest.raises(Refusal, match=rf"events\.jsonl, line {num_events + 1}"):
        read_record(tmp_path)
    path.write_text("{}\n" + whole_lines)
    with pytest.raises(Refusal, match=r"events\.jsonl, line 1"):
        read_record(tmp_path)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("run.json", "{", r"run\.json"),
        ("run.json", None, r"run\.json"),
        ("result.json", "[]", r"result\.json holds a list"),
        ("showers.npz", "no zip", r"showers\.npz"),
    ],
)
def test_missing_or_damaged_files_are_refused_by_name(tmp_path: Path, name: str, content: str | None, message: str) -> None:
    path = run_folder(tmp_path, physics=False) / name
    path.unlink() if content is None else path.write_text(content)
    with pytest.raises(Refusal, match=message):
        page_of(tmp_path)
    assert not (tmp_path / "report.html").exists()


def test_damaged_physics_are_refused_with_the_file_that_holds_them(tmp_path: Path) -> None:
    run_folder(tmp_path, physics=False)
    result(physics={"gan": {"score": 1}}).write(tmp_path / "result.json")
    with pytest.raises(Refusal, match=r"result\.json: gan: physics that cannot be read"):
        read_record(tmp_path)


def test_a_page_that_cannot_be_written_is_refused_and_leaves_no_part(tmp_path: Path) -> None:
    run_folder(tmp_path, physics=False)
    (tmp_path / "taken").write_text("")
    with pytest.raises(Refusal, match="taken"):
        write_report(tmp_path, cost=COST, out=tmp_path / "taken" / "report.html")
    (tmp_path / "folder").mkdir()
    with pytest.raises(Refusal, match="folder"):
        write_report(tmp_path, cost=COST, out=tmp_path / "folder")
    assert not list(tmp_path.glob(".*")), "no part is left"


def test_cost_shows_both_sides_in_readable_units_and_shared_sentences_once() -> None:
    table = cost_table({"forecast": side(), "actual": side(0.5, basis="time: measured")})
    rows = {quantity: (unit, cells) for quantity, unit, cells in table.rows}
    unit, (forecast, actual) = rows["time"]
    assert unit == "min"
    assert forecast is not None
    assert actual is not None
    assert (forecast.expected, forecast.between) == ("1.2", "0.6 to 2.4")
    assert actual.expected == "0.6"
    money = rows["money"][1][0]
    assert money is not None
    assert (money.expected, money.between) == ("0", "")
    assert table.basis["both"] == ("money: machine rent 0",)
    assert table.basis["actual"] == ("time: measured",)
    assert all(cells[1] is None for _, _, cells in cost_table(COST).rows)


@pytest.mark.parametrize("damage", [{"usd": 3}, {"kwh": {"low": 1, "expected": 0, "high": 2}}, {"hours": {"low": 1}}])
def test_a_cost_of_another_shape_is_refused(damage: dict[str, Json]) -> None:
    with pytest.raises(Refusal, match=f"forecast.{next(iter(damage))}"):
        cost_table({"forecast": {**side(), **damage}})


@pytest.fixture(scope="module")
def judged_record(whole: tuple[Path, str]) -> Record:
    return read_record(whole[0])


@pytest.mark.parametrize(
    ("layer_error", "response_error", "headline", "tone"),
    [
        (0.08, 0.1, "Both goals were reached", "good"),
        (0.2, 0.1, "One of two goals was reached", "fair"),
        (0.2, 0.3, "Neither goal was reached", "bad"),
        (0.08, math.nan, "One of two goals was reached", "fair"),
    ],
)
def test_the_verdict_counts_the_goals(
    judged_record: Record, layer_error: float, response_error: float, headline: str, tone: str
) -> None:
    assert judged_record.gan is not None
    layers = dataclasses.replace(judged_record.gan.layers, mean_error=Measured(layer_error, 0.01))
    gan = dataclasses.replace(judged_record.gan, layers=layers, largest_response_error=Measured(response_error, 0.01))
    found = verdict(dataclasses.replace(judged_record, gan=gan))
    assert (found.headline, found.tone) == (headline, tone)


@pytest.mark.parametrize(
    ("ratio", "words"),
    [
        (Measured(1.8, 0.1), "1.80 ± 0.10 times Geant4's, so wider"),
        (Measured(0.5, 0.1), "0.50 ± 0.10 times Geant4's, so narrower"),
        (Measured(1.3, 0.2), "agrees with Geant4's"),
    ],
)
def test_the_verdict_says_what_means_do_not_show(judged_record: Record, ratio: Measured, words: str) -> None:
    assert judged_record.gan is not None
    gan = dataclasses.replace(judged_record.gan, resolution_ratio=ratio)
    assert words in " ".join(verdict(dataclasses.replace(judged_record, gan=gan)).sentences)


def test_a_failed_run_is_never_a_good_one(judged_record: Record) -> None:
    failed = result(status=RunStatus.FAILED, message="the response left 0.5-2 three times")
    found = verdict(dataclasses.replace(judged_record, result=failed))
    assert found.headline.endswith("but the run failed")
    assert found.tone != "good"
    assert found.sentences[0] == "The response left 0.5-2 three times."


def test_the_command_writes_the_page_and_refuses_with_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run_folder(tmp_path, physics=False)
    (tmp_path / "cost.json").write_text(json.dumps(COST))
    out = tmp_path / "pages" / "report.html"
    assert main([str(tmp_path), "--cost", str(tmp_path / "cost.json"), "--out", str(out)]) == 0
    assert out.exists()
    capsys.readouterr()
    assert main([str(tmp_path / "nowhere"), "--out", str(out)]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1
