"""SANDBOX=1: the same stacks, rehearsed on a stand-in of the cloud, with nothing in common with what is real.

A rehearsal has a home of the engine, a backend, stacks and settings of its own, so that neither can touch the other's. What the
cloud is in it lives in `sandbox/`, which is started as programs and never imported.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Mapping

from engine.choice import choose
from engine.places import PROJECT, SANDBOX, STATE, VENV
from engine.shell import PASSPHRASE, users_own, variables
from engine.stack import known_stacks, target_of
from trainer.refusal import Refusal

SWITCH = "SANDBOX"
SUFFIX = "-sandbox"
"""Of a rehearsed stack's name."""
FOLDER = "HEPBURST_SANDBOX"
"""Where the stand-ins find the folder with their ledger, faults and clusters."""
REHEARSED = ("gcp-base", "gke")
"""The targets whose provider has a stand-in."""


def is_asked(environ: Mapping[str, str]) -> bool:
    """Whether the user wants a rehearsal; refuses a value that could mean either."""
    value = environ.get(SWITCH, "")
    if value not in ("", "0", "1"):
        raise Refusal(
            f"{SWITCH} is {value!r}", expected="1 for a rehearsal, 0 or nothing for the real thing", remedy="correct it"
        )
    return value == "1"


def environment(environ: Mapping[str, str]) -> dict[str, str]:
    """What an engine in a rehearsal runs with: nothing of the user's home, backend or passphrase is in it."""
    own = users_own(environ)
    env = {**own, **variables(choose(own), own)}
    cloud = SANDBOX / "cloud"
    env.pop(f"{PASSPHRASE}_FILE", None)
    env.update(
        {
            "PULUMI_HOME": str(SANDBOX / "home"),
            "PULUMI_BACKEND_URL": (SANDBOX / STATE.name).as_uri(),
            "PULUMI_SKIP_UPDATE_CHECK": "true",
            "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
            PASSPHRASE: "",
            FOLDER: str(cloud),
            # The rehearsed cluster's certificate is its own authority's; no other server is spoken to.
            "SSL_CERT_FILE": str(cloud / "ca.crt"),
            "PATH": os.pathsep.join([str(PROJECT / "sandbox" / "cloud" / "bin"), env["PATH"]]),
        }
    )
    return env


def check(stack: str) -> None:
    """Refuse a stack that rents nothing: there is nothing to rehearse."""
    target = target_of(stack)
    if target not in REHEARSED:
        raise Refusal(
            f"a rehearsal of {stack}, whose target is {target or 'not named'}",
            expected=f"a stack whose target is {' or '.join(REHEARSED)}",
            remedy=f"leave {SWITCH} out: it rents nothing",
        )


def bases_of(stack: str) -> list[str]:
    """The base stack that a burst's settings name, if it is a stack of this project."""
    settings = (PROJECT / f"Pulumi.{stack}.yaml").read_text(encoding="utf-8")
    named = re.search(r"^\s*[\"']?hepburst:base[\"']?:\s*[\"']?([\w.-]+)[\"']?\s*(#.*)?$", settings, re.MULTILINE)
    return [named[1]] if named and named[1] in known_stacks() else []


def prepare(stack: str, env: Mapping[str, str]) -> str:
    """Install the stand-ins, write the rehearsed stack's settings, and give its name. Raises Refusal if that fails."""
    (SANDBOX / STATE.name).mkdir(parents=True, exist_ok=True)
    _sandbox(["prepare", stack], env, failure=f"the rehearsal of {stack} could not be prepared")
    return stack + SUFFIX


def show(stack: str, env: Mapping[str, str]) -> None:
    """Show what of the burst the rehearsed cloud holds, and what it bills."""
    _sandbox(["show", stack], env, failure=f"the rehearsal of {stack} could not be shown")


def _sandbox(arguments: list[str], env: Mapping[str, str], *, failure: str) -> None:
    command = [str(VENV / "bin" / "python"), "-m", "sandbox.rehearsal", *arguments]
    status = subprocess.run(command, cwd=PROJECT, env=dict(env), check=False).returncode
    if status:
        raise Refusal(failure, expected="what it says above", remedy="mend that, and repeat")
