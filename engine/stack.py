"""`make up` and `make down`: a stack made, deployed, destroyed and cleared away by the engine."""

from __future__ import annotations

import json
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from types import FrameType

from engine.backend import PROJECT_NAME, file_backend, last_line, quiet, state_files
from engine.places import OWN, PROJECT, RESERVED, STATE, shown
from engine.recovery import recover
from engine.shell import PASSPHRASE, has_passphrase
from trainer.refusal import Refusal, closest

PUBLIC_STACK = "local"
PUBLIC_STACKS = (PUBLIC_STACK, "onprem")
"""The stacks without secrets: their passphrase is known to be empty (docs/adr/0002)."""
EXTRAS = {"local": (), "kubernetes": ("kubernetes",), "gcp-base": ("gcp",), "gke": ("gcp",)}
"""What of pyproject.toml a stack of a target needs."""
ATTACH = "burst attach"
"""How the output `run.follow` begins of a stack that hands its run to a cluster."""


def known_stacks() -> list[str]:
    """The stacks that this project has settings for; a name may have dots."""
    return sorted(file.name[len("Pulumi.") : -len(".yaml")] for file in PROJECT.glob("Pulumi.*.yaml"))


def check_name(stack: str) -> None:
    """Refuse a stack whose folder would be ours, and one without settings: mostly it is a slip of the pen."""
    if stack in RESERVED or stack.startswith("."):
        raise Refusal(
            f"a stack cannot be called {stack}",
            expected=f"a name other than {' and '.join(RESERVED)} that begins with no dot: hepburst keeps its own files there",
            remedy=f"rename Pulumi.{stack}.yaml",
        )
    if stack not in known_stacks():
        raise Refusal(
            f"there is no Pulumi.{stack}.yaml{closest(stack, known_stacks())}",
            expected=f"STACK={' or '.join(known_stacks())}",
            remedy="name one of them, or write the file",
        )


def check_passphrase(stack: str, env: Mapping[str, str]) -> None:
    """Refuse a stack whose secrets would be encrypted with a passphrase that nobody chose.

    Whether a backend that is a service needs one, and one that `pulumi login` or Pulumi.yaml names, the engine knows.
    """
    settings = (PROJECT / f"Pulumi.{stack}.yaml").read_text(encoding="utf-8")
    has_provider = re.search(r"^secretsprovider:\s*(?!passphrase)\w", settings, re.MULTILINE)
    backend = env.get("PULUMI_BACKEND_URL", "https:")
    if stack not in PUBLIC_STACKS and not has_passphrase(env) and not has_provider and not backend.startswith("http"):
        raise Refusal(
            f"stack {stack} has no passphrase",
            expected=f"{PASSPHRASE}, {PASSPHRASE}_FILE, or a secretsprovider in Pulumi.{stack}.yaml",
            remedy=f"choose one and set it, always the same for this stack: export {PASSPHRASE}=...",
        )


def target_of(stack: str) -> str:
    """What a stack deploys onto, as its settings name it; empty where they do not."""
    settings = (PROJECT / f"Pulumi.{stack}.yaml").read_text(encoding="utf-8")
    target = re.search(r"^\s*[\"']?hepburst:target[\"']?:\s*[\"']?([\w-]+)", settings, re.MULTILINE)
    return target[1] if target else ""


def extras_of(stack: str) -> Sequence[str]:
    """The extras of pyproject.toml that a stack's target needs."""
    return EXTRAS.get(target_of(stack), ())


def settled(stack: str, environ: Mapping[str, str]) -> dict[str, str]:
    """The environment to run the engine in for a stack: a public one is always opened by its own, empty passphrase."""
    env = dict(environ)
    if stack in PUBLIC_STACKS:
        env.pop(f"{PASSPHRASE}_FILE", None)
        env[PASSPHRASE] = ""
    return env


def make(stack: str, env: Mapping[str, str]) -> None:
    """Make the stack if it is not there. Raises Refusal with the engine's own words if that fails."""
    STATE.mkdir(parents=True, exist_ok=True)
    if _exists(stack, env):
        return
    answer = quiet(["stack", "init", "--no-select", "--stack", stack], env)
    if answer.returncode:
        raise Refusal(
            f"stack {stack} could not be made: {last_line(answer)}",
            expected="a backend that can be written to",
            remedy="check PULUMI_BACKEND_URL and the passphrase",
        )


