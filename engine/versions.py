"""Versions as numbers that compare."""

from __future__ import annotations

import re

Version = tuple[int, int, int]


def version(text: str) -> Version | None:
    """The first version in a text, its build and pre-release marks left off; None if there is none.

    >>> version("v3.259.0-alpha.1+dirty")
    (3, 259, 0)
    >>> version("go version go1.26 linux/amd64")
    (1, 26, 0)
    >>> version("no such command")
    """
    match = re.search(r"(\d+)\.(\d+)(?:\.(\d+))?", text)
    return (int(match[1]), int(match[2]), int(match[3] or 0)) if match else None


def dotted(numbers: Version) -> str:
    """The inverse of `version`.

    >>> dotted((3, 259, 0))
    '3.259.0'
    """
    return ".".join(map(str, numbers))
