"""The environment in which `pulumi` is this project's: the same for `make up` and for a shell that sourced `activate.sh`."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Mapping
from pathlib import Path

from engine.choice import Engine
from engine.places import PROJECT, STATE, VENV, cache

MARK = "HEPBURST_PROJECT"
"""Set where an activation is in force: the project that it is of."""
PASSPHRASE = "PULUMI_CONFIG_PASSPHRASE"  # noqa: S105 - the name of one


def users_own(environ: Mapping[str, str]) -> dict[str, str]:
    """An environment less what an activation put into it, of this project, of another copy, or of this one before it was moved.

    Otherwise a shell activated there would work on the state there from here.
    """
    if MARK not in environ:
        return dict(environ)
    project = Path(environ[MARK]).absolute()
    ours = {MARK: environ[MARK], "VIRTUAL_ENV": str(project / VENV.name), "PULUMI_SKIP_UPDATE_CHECK": "true"}
    ours["PULUMI_HOME"] = str(cache() / "home")
    ours["PULUMI_BACKEND_URL"] = (project / STATE.relative_to(PROJECT)).as_uri()
    ours[PASSPHRASE] = ""
    own = {name: value for name, value in environ.items() if ours.get(name) != value}
    scripts, engines = project / VENV.name / "bin", cache() / "engine"
    folders = own.get("PATH", "").split(os.pathsep)
    kept = [folder for folder in folders if folder != str(scripts) and Path(folder).parent != engines]
    return {**own, "PATH": os.pathsep.join(kept)}


def variables(engine: Engine, own: Mapping[str, str]) -> dict[str, str]:
    """What to set on top of `users_own`. Nothing that the user has set is overridden, PATH and VIRTUAL_ENV excepted."""
    ours: dict[str, str] = {"VIRTUAL_ENV": str(VENV), MARK: str(PROJECT)}
    front = [str(VENV / "bin")]
    if engine.is_ours:
        front.append(str(engine.folder))
        # A home of its own: an official installation's plugins and log-ins are neither used nor touched. It holds no state.
        ours["PULUMI_HOME"] = str(cache() / "home")
        # The version is fixed in engine/go.mod: word of a newer one would be noise.
        ours["PULUMI_SKIP_UPDATE_CHECK"] = "true"
    if not _project_names_a_backend():
        ours["PULUMI_BACKEND_URL"] = STATE.as_uri()
    chosen = {name: value for name, value in ours.items() if name == "VIRTUAL_ENV" or name not in own}
    rest = [folder for folder in own.get("PATH", "").split(os.pathsep) if folder not in front]
    return {**chosen, "PATH": os.pathsep.join([*front, *rest])}


def shell_variables(engine: Engine, own: Mapping[str, str]) -> dict[str, str]:
    """The same for a shell, in which the stack `local` must open: with its empty passphrase, unless the user has set one."""
    ours = variables(engine, own)
    return ours if has_passphrase(own) else {**ours, PASSPHRASE: ""}


def has_passphrase(environ: Mapping[str, str]) -> bool:
    """Whether a passphrase is set, be it empty."""
    return PASSPHRASE in environ or f"{PASSPHRASE}_FILE" in environ


def script(engine: Engine, environ: Mapping[str, str]) -> str:
    """Shell commands that set `shell_variables`, and a function `deactivate` that takes them back, for bash and zsh.

    A function of that name that is there already, of another environment, is there again afterwards.
    """
    own = users_own(environ)
    to_set = shell_variables(engine, own)
    stale = [name for name in environ if name not in own and name not in to_set]
    restored = [f"export {name}={shlex.quote(own[name])}" if name in own else f"unset {name}" for name in to_set]
    lines = [
        '_hepburst_other="$(typeset -f deactivate)" || true',
        *(f"unset {name}" for name in stale),
        *(f"export {name}={shlex.quote(value)}" for name, value in to_set.items()),
        "_hepburst_deactivate() {",
        *(f"  {line}" for line in restored),
        "  unset -f deactivate _hepburst_deactivate",
        '  eval "$_hepburst_other"',
        "  unset _hepburst_other",
        "}",
        "deactivate() { _hepburst_deactivate; }",
    ]
    return "\n".join([*lines, ""])


def _project_names_a_backend() -> bool:
    return bool(re.search(r"^backend:", (PROJECT / "Pulumi.yaml").read_text(encoding="utf-8"), re.MULTILINE))