def deploy(stack: str, env: Mapping[str, str]) -> int:
    """Deploy a stack, made before if it was not there. Gives the engine's exit status."""
    recover(stack, env)
    make(stack, env)
    return _shown(["pulumi", "up", "--yes", "--stack", stack], env)


def up(stack: str, env: Mapping[str, str]) -> int:
    """Deploy a stack, and follow a run that it hands to a cluster. Gives the exit status."""
    status = deploy(stack, env)
    if status == 0 and _has_run_to_follow(stack, env):
        return _shown(["burst", "attach", stack], env)
    if status == 0:
        report = quiet(["stack", "output", "report", "--stack", stack], env)
        if report.returncode == 0 and report.stdout.strip():
            print(f"The report of this run: {report.stdout.strip()}")
    return status


def _has_run_to_follow(stack: str, env: Mapping[str, str]) -> bool:
    """Whether the run is a cluster's, be it at an end: then attaching is short, and one made anew is at work again."""
    answer = quiet(["stack", "output", "run", "--json", "--stack", stack], env)
    try:
        return str(json.loads(answer.stdout)["follow"]).startswith(ATTACH)
    except (ValueError, KeyError, TypeError):
        return False


def is_surely_absent(stack: str, environ: Mapping[str, str]) -> bool:
    """Whether the file backend shows, without an engine, that there is no such stack."""
    folder = file_backend(environ)
    return folder is not None and not state_files(folder, stack)


def down(stack: str, env: Mapping[str, str]) -> int:
    """Destroy what a stack deployed and remove the stack. Gives the engine's exit status."""
    if not _exists(stack, env):
        print(absent(stack))
        return 0
    recover(stack, env)
    status = _shown(["pulumi", "destroy", "--yes", "--stack", stack], env)
    if status:
        return status
    answer = quiet(["stack", "rm", "--yes", "--preserve-config", stack], env)
    if answer.returncode:
        raise Refusal(
            f"stack {stack} is destroyed, but could not be removed: {last_line(answer)}",
            expected="an empty stack",
            remedy=f"look at it with: pulumi stack -s {stack}",
        )
    _forget(stack, env)
    print(f"Nothing is left of stack {stack}. `make up` makes it anew; its settings stay in Pulumi.{stack}.yaml.")
    return 0


def absent(stack: str) -> str:
    """What `make down` says where there is nothing to do."""
    return f"There is no stack {stack} here: nothing to destroy."


def _exists(stack: str, env: Mapping[str, str]) -> bool:
    folder = file_backend(env)
    if folder is not None:
        return bool(state_files(folder, stack))
    return quiet(["stack", "--show-name", "--stack", stack], env).returncode == 0


def _forget(stack: str, env: Mapping[str, str]) -> None:
    """Remove what the engine keeps of a removed stack in our own backend, and the stack's folder if it is empty."""
    folder = file_backend(env)
    if folder == STATE:
        for kind in ("backups", "history", "locks/organization"):
            shutil.rmtree(folder / ".pulumi" / kind / PROJECT_NAME / stack, ignore_errors=True)
        for copy in (folder / ".pulumi" / "stacks" / PROJECT_NAME).glob(f"{stack}.json*"):
            copy.unlink()
    left = OWN / stack
    if left.is_dir() and not any(left.iterdir()):
        left.rmdir()
    elif left.exists():
        print(f"{shown(left)} holds files that no resource owns; they stay.")


def heeded(*numbers: signal.Signals) -> list[signal.Signals]:
    """Those signals that whoever started us has not told us to ignore, as `nohup` does."""
    return [number for number in numbers if signal.getsignal(number) != signal.SIG_IGN]


def _shown(command: Sequence[str], env: Mapping[str, str]) -> int:
    """Run a program on the user's terminal. Ctrl-C reaches it from there, once; a termination is handed on as Ctrl-C."""
    process: subprocess.Popen[bytes] | None = None

    def hand_on(number: int, _frame: FrameType | None) -> None:
        if number == signal.SIGTERM and process is not None:
            process.send_signal(signal.SIGINT)

    before = {number: signal.signal(number, hand_on) for number in heeded(signal.SIGINT, signal.SIGTERM)}
    try:
        process = subprocess.Popen(command, cwd=PROJECT, env=dict(env))
        status = process.wait()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    if status < 0:
        who = "The engine" if command[0] == "pulumi" else command[0]
        print(f"{who} was killed (signal {-status}); the next time clears its lock and goes on.", file=sys.stderr)
        return 128 - status
    return status
