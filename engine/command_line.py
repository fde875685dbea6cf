"""The commands behind the Makefile and `activate.sh`."""

from __future__ import annotations

import argparse
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from engine import stack
from engine.choice import choose
from engine.places import PROJECT, VENV
from engine.setup import STAMP, Refusals, set_up
from engine.shell import script, variables
from engine.stamp import Stamp, environment_digest
from trainer.refusal import Refusal

INTERRUPTED = 130
REFUSED = 2


def main(arguments: Sequence[str]) -> int:
    """Run one command. Exit status 0 done, 2 refused (one message, no traceback), 130 interrupted, else the engine's own."""
    options = _parser().parse_args(arguments)
    for number in stack.heeded(signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)  # whatever ends us ends what we started too
    try:
        return int(options.command(options))
    except (Refusal, Refusals) as refused:
        for line in str(refused).splitlines():
            print(f"refused: {line}", file=sys.stderr)
        return REFUSED
    except KeyboardInterrupt:
        print("\nInterrupted. What is done is kept: the next time goes on from here.", file=sys.stderr)
        return INTERRUPTED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python3 -m engine", description="Set hepburst up and drive its stacks.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for name, function, told in (
        ("setup", _setup, "make the engine, the Python environment and the stack `local`"),
        ("up", _up, "set up, then deploy a stack"),
        ("down", _down, "destroy a stack and remove it"),
        ("activation", _activation, "print what `activate.sh` evaluates"),
        ("shell", _shell, "set up, then start a shell in which `pulumi` is this project's"),
    ):
        command = commands.add_parser(name, help=told, description=told)
        command.set_defaults(command=function)
        if name in ("up", "down"):
            command.add_argument("stack")
        if name == "setup":
            command.add_argument("--group", action="append", default=[], help="dependency group to install too, such as dev")
            command.add_argument("--extra", action="append", default=[], help="extra to install too, such as gcp")
    return parser


def _setup(options: argparse.Namespace) -> int:
    env = set_up(os.environ, groups=options.group, extras=options.extra)
    stack.make(stack.PUBLIC_STACK, stack.settled(stack.PUBLIC_STACK, env))
    return 0


def _up(options: argparse.Namespace) -> int:
    stack.check_name(options.stack)
    return stack.up(options.stack, stack.settled(options.stack, set_up(os.environ)))


def _down(options: argparse.Namespace) -> int:
    stack.check_name(options.stack)
    env = {**os.environ, **variables(choose(os.environ), os.environ)}
    if stack.is_surely_absent(options.stack, env):
        print(stack.absent(options.stack))  # no reason to set anything up
        return 0
    return stack.down(options.stack, stack.settled(options.stack, set_up(os.environ)))


def _activation(_options: argparse.Namespace) -> int:
    engine = choose(os.environ)
    is_ready = engine.is_there and Stamp.read(STAMP).covers(Stamp(environment_digest())) and VENV.exists()
    if not is_ready:
        raise Refusal("hepburst is not set up here", expected="an engine and an environment", remedy="run: make setup")
    stack.make(stack.PUBLIC_STACK, stack.settled(stack.PUBLIC_STACK, {**os.environ, **variables(engine, os.environ)}))
    if os.environ.get("PULUMI_CONFIG_PASSPHRASE") or "PULUMI_CONFIG_PASSPHRASE_FILE" in os.environ:
        print(
            "hepburst: your passphrase stays set; the stack `local` opens with an empty one (docs/adr/0002).", file=sys.stderr
        )
    print(script(engine, os.environ))
    return 0


def _shell(_options: argparse.Namespace) -> int:
    env = set_up(os.environ)
    stack.make(stack.PUBLIC_STACK, stack.settled(stack.PUBLIC_STACK, env))
    shell = os.environ.get("SHELL", "/bin/sh")
    # What a user's own start-up file puts in front of PATH (pyenv, conda) would win over the environment: bash is told to
    # read ours after it.
    after = ["--rcfile", str(PROJECT / "engine" / "bashrc")] if Path(shell).name == "bash" else []
    print("A shell in which `pulumi` is this project's; `exit` leaves it.")
    os.execve(shell, [shell, *after], env)  # noqa: S606 - the user's own shell, in place of this process
