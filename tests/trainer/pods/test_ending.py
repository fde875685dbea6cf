from __future__ import annotations

import json
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from trainer.pods.ending import MAX_BYTES, Ending


@given(message=st.text(max_size=9000), words=st.lists(st.text(max_size=3000), max_size=20))
def test_the_last_words_fit_what_kubernetes_keeps_and_the_newest_stay(message: str, words: list[str]) -> None:
    text = Ending(exit_status=1, message=message, last_words=words).to_json("0123456789ab")
    assert len(text.encode()) <= MAX_BYTES
    values = json.loads(text)
    assert values["status"] == "failed"
    kept = values["last_words"]
    assert kept == words[len(words) - len(kept) :]
    assert values["message"] == message[: len(values["message"])]


def test_a_termination_message_is_written_where_the_cluster_has_a_file_for_it(tmp_path: Path) -> None:
    path = tmp_path / "termination-log"
    ending = Ending(exit_status=3, message="stopped")
    ending.write(path, "0a")
    assert not path.exists()
    path.touch()
    ending.write(path, "0a")
    assert json.loads(path.read_text()) == {"status": "interrupted", "message": "stopped", "run_id": "0a", "last_words": []}
