"""The plot and the page of plans."""

from __future__ import annotations

import datetime
import re
from dataclasses import replace
from pathlib import Path

import pytest

from burst import planner
from burst.advice import Limits
from burst.forecast import Work
from burst.plan_view import figure, page
from burst.plan_view.answer import Answer, answer
from burst.report.figure import INK
from burst.wanted import Wanted
from trainer.refusal import Refusal

TODAY = datetime.date(2026, 11, 24)
WANTED = Wanted(shapes=frozenset({"n1-standard-96+8xV100-16GB"}), regions=frozenset({"us-central1", "us-west1"}))


@pytest.fixture(scope="module")
def found() -> Answer:
    front = planner.search(Work(), WANTED, today=TODAY)
    return answer(front, WANTED, Limits(max_hours=5.0), count=5, sort="usd", today=TODAY)


def test_equal_answers_give_equal_bytes(found: Answer, tmp_path: Path) -> None:
    assert page.render(found) == page.render(found)
    for kind in ("svg", "png"):
        first, second = tmp_path / f"first.{kind}", tmp_path / f"second.{kind}"
        figure.write(found, first)
        figure.write(found, second)
        assert first.read_bytes() == second.read_bytes()


def test_the_inline_plot_has_the_pages_colours_and_a_file_has_plain_ones(found: Answer, tmp_path: Path) -> None:
    assert "var(--fig-ink)" in figure.inline(found)
    assert 'role="img"' in figure.inline(found)
    figure.write(found, tmp_path / "plot.svg")
    assert figure.light_colours()[INK] in (tmp_path / "plot.svg").read_text()
    for text in (figure.inline(found), (tmp_path / "plot.svg").read_text()):
        assert not any(stand_in in text for stand_in in figure.COLOURS)


def test_every_row_has_its_number_in_the_plot(found: Answer) -> None:
    texts = [re.sub(r"<[^>]+>", "", text).strip() for text in re.findall(r"<text.*?</text>", figure.inline(found), re.DOTALL)]
    for row in found.rows:
        assert any(text.split(" ")[0] == str(row.number) for text in texts)


def test_a_front_of_one_plan_is_drawn(tmp_path: Path) -> None:
    wanted = Wanted(shapes=frozenset({"v3-8"}), regions=frozenset({"us-central1"}), batches=(128,))
    front = planner.search(Work(), wanted, today=TODAY)
    one = answer(front, wanted, Limits(), count=1, sort="usd", today=TODAY)
    figure.write(one, tmp_path / "one.png")
    assert (tmp_path / "one.png").stat().st_size > 1000


def test_what_is_on_the_page_is_escaped(found: Answer) -> None:
    assert "&lt;b&gt;old&lt;/b&gt;" in page.render(replace(found, warnings=("<b>old</b>",)))


def test_a_place_that_cannot_be_written_is_refused_and_left_as_it_was(found: Answer, tmp_path: Path) -> None:
    (tmp_path / "plans.html").mkdir()
    with pytest.raises(Refusal, match=r"plans\.html"):
        page.write(found, tmp_path / "plans.html")
    assert [path.name for path in tmp_path.iterdir()] == ["plans.html"]
