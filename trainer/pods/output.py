"""Who said what: the output of ranks that comes through one pipe, and the last words of each. Standard library only."""

from __future__ import annotations

import re
import sys
import threading
from collections import defaultdict, deque
from collections.abc import Callable, Iterator
from typing import IO

NUM_LAST_LINES = 20
TAG = re.compile(rb"\[\d+,(\d+)\]<std(?:out|err|diag)>:")
"""What mpirun --tag-output puts before each piece of output: [job, rank]<stream>:"""
MPIRUN = ""
"""The speaker of what has no tag."""
CHUNK_BYTES = 65536


class Tagged:
    """Takes the output of `mpirun --tag-output` apart into lines of one rank each.

    mpirun reads its ranks piece by piece and puts the tag before each piece and after each end of line, so a line may have
    tags, and pieces of other ranks, in its middle.

    >>> tagged = Tagged()
    >>> list(tagged.lines(b"[1,0]<stdout>:on[1,1]<stdout>:two\\n[1,0]<stdout>:e\\nmpirun says\\n"))
    [('1', 'two'), ('0', 'one'), ('', 'mpirun says')]
    """

    def __init__(self) -> None:
        self._unread = b""
        self._speaker = MPIRUN
        self._begun: dict[str, bytes] = defaultdict(bytes)

    def lines(self, chunk: bytes) -> Iterator[tuple[str, str]]:
        """Speaker (a rank's number, or nothing for mpirun itself) and line, for each line that the chunk completes."""
        data = self._unread + chunk
        held = _length_of_begun_tag(data)
        self._unread = data[len(data) - held :]
        position, end = 0, len(data) - held
        while position < end:
            tag = TAG.match(data, position, end)
            if tag:
                self._speaker, position = tag[1].decode(), tag.end()
                continue
            next_tag = TAG.search(data, position, end)
            stop = next_tag.start() if next_tag else end
            newline = data.find(b"\n", position, stop)
            if newline < 0:
                self._begun[self._speaker] += data[position:stop]
                position = stop
                continue
            line = self._begun.pop(self._speaker, b"") + data[position:newline]
            yield self._speaker, line.decode(errors="replace").rstrip("\r")
            self._speaker, position = MPIRUN, newline + 1

    def rest(self) -> Iterator[tuple[str, str]]:
        """The lines that never ended."""
        self._begun[self._speaker] += self._unread
        yield from ((speaker, text.decode(errors="replace")) for speaker, text in self._begun.items() if text)


def _length_of_begun_tag(data: bytes) -> int:
    """How many of the last bytes may be a tag that is not whole yet."""
    start = data.rfind(b"[", max(0, len(data) - 32))
    begun = re.fullmatch(rb"\[\d*(,\d*(\](<[a-z]*(>)?)?)?)?", data[start:]) if start >= 0 else None
    return len(data) - start if begun else 0


class Speakers:
    """Passes lines on, and remembers the last ones that each rank said on standard error.

    An event of the run (a JSON line on a rank's standard output) goes to standard output as it is; everything else to
    standard error with the name of who said it.
    """

    def __init__(self) -> None:
        self._last: dict[str, deque[str]] = defaultdict(lambda: deque(maxlen=NUM_LAST_LINES))
        self._lock = threading.Lock()

    def said(self, speaker: str, line: str, *, is_event: bool = False) -> None:
        """One line."""
        with self._lock:
            if is_event:
                print(line, flush=True)
                return
            self._last[speaker].append(line)
            print(f"{_named(speaker)}{line}", file=sys.stderr, flush=True)

    def last_words(self, speaker: str) -> list[str]:
        """The last lines of that rank."""
        with self._lock:
            return list(self._last[speaker])


def _named(speaker: str) -> str:
    return f"[{speaker}] " if speaker else ""


def read_tagged(stream: IO[bytes], heard: Callable[[str, str], None]) -> threading.Thread:
    """Reads a pipe of mpirun to its end in a thread, and calls back with each line and its speaker."""

    def read() -> None:
        tagged = Tagged()
        with stream:
            while chunk := stream.read1(CHUNK_BYTES):  # type: ignore[attr-defined]  # a pipe of subprocess is buffered
                for speaker, line in tagged.lines(chunk):
                    heard(speaker, line)
        for speaker, line in tagged.rest():
            heard(speaker, line)

    thread = threading.Thread(target=read, daemon=True)
    thread.start()
    return thread
