"""How a launcher ends: its exit status, and its last words for whoever looks at the pod. Standard library only."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from trainer.contract import RunStatus
from trainer.launch import EXIT_FAILED, EXIT_INTERRUPTED, EXIT_REFUSED, EXIT_SUCCEEDED

MAX_BYTES = 4096
"""What Kubernetes keeps of a container's termination message."""
REFUSED, INCOMPLETE = "refused", "incomplete"
EXIT_INCOMPLETE = 5
"""Not all workers came in time: no further try will mend it."""
STATUS = {
    EXIT_SUCCEEDED: RunStatus.SUCCEEDED.value,
    EXIT_FAILED: RunStatus.FAILED.value,
    EXIT_REFUSED: REFUSED,
    EXIT_INTERRUPTED: RunStatus.INTERRUPTED.value,
    EXIT_INCOMPLETE: INCOMPLETE,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """The end of a launcher."""

    exit_status: int
    """As of `python -m trainer`: 0 succeeded, 1 failed, 2 refused, 3 interrupted; and 5 incomplete."""
    message: str
    last_words: Sequence[str] = ()
    """What the rank that failed first said last on standard error."""

    def to_json(self, run_id: str) -> str:
        """One JSON object of at most 4096 bytes; the oldest of the last words are left out first.

        >>> Ending(exit_status=1, message="rank 1 failed", last_words=["old " * 2000, "new"]).to_json("0a")
        '{"status": "failed", "message": "rank 1 failed", "run_id": "0a", "last_words": ["new"]}'
        """
        words, message = list(self.last_words), self.message
        while True:
            values = {"status": STATUS[self.exit_status], "message": message, "run_id": run_id, "last_words": words}
            text = json.dumps(values)
            if len(text) <= MAX_BYTES:  # pure ASCII
                return text
            words, message = (words[1:], message) if words else ([], message[: len(message) // 2])

    def write(self, path: Path, run_id: str) -> None:
        """As the termination message of the container; no error where there is no such file, as outside a cluster."""
        with contextlib.suppress(OSError):
            if path.exists():
                path.write_text(self.to_json(run_id), encoding="ascii")
