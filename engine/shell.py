"""The environment in which `pulumi` is this project's: the same for `make up` and for a shell that sourced `activate.sh`."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Mapping

from engine.choice import Engine
from engine.places import PROJECT, STATE, VENV, cache


def variables(engine: Engine, environ: Mapping[str, str]) -> dict[str, str]:
    """What to set on top of `environ`. Nothing that the user has set is overridden, PATH and VIRTUAL_ENV excepted."""
    ours: dict[str, str] = {"VIRTUAL_ENV": str(VENV)}
    front = [str(VENV / "bin")]
    if engine.is_ours:
        front.append(str(engine.folder))
        # A home of its own: an official installation's plugins and log-ins are neither used nor touched. It holds no state.
        ours["PULUMI_HOME"] = str(cache() / "home")
        # The version is fixed in engine/go.mod: word of a newer one would be noise.
        ours["PULUMI_SKIP_UPDATE_CHECK"] = "true"
    if not _project_names_a_backend():
        ours["PULUMI_BACKEND_URL"] = STATE.as_uri()
    if "PULUMI_CONFIG_PASSPHRASE_FILE" not in environ:
        # The stack `local` holds no secrets and its salt is made for the empty passphrase (docs/adr/0002).
        ours["PULUMI_CONFIG_PASSPHRASE"] = ""
    chosen = {name: value for name, value in ours.items() if name == "VIRTUAL_ENV" or name not in environ}
    rest = [folder for folder in environ.get("PATH", "").split(os.pathsep) if folder not in front]
    return {**chosen, "PATH": os.pathsep.join([*front, *rest])}


def script(engine: Engine, environ: Mapping[str, str]) -> str:
    """Shell commands that set `variables`, and a function `deactivate` that takes them back, for bash and zsh."""
    to_set = variables(engine, environ)
    lines = [f"export {name}={shlex.quote(value)}" for name, value in to_set.items()]
    restored = [f"export {name}={shlex.quote(environ[name])}" if name in environ else f"unset {name}" for name in to_set]
    return "\n".join([*lines, "deactivate() {", *(f"  {line}" for line in restored), "  unset -f deactivate", "}", ""])


def _project_names_a_backend() -> bool:
    return bool(re.search(r"^backend:", (PROJECT / "Pulumi.yaml").read_text(encoding="utf-8"), re.MULTILINE))
