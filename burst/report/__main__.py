"""`python -m burst.report RUN_FOLDER --cost cost.json --out FILE`: write the page about a run."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from burst.report.page import write_report
from trainer.contract import Json, read_json
from trainer.refusal import Refusal


def main(arguments: list[str] | None = None) -> int:
    """Exit status 0, or 2 for input that is refused."""
    parser = argparse.ArgumentParser(prog="python -m burst.report", description="Write the page about a run.")
    parser.add_argument("run_folder", type=Path, help="folder with run.json, result.json, ...")
    parser.add_argument("--cost", type=Path, help="JSON file with the stack output `cost`; without it the page has no cost")
    parser.add_argument("--out", type=Path, default=Path("report.html"))
    parser.add_argument("--title", default="3DGAN training")
    given = parser.parse_args(arguments)
    try:
        cost: dict[str, Json] = read_json(given.cost) if given.cost else {}
        write_report(given.run_folder, cost=cost, out=given.out, title=given.title)
    except Refusal as refusal:
        print(refusal, file=sys.stderr)
        return 2
    print(given.out)
    return 0


if __name__ == "__main__":
    sys.exit(main())
