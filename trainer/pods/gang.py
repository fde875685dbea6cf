"""How long a launcher waits for its workers on rented nodes. The clock begins with the first launcher of a job and goes on in
those that are made anew, as it is kept in the run's folder; it is put away when all are there. Standard library only."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from trainer.launch import EXIT_FAILED
from trainer.pods.ending import EXIT_INCOMPLETE, Ending
from trainer.pods.hosts import HostsMissing

CLOCK_FILE = "gang.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Gang:
    """The workers of a job, which are of use together."""

    folder: Path
    """Of the run."""
    job: str
    """What made the launcher, and its successors: of another the clock is another."""
    seconds: float
    clock: Callable[[], float] = time.time

    def seconds_left(self) -> float:
        """Of the wait, which begins now if it has not begun; 0 where it is over."""
        return max(0.0, self._began() + self.seconds - self.clock())

    def is_whole(self) -> None:
        """The wait is over; should workers be lost, another one begins."""
        with contextlib.suppress(FileNotFoundError):
            self._file.unlink()

    def ending(self, problem: HostsMissing) -> Ending:
        """Of a launcher that has waited in vain."""
        message = (
            f"{problem.num_there} of {problem.num_hosts} workers came within {self.seconds / 60:g} min: "
            "not trained, and the nodes are given back"
        )
        return Ending(exit_status=EXIT_INCOMPLETE, message=message)

    def _began(self) -> float:
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
            found = json.loads(self._file.read_text(encoding="ascii"))
            if found["job"] == self.job:
                return min(float(found["began_unix_seconds"]), self.clock())
        began = self.clock()
        # Not whole: the next one begins the clock anew. So no other way than a plain write is needed.
        self._file.write_text(json.dumps({"job": self.job, "began_unix_seconds": began}), encoding="ascii")
        return began

    @property
    def _file(self) -> Path:
        return self.folder / CLOCK_FILE


def ending_of(problem: HostsMissing, gang: Gang | None) -> Ending:
    """Where workers did not come: of a gang its own, which no further try will mend."""
    return gang.ending(problem) if gang else Ending(exit_status=EXIT_FAILED, message=str(problem))
