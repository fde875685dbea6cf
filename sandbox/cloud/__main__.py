"""`python -m sandbox.cloud COMMAND`: what happens in the rehearsed cloud without a user, and what it has cost."""

from __future__ import annotations

import argparse
import datetime
import shutil
import sys
from collections.abc import Mapping, Sequence

from sandbox.cloud import autoscaler, meter, scheduler
from sandbox.cloud.clusters import Clusters
from sandbox.cloud.ledger import Ledger, folder
from sandbox.cluster.light import LightCluster
from trainer.refusal import Refusal

REFUSED = 2


def main(arguments: Sequence[str]) -> int:
    """Run one command. Exit status 0 done, 2 refused."""
    options = _parser().parse_args(arguments)
    try:
        ledger = Ledger(folder())
        lines = {
            "bill": lambda: bill(ledger, options.at),
            "until": lambda: scheduler.run_until(ledger, options.time),
            "preempt": lambda: [autoscaler.preempt(ledger, options.pool, options.nodes)],
            "settle": lambda: autoscaler.settle(ledger),
            "down": lambda: down(ledger),
        }[options.command]()
    except Refusal as refusal:
        print(f"refused: {refusal}", file=sys.stderr)
        return REFUSED
    for line in lines:
        print(f"sandbox: {line}")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m sandbox.cloud")
    commands = parser.add_subparsers(dest="command", required=True)
    one = commands.add_parser("bill", help="what everything has cost, and what is billed")
    one.add_argument("--at", type=_time, help="a time in UTC: 2026-11-24T18:00Z; else now, by the rehearsal's clock")
    one = commands.add_parser("until", help="let time pass: Cloud Scheduler's jobs run")
    one.add_argument("time", type=_time)
    one = commands.add_parser("preempt", help="spot nodes are taken back")
    one.add_argument("pool")
    one.add_argument("--nodes", type=int, default=1)
    commands.add_parser("settle", help="pools that scale by themselves get and give back nodes")
    commands.add_parser("down", help="end all clusters, and forget the cloud")
    return parser


def _time(text: str) -> datetime.datetime:
    found = datetime.datetime.fromisoformat(text)
    return found if found.tzinfo else found.replace(tzinfo=datetime.UTC)


def bill(ledger: Ledger, at: datetime.datetime | None) -> list[str]:
    """The bill and what is billed at that time, in lines."""
    when = at or ledger.now()
    entries = ledger.entries()
    items = meter.bill(entries, when)
    lines = [f"bill until {when:%Y-%m-%d %H:%M} UTC: {sum(items.values()):.2f} USD", *_amounts(items, "USD")]
    now = meter.billing_at(entries, when)
    return [*lines, f"billed at that time: {sum(now.values()):.4f} USD an hour", *_amounts(now, "USD an hour")]


def _amounts(items: Mapping[str, float], unit: str) -> list[str]:
    return [f"  {usd:10.4f} {unit}  {item}" for item, usd in sorted(items.items(), key=lambda item: -item[1])]


def down(ledger: Ledger) -> list[str]:
    """End every cluster, and remove the folder, if it is a rehearsed cloud's."""
    names = Clusters(ledger.folder).names()
    if ledger.folder.exists() and not ((ledger.folder / "clock").exists() or names or not any(ledger.folder.iterdir())):
        raise Refusal(f"{ledger.folder} holds something else", expected="a rehearsed cloud", remedy="look what it is")
    for name in names:
        LightCluster(ledger.folder / "clusters" / name).down()
    shutil.rmtree(ledger.folder, ignore_errors=True)
    return [f"{len(names)} clusters ended, and all forgotten"]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
