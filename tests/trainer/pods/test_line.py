from __future__ import annotations

import queue
from collections.abc import Iterator

import pytest

from tests.trainer.pods.waiting import wait_for
from trainer.pods import line
from trainer.pods.line import Line, Word

END = "end"


@pytest.fixture
def launcher() -> Iterator[Line]:
    with Line("127.0.0.1") as opened:
        yield opened


def rank(launcher: Line, name: str, monkeypatch: pytest.MonkeyPatch) -> queue.Queue[str]:
    """What a rank of that name hears, from now on."""
    heard: queue.Queue[str] = queue.Queue()
    monkeypatch.setenv(line.ADDRESS_VARIABLE, launcher.address)
    monkeypatch.setenv(line.NAME_VARIABLE, name)
    line.follow(heard.put, lambda: heard.put(END))
    return heard


def test_a_request_to_stop_reaches_ranks_that_are_there_and_ranks_that_come(
    launcher: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    early = rank(launcher, "0", monkeypatch)
    launcher.say(Word.REGROUP)  # may be lost on one that is only just connecting
    launcher.say(Word.STOP)
    late = rank(launcher, "1", monkeypatch)
    assert late.get(timeout=10) == Word.STOP
    assert Word.STOP in (early.get(timeout=10), early.get(timeout=10) if not early.empty() else "")


def test_a_rank_that_is_dropped_ends_and_no_other(launcher: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    kept, dropped = rank(launcher, "a:0#1", monkeypatch), rank(launcher, "a:1#2", monkeypatch)
    launcher.drop("a:1#2")
    assert dropped.get(timeout=10) == END
    wait_for(lambda: launcher.lost == ["a:1#2"])
    assert kept.empty()
    assert rank(launcher, "a:1#2", monkeypatch).get(timeout=10) == END  # it was slow to connect


def test_ranks_end_with_their_launcher(monkeypatch: pytest.MonkeyPatch) -> None:
    with Line("127.0.0.1") as launcher:
        heard = rank(launcher, "0", monkeypatch)
    assert heard.get(timeout=10) == END
