"""What a killed `up` leaves in the file backend, cleared before the next: its lock, and work that it did not see end."""

from __future__ import annotations

import gzip
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from engine.backend import PROJECT_NAME, file_backend, quiet, state_files
from engine.locks import Lock, locks
from trainer.refusal import Refusal

HARMLESS = ("hepburst:", "kubernetes:", "pulumi:providers:")
"""Types of resources that, half made, the next `up` goes on from: in the stack's folder, or in a cluster by their names."""


def recover(stack: str, env: Mapping[str, str]) -> None:
    """Clear what engines that were killed left. Raises Refusal if one is at work, or may be on another machine."""
    folder = file_backend(env)
    if folder is None:
        return
    dead = locks(folder, PROJECT_NAME, stack)
    for lock in dead:
        refuse_if_held(lock, stack)
    if dead:
        print(f"The engine was killed while it changed stack {stack} (process {dead[0].pid}): its lock is cleared.", flush=True)
        quiet(["cancel", "--yes", "--stack", stack], env)
    if any(b"pending_operations" in _content(file) for file in state_files(folder, stack)):
        _forget_unfinished(stack, env)


def _content(file: Path) -> bytes:
    """What a state file says; PULUMI_DIY_BACKEND_GZIP has it compressed."""
    return gzip.decompress(file.read_bytes()) if file.suffix == ".gz" else file.read_bytes()


def refuse_if_held(lock: Lock, stack: str) -> None:
    """Refuse to go on beside a process that works on the stack, or that may."""
    if lock.is_here and lock.is_held:
        raise Refusal(
            f"stack {stack} is being changed by process {lock.pid}",
            expected="one change at a time",
            remedy=f"wait for it, or interrupt it (kill -INT {lock.pid}), and repeat",
        )
    if not lock.is_here:
        raise Refusal(
            f"stack {stack} was locked by process {lock.pid} on {lock.host}",
            expected="no lock of another machine, for whether that process lives cannot be told from here",
            remedy=f"look there; if nothing works on it any more: pulumi cancel --yes -s {stack}",
        )


def without_unfinished(state: dict[str, Any]) -> dict[str, Any]:
    """An exported state without the unfinished work that is harmless; that of clouds stays, for it may be billed."""
    deployment = state["deployment"]
    pending = deployment.get("pending_operations") or []
    kept = [operation for operation in pending if not operation["resource"]["type"].startswith(HARMLESS)]
    return {**state, "deployment": {**deployment, "pending_operations": kept}}


def _forget_unfinished(stack: str, env: Mapping[str, str]) -> None:
    exported = quiet(["stack", "export", "--stack", stack], env)
    if exported.returncode:
        return  # the engine will say why, in its own words
    state = json.loads(exported.stdout)
    changed = without_unfinished(state)
    if changed["deployment"]["pending_operations"] != state["deployment"].get("pending_operations"):
        quiet(["stack", "import", "--stack", stack], env, given=json.dumps(changed))
