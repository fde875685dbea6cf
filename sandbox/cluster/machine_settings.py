"""What kubelet changes on the whole machine: kernel settings, written down before and put back after."""

from __future__ import annotations

import contextlib
import json
import subprocess
from pathlib import Path

KUBELET_CHANGES = (
    "vm.overcommit_memory",
    "vm.panic_on_oom",
    "kernel.panic",
    "kernel.panic_on_oops",
    "kernel.keys.root_maxkeys",
    "kernel.keys.root_maxbytes",
)


def remember(file: Path) -> None:
    """Write down what holds now, unless an earlier time is written down that was not restored."""
    if file.exists():
        return
    values = {name: _path(name).read_text(encoding="ascii").strip() for name in KUBELET_CHANGES if _path(name).exists()}
    partial = file.with_suffix(".partial")
    partial.write_text(json.dumps(values, indent=2), encoding="ascii")
    partial.rename(file)


def restore(file: Path) -> None:
    """Put back what was written down. A machine that does not allow it (a container) did not let kubelet change it either."""
    with contextlib.suppress(FileNotFoundError, ValueError):
        for name, value in json.loads(file.read_text(encoding="ascii")).items():
            if name in KUBELET_CHANGES and _path(name).read_text(encoding="ascii").strip() != value:
                subprocess.run(["sysctl", "--quiet", "--write", f"{name}={value}"], check=False)
    file.unlink(missing_ok=True)


def _path(name: str) -> Path:
    return Path("/proc/sys") / name.replace(".", "/")
