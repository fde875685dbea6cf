"""The worker pods: who they are, and whether they answer. Standard library only."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from trainer.refusal import Refusal

SAY_SECONDS = 15.0
"""How often a wait says whom it waits for."""
PROBE_SECONDS = 2.0
POLL_SECONDS = 0.5
NUM_NAMED = 3
"""Of workers that are waited for."""
LOCAL_HOSTS = ("localhost", "127.0.0.1")
"""Reached without ssh."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Host:
    """A worker pod and how many ranks it takes."""

    name: str
    num_slots: int = 1

    @property
    def is_local(self) -> bool:
        """Whether its ranks are started here, without ssh."""
        return self.name in LOCAL_HOSTS


class HostsMissing(Exception):  # noqa: N818 - what happened
    """Worker pods did not answer in time: `num_there` of `num_hosts` did."""

    def __init__(self, message: str, *, num_there: int, num_hosts: int) -> None:
        super().__init__(message)
        self.num_there, self.num_hosts = num_there, num_hosts


def read_hostfile(path: Path) -> list[Host]:
    """The hosts of an MPI hostfile (`name slots=N`, one a line); refuses one that is missing, empty or of another form."""
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as problem:
        raise Refusal(f"{path}: {problem.strerror}", expected="a hostfile", remedy="give --hostfile") from None
    hosts = [_host(line, path) for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    if not hosts:
        raise Refusal(f"{path} names no host", expected="lines such as `worker-0 slots=1`", remedy="give --hostfile")
    return hosts


def _host(line: str, path: Path) -> Host:
    name, *options = line.split("#")[0].split()
    values = dict(option.partition("=")[::2] for option in options)
    slots = values.pop("slots", "1")
    if values or not slots.isdigit() or int(slots) < 1:
        raise Refusal(f"{path}: {line.strip()!r}", expected="a line such as `worker-0 slots=1`", remedy="correct the hostfile")
    return Host(name=name, num_slots=int(slots))


def discover(script: Path, *, default_slots: int = 1) -> list[Host]:
    """The hosts that a discovery script prints (`name` or `name:slots`, one a line); none if it fails, as it will run again.

    >>> from tempfile import NamedTemporaryFile
    >>> with NamedTemporaryFile("w") as script:
    ...     _ = script.write("echo one:2; echo two"), script.flush()
    ...     [(host.name, host.num_slots) for host in discover(Path(script.name), default_slots=4)]
    [('one', 2), ('two', 4)]
    """
    done = subprocess.run(["sh", script], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        return []
    hosts = []
    for line in done.stdout.split():
        name, _, slots = line.partition(":")
        hosts.append(Host(name=name, num_slots=int(slots) if slots.isdigit() else default_slots))
    return hosts


def answers(host: Host, ssh_port: int) -> bool:
    """Whether an ssh server listens there. Names are looked up anew each time: a pod that comes back has another address."""
    if host.is_local:
        return True
    try:
        socket.create_connection((host.name, ssh_port), timeout=PROBE_SECONDS).close()
    except OSError:
        return False
    return True


def _names(hosts: Sequence[Host]) -> str:
    """The first few by name.

    >>> _names([Host(name=name) for name in "abcdef"])
    'a, b, c and 3 others'
    """
    named = ", ".join(host.name for host in hosts[:NUM_NAMED])
    return named + (f" and {len(hosts) - NUM_NAMED} others" if len(hosts) > NUM_NAMED else "")


def wait_for(hosts: Sequence[Host], ssh_port: int, *, seconds: float, give_up: Callable[[], bool]) -> None:
    """Until every host answers; raises `HostsMissing` after so long. `give_up` ends the wait early, without an exception.

    One that answered and went again while others came is waited for anew.
    """
    began = said = time.monotonic()
    missing = list(hosts)
    while not give_up():
        came = {host for host in missing if answers(host, ssh_port)}
        missing = [host for host in missing if host not in came]
        if not missing:
            missing = [host for host in hosts if host not in came and not answers(host, ssh_port)]
        if not missing:
            return
        now = time.monotonic()
        names = _names(missing)
        if now - began > seconds:
            raise HostsMissing(
                f"no answer on port {ssh_port} within {seconds:.0f} s from {names}",
                num_there=len(hosts) - len(missing),
                num_hosts=len(hosts),
            )
        if now - said > SAY_SECONDS:
            said = now
            print(f"waiting for {names} to answer on port {ssh_port}", file=sys.stderr, flush=True)
        time.sleep(POLL_SECONDS)


def wait_for_any(
    script: Path, ssh_port: int, *, seconds: float, give_up: Callable[[], bool], num_hosts: int = 0
) -> Host | None:
    """The first host of a discovery script that answers; `HostsMissing` after so long, None if `give_up`.

    `num_hosts`: how many there will be, if that is known.
    """
    began = said = time.monotonic()
    while not give_up():
        found = discover(script)
        for host in found:
            if answers(host, ssh_port):
                return host
        now = time.monotonic()
        if now - began > seconds:
            raise HostsMissing(
                f"none of {len(found)} hosts answered on port {ssh_port} within {seconds:.0f} s",
                num_there=0,
                num_hosts=num_hosts or len(found),
            )
        if now - said > SAY_SECONDS:
            said = now
            print(f"waiting for the first host to answer on port {ssh_port}", file=sys.stderr, flush=True)
        time.sleep(POLL_SECONDS)
    return None


def own_address(host: Host, ssh_port: int) -> str:
    """This machine's address as that host sees it: on a pod with several networks only one may lead there."""
    if host.is_local:
        return "127.0.0.1"
    with socket.create_connection((host.name, ssh_port), timeout=PROBE_SECONDS) as connection:
        return str(connection.getsockname()[0])
