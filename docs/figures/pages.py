"""Pages written by hand, with blocks in them that a command generates: `<!-- generated: NAME -->` to `<!-- end -->`."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

BLOCK = re.compile(r"(<!-- generated: ([a-z-]+) -->\n).*?(<!-- end -->)", re.DOTALL)


def rewritten(page: str, blocks: Mapping[str, str]) -> str:
    """The page with every generated block as it is now; each of `blocks` must have its place in it.

    >>> print(rewritten("<!-- generated: sum -->\\nold\\n<!-- end -->", {"sum": "1 + 1 = 2"}))
    <!-- generated: sum -->
    1 + 1 = 2
    <!-- end -->
    """
    places = [name for _, name, _ in BLOCK.findall(page)]
    assert sorted(places) == sorted(blocks), (places, list(blocks))
    return BLOCK.sub(lambda found: f"{found[1]}{blocks[found[2]].rstrip()}\n{found[3]}", page)


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table in Markdown.

    >>> print(table(["a", "b"], [["1", "2"]]))
    | a | b |
    |---|---|
    | 1 | 2 |
    """
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("|" + "|".join(line) + "|" if line[0] == "---" else "| " + " | ".join(line) + " |" for line in lines)


def code(lines: Sequence[str], language: str = "text") -> str:
    """A block of code."""
    return "\n".join([f"```{language}", *lines, "```"])
