from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trainer.pods.output import Speakers, Tagged

SAID = (
    b'[1,0]<stdout>:{"event":[1,1]<stderr>:one word\n'
    b'[1,0]<stdout>: "step"}[1,0]<stdout>:\n'
    b"mpirun itself\n"
    b"[1,10]<stderr>:a [1] list, [1,2]<b>\n"
    b"[1,1]<stderr>:never ended"
)
HEARD = [
    ("1", "one word"),
    ("0", '{"event": "step"}'),
    ("", "mpirun itself"),
    ("10", "a [1] list, [1,2]<b>"),
    ("1", "never ended"),
]


@given(cuts=st.lists(st.integers(0, len(SAID)), max_size=12))
def test_lines_of_ranks_come_whole_however_mpirun_and_the_pipe_cut_them(cuts: list[int]) -> None:
    edges = [0, *sorted(cuts), len(SAID)]
    tagged = Tagged()
    heard = [line for start, end in itertools.pairwise(edges) for line in tagged.lines(SAID[start:end])]
    assert [*heard, *tagged.rest()] == HEARD


def test_events_go_to_standard_output_alone_and_all_else_has_a_name(capsys: pytest.CaptureFixture[str]) -> None:
    speakers = Speakers()
    speakers.said("0", '{"event": "step"}', is_event=True)
    speakers.said("0", '{"not": "an event"}')
    speakers.said("", "mpirun itself")
    output, error = capsys.readouterr()
    assert output == '{"event": "step"}\n'
    assert error == '[0] {"not": "an event"}\nmpirun itself\n'
    assert speakers.last_words("0") == ['{"not": "an event"}']
    assert speakers.last_words("7") == []
