"""The progress line of a simulation: rewritten in place on a terminal, a line every so often elsewhere."""

from __future__ import annotations

import sys
import time


class ProgressLine:
    """`350 of 1500 showers, 3.8 a second, 5 min left`, on stderr."""

    SECONDS_BETWEEN_LINES = 15.0
    """Where stderr is no terminal."""

    def __init__(self) -> None:
        self._is_terminal = sys.stderr.isatty()
        self._last_seconds = time.monotonic()

    def show(self, num_done: int, num_showers: int, showers_per_second: float) -> None:
        """Show it, if it is time."""
        is_last = num_done == num_showers
        if not (self._is_terminal or is_last or time.monotonic() - self._last_seconds > self.SECONDS_BETWEEN_LINES):
            return
        self._last_seconds = time.monotonic()
        text = progress_text(num_done, num_showers, showers_per_second)
        if self._is_terminal:
            print(f"\r{text}\033[K", end="\n" if is_last else "", file=sys.stderr, flush=True)
        else:
            print(text, file=sys.stderr, flush=True)


def progress_text(num_done: int, num_showers: int, showers_per_second: float) -> str:
    """The line.

    >>> progress_text(350, 1500, 3.8)
    '350 of 1500 showers, 3.8 a second, 5 min left'
    >>> progress_text(0, 1500, 0.0)
    '0 of 1500 showers'
    """
    text = f"{num_done} of {num_showers} showers"
    if showers_per_second <= 0:
        return text
    seconds_left = (num_showers - num_done) / showers_per_second
    left = f"{seconds_left / 60:.0f} min" if seconds_left > 90 else f"{seconds_left:.0f} s"
    return f"{text}, {showers_per_second:.1f} a second, {left} left"
