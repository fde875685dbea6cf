"""The commands behind the Makefile and `activate.sh`."""

from __future__ import annotations

import argparse
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from engine import rehearsal, stack
from engine.choice import choose
from engine.places import PROJECT, VENV
from engine.setup import STAMP, Refusals, set_up
from engine.shell import PASSPHRASE, script, shell_variables, users_own, variables
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
        ("setup", _setup, "make the engine and the Python environment"),
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
    set_up(users_own(os.environ), groups=options.group, extras=options.extra)
    return 0


def _up(options: argparse.Namespace) -> int:
    own, env = _environments()
    stack.check_name(options.stack)
    if rehearsal.is_asked(os.environ):
        return _rehearse(options.stack, own)
    stack.check_passphrase(options.stack, env)
    ready = set_up(own, extras=stack.extras_of(options.stack))
    return stack.up(options.stack, stack.settled(options.stack, ready))


def _rehearse(name: str, own: dict[str, str]) -> int:
    """`up` on the stand-in cloud: the base first, if the stack rests on one that is not there."""
    rehearsal.check(name)
    set_up(own, extras=stack.extras_of(name))
    env = rehearsal.environment(os.environ)
    for needed in rehearsal.bases_of(name):
        rehearsed = rehearsal.prepare(needed, env)
        status = stack.deploy(rehearsed, env)
        if status:
            return status
    status = stack.deploy(rehearsal.prepare(name, env), env)
    if status == 0:
        rehearsal.show(name, env)
    return status


def _down(options: argparse.Namespace) -> int:
    own, env = _environments()
    stack.check_name(options.stack)
    if rehearsal.is_asked(os.environ):
        rehearsal.check(options.stack)
        return stack.down(options.stack + rehearsal.SUFFIX, rehearsal.environment(os.environ))
    if stack.is_surely_absent(options.stack, env):
        print(stack.absent(options.stack))  # no reason to set anything up
        return 0
    stack.check_passphrase(options.stack, env)
    ready = set_up(own, extras=stack.extras_of(options.stack))
    return stack.down(options.stack, stack.settled(options.stack, ready))


def _environments() -> tuple[dict[str, str], dict[str, str]]:
    """What the user has set, and that with what a set-up will put on top."""
    own = users_own(os.environ)
    return own, {**own, **variables(choose(own), own)}


def _activation(_options: argparse.Namespace) -> int:
    own, env = _environments()
    engine = choose(own)
    is_ready = engine.is_there and Stamp.read(STAMP).covers(Stamp(environment_digest())) and VENV.exists()
    if not is_ready:
        raise Refusal("hepburst is not set up here", expected="an engine and an environment", remedy="run: make setup")
    stack.make(stack.PUBLIC_STACK, stack.settled(stack.PUBLIC_STACK, env))
    if own.get(PASSPHRASE) or f"{PASSPHRASE}_FILE" in own:
        print(
            "hepburst: your passphrase stays set; the stack `local` opens with an empty one (docs/adr/0002).", file=sys.stderr
        )
    print(script(engine, os.environ))
    return 0


def _shell(_options: argparse.Namespace) -> int:
    own = users_own(os.environ)
    env = set_up(own)
    stack.make(stack.PUBLIC_STACK, stack.settled(stack.PUBLIC_STACK, env))
    shell = os.environ.get("SHELL", "/bin/sh")
    print("A shell in which `pulumi` is this project's; `exit` leaves it.", flush=True)
    if Path(shell).name == "bash":
        # What a user's own start-up file puts in front of PATH (pyenv, conda) would win over the environment: bash is told
        # to activate it after that.
        arguments = [shell, "--rcfile", str(PROJECT / "engine" / "bashrc"), "-i"]
        os.execve(shell, arguments, own)  # noqa: S606 - the user's own shell, in place of this process
    os.execve(shell, [shell], {**env, **shell_variables(choose(own), own)})  # noqa: S606
