"""Reads showers ahead in a separate process.

The process gets windows of shower numbers on its standard input, and writes batches to its standard output until its reader
is gone, so that none is left behind.
"""

from __future__ import annotations

import contextlib
import pickle
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import numpy as np
from numpy.typing import NDArray

from trainer.refusal import Refusal
from trainer.showers import reader
from trainer.showers.schema import Showers

NUM_BATCHES_AHEAD = 8


def batches(path: str | Path, windows: list[NDArray[np.int64]], batch: int) -> Iterator[Showers]:
    """The showers of all windows in their order, in batches; a rest shorter than a batch is left out."""
    num_batches = sum(len(window) for window in windows) // batch
    with subprocess.Popen([sys.executable, "-m", __name__], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            with process.stdin:
                pickle.dump((path, windows, batch), process.stdin)
            for _ in range(num_batches):
                yield _received(process.stdout)
        finally:
            process.stdout.close()
            process.terminate()


def _received(stream: IO[bytes]) -> Showers:
    """One batch, or the refusal that the process ended with."""
    try:
        received = pickle.load(stream)  # noqa: S301 - from our own child
    except EOFError:
        raise Refusal("the process that reads showers ahead died", expected="enough memory", remedy="start again") from None
    if isinstance(received, Refusal):
        raise received
    assert isinstance(received, Showers)
    return received


def _read_all(path: str | Path, windows: list[NDArray[np.int64]], batch: int) -> Iterator[Showers]:
    """Batches may begin in one window and end in the next."""
    rest: Showers | None = None
    for window in windows:
        showers = reader.read(path, window)
        if rest is not None:
            showers = Showers.joined(rest, showers)
        num_whole = len(showers) // batch * batch
        for start in range(0, num_whole, batch):
            yield showers[start : start + batch]
        rest = showers[num_whole:]


def _send(ahead: queue.Queue[Showers | Refusal | None]) -> None:
    """In a thread, so that reading goes on meanwhile."""
    with contextlib.suppress(BrokenPipeError), sys.stdout.buffer as stream:
        while (item := ahead.get()) is not None:
            pickle.dump(item, stream, protocol=pickle.HIGHEST_PROTOCOL)
            stream.flush()


def _main() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the reader decides
    path, windows, batch = pickle.load(sys.stdin.buffer)  # noqa: S301 - from our own parent
    ahead: queue.Queue[Showers | Refusal | None] = queue.Queue(NUM_BATCHES_AHEAD)
    sender = threading.Thread(target=_send, args=(ahead,), daemon=True)
    sender.start()

    def put(item: Showers | Refusal | None) -> None:
        while sender.is_alive():
            with contextlib.suppress(queue.Full):
                return ahead.put(item, timeout=0.5)
        sys.exit(0)  # nobody listens any more

    try:
        for showers in _read_all(path, windows, batch):
            put(showers)
    except Refusal as refusal:
        put(refusal)
    put(None)
    sender.join()


if __name__ == "__main__":
    _main()
