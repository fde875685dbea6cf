"""A process on a worker pod, by ssh; or here, for hosts that are this one.

What is started there is `python -m trainer.pods.worker`, which takes its environment from standard input: on ssh's command
line every process list and log would show it, secrets and all.
"""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from collections.abc import Mapping, Sequence

from trainer.pods.hosts import Host

SSH_OPTIONS = {
    "BatchMode": "yes",
    "ConnectTimeout": "20",
    "LogLevel": "ERROR",
    "StrictHostKeyChecking": "no",
    "UserKnownHostsFile": "/dev/null",
    # A machine that vanished is missed after half a minute.
    "ServerAliveInterval": "5",
    "ServerAliveCountMax": "5",
}
"""Pods get new host keys with each job, and what connects them is the cluster's own network: so ssh checks the client alone."""
EXIT_SSH = 255
"""Of ssh: the connection failed or ended, or the process there was killed by a signal."""


def ssh_options(port: int) -> list[str]:
    """Arguments of ssh. Files such as the key are the image's and the operator's business."""
    return ["-p", str(port), *(word for name, value in SSH_OPTIONS.items() for word in ("-o", f"{name}={value}"))]


def start(host: Host, command: Sequence[str], environment: Mapping[str, str], *, ssh_port: int) -> subprocess.Popen[bytes]:
    """Start `command` there with exactly this added to the environment; its output comes by pipes."""
    worker = [sys.executable, "-m", "trainer.pods.worker"]
    if not host.is_local:  # a shell on the other side takes the words together and apart again; standard input stays open
        worker = ["ssh", *ssh_options(ssh_port), host.name, _with_module_path(environment, worker)]
    process = subprocess.Popen(
        worker, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True
    )
    assert process.stdin is not None
    try:
        process.stdin.write(json.dumps({"environment": dict(environment), "command": list(command)}).encode() + b"\n")
        process.stdin.close()
    except BrokenPipeError:
        pass  # it has ended already, and its status says why
    return process


def _with_module_path(environment: Mapping[str, str], worker: Sequence[str]) -> str:
    """The package `trainer` may come by PYTHONPATH."""
    path = environment.get("PYTHONPATH")
    prefix = f"PYTHONPATH={shlex.quote(path)} " if path else ""
    return prefix + shlex.join(worker)
