"""`python -m sandbox.cluster up | down | status | outage`: what the Makefile calls."""

from __future__ import annotations

import argparse
import contextlib
import os
import subprocess
import sys
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError
from pathlib import Path

from engine.setup import Refusals
from sandbox.cluster import up_down
from sandbox.cluster.light import LightCluster
from sandbox.cluster.simulated_nodes import NodeGroup
from sandbox.providers import install
from trainer.refusal import Refusal

REFUSED = 2
INTERRUPTED = 130


def main(arguments: Sequence[str]) -> int:
    """Run one command. Exit status 0 done, 2 refused (one message a line), 1 failed, 130 interrupted."""
    options = _parser().parse_args(arguments)
    os.environ["PATH"] = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"  # system programs, where a user's own PATH lacks them
    try:
        return int(options.command(options))
    except (Refusal, Refusals) as refused:
        for line in str(refused).splitlines():
            print(f"refused: {line}", file=sys.stderr)
        return REFUSED
    except TimeoutError as late:
        print(f"failed: {late}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nInterrupted. The next `up` goes on from here; `down` removes what is there.", file=sys.stderr)
        return INTERRUPTED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m sandbox.cluster", description="A real Kubernetes for rehearsals.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    up = commands.add_parser("up", help="make the cluster, or start what of it does not run")
    up.set_defaults(command=_up)
    down = commands.add_parser("down", help="take the cluster away, with what its volumes hold")
    down.set_defaults(command=_down)
    for command in (up, down):
        command.add_argument("--light", action="store_true", help="a control plane with simulated nodes, without root")
        command.add_argument("--folder", type=Path, help="where a light cluster keeps all that it has")
    up.add_argument("--port", type=int, default=0, help="of a light cluster's API server; a free one if not given")
    up.add_argument(
        "--group", action="append", default=[], metavar="NODESxGPUS", help="simulated nodes such as 16x8; repeatable"
    )
    up.add_argument("--taint", action="store_true", help="nodes with GPUs take only pods that tolerate nvidia.com/gpu")
    up.add_argument("--mpi-operator", action="store_true", help="with the MPI Operator")
    up.add_argument("--kueue", action="store_true", help="with Kueue")
    status = commands.add_parser("status", help="show how its programs are")
    status.set_defaults(command=lambda options: up_down.status())
    outage = commands.add_parser("outage", help="stop the API server for a while")
    outage.add_argument("--seconds", type=float, required=True)
    outage.set_defaults(command=_outage)
    return parser


def _up(options: argparse.Namespace) -> int:
    if not options.light:
        up_down.up()
        print(f"  plugin      {_plugin()}")
        return 0
    groups = [NodeGroup.read(text, is_tainted=options.taint) for text in options.group]
    cluster = LightCluster(
        _folder(options),
        groups=groups,
        port=options.port,
        with_mpi_operator=options.mpi_operator,
        with_kueue=options.kueue,
    )
    cluster.up()
    print(f"A light cluster is up. KUBECONFIG={cluster.kubeconfig}")
    return 0


def _down(options: argparse.Namespace) -> int:
    if options.light:
        LightCluster(_folder(options)).down()
    else:
        up_down.down()
        with contextlib.suppress(PackageNotFoundError, OSError):
            install.uninstall(os.environ)
    return 0


def _plugin() -> str:
    """See to Pulumi's Kubernetes plugin, which a stack on this cluster needs; the cluster itself does not."""
    try:
        return install.install(os.environ)
    except PackageNotFoundError:
        return "pulumi-kubernetes is not installed here: `make up STACK=onprem` does that; then run this again"
    except (Refusal, OSError, subprocess.SubprocessError) as problem:
        return f"no Kubernetes plugin for Pulumi could be installed ({problem}); a stack on this cluster needs one"


def _outage(options: argparse.Namespace) -> int:
    up_down.outage(options.seconds)
    return 0


def _folder(options: argparse.Namespace) -> Path:
    if not options.folder:
        raise Refusal("a light cluster without a folder", expected="--folder", remedy="name one that is empty or not there")
    return Path(options.folder)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
