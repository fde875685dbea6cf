"""The one exception that a user of hepburst sees.

It lives in the lowest package because everything above the trainer refuses with it too, and the trainer imports nothing of
ours (docs/adr/0003). Standard library only.
"""

from __future__ import annotations

import difflib
import functools
from collections.abc import Iterable


class Refusal(Exception):  # noqa: N818 - a refusal is the word that users read, not an error of ours
    """Input that hepburst will not act on: what it got, what it expected, what to do about it.

    Raised before anything is created, so that nothing is lost. Shown as one message without a traceback.

    >>> print(Refusal("num_epochs is -3", expected="1 or more", remedy="set hepburst:epochs"))
    num_epochs is -3; expected 1 or more; to mend it: set hepburst:epochs
    """

    def __init__(self, got: str, *, expected: str, remedy: str) -> None:
        super().__init__(f"{got}; expected {expected}; to mend it: {remedy}")
        self.got, self.expected, self.remedy = got, expected, remedy

    def __reduce__(self) -> tuple[object, ...]:
        """For pickle: a refusal in a worker process reaches the user as itself."""
        return functools.partial(Refusal, self.got, expected=self.expected, remedy=self.remedy), ()


def closest(word: str, known: Iterable[str]) -> str:
    """The known word that `word` was probably meant to be, as ` (did you mean ...?)`, or nothing.

    >>> closest("epoch", ["epochs", "seed"])
    ' (did you mean epochs?)'
    >>> closest("t4", ["V100-16GB", "T4-16GB"])
    ' (did you mean T4-16GB?)'
    >>> closest("zzz", ["epochs", "seed"])
    ''
    """
    names = list(known)
    match = difflib.get_close_matches(word, names, n=1) or [name for name in names if word and word.lower() in name.lower()]
    return f" (did you mean {match[0]}?)" if match else ""
