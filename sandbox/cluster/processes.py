"""Long-running programs: started once, known by pid and start time, stopped without ever signalling a stranger.

Each runs in a session of its own and carries its cluster's folder in the environment, so that one whose record was never
written (its starter was killed) is found too.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

from engine.places import PROJECT

MARK = "HEPBURST_REHEARSAL"
"""Environment variable that holds the folder of the cluster that a process belongs to."""
OOM_SCORE = 200
"""Where memory runs out, the kernel takes the rehearsal before the user's own work."""
STOP_SECONDS = 15.0

_PASSED_ON = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/nonexistent"}
"""Nothing of the user's environment: it may hold secrets, and these programs run long."""

_RUN = f'echo {OOM_SCORE} > /proc/self/oom_score_adj; exec "$@"'
_RUN_AGAIN = (
    f"echo {OOM_SCORE} > /proc/self/oom_score_adj; trap 'kill $child; wait $child; exit 0' TERM; "
    'while :; do "$@" & child=$!; wait $child; echo "ended with status $?: started again"; '
    "sleep 1 & child=$!; wait $child; done"
)


@dataclass(frozen=True, kw_only=True)
class Program:
    """What to run: a command, in front of it what puts it into namespaces, and limits."""

    name: str
    command: tuple[str, ...]
    within: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    memory_mb: int = 0
    """Go's collector works harder from here on; 0 for programs that are not Go's."""
    restarts: bool = False
    """Started again when it ends by itself: for what a kubelet would start again."""


@dataclass(frozen=True, kw_only=True)
class Identity:
    """A process that cannot be taken for another: its number, its start and the boot that both count from."""

    pid: int
    start_ticks: int
    boot: str

    @property
    def is_alive(self) -> bool:
        """Whether this very process runs still."""
        return self == identify(self.pid)


def identify(pid: int, *, has_ended_too: bool = False) -> Identity | None:
    """The process that has this number now; None if there is none, or (unless asked for) only one that nobody waited for."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
    except OSError:
        return None
    if fields[0] in "ZX" and not has_ended_too:
        return None
    boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    return Identity(pid=pid, start_ticks=int(fields[19]), boot=boot)


class Processes:
    """The programs of one cluster: `records` holds one file each, `logs` what they say."""

    def __init__(self, *, folder: Path, records: Path, logs: Path) -> None:
        self._folder, self._records, self._logs = folder, records, logs

    def start(self, program: Program) -> bool:
        """Start a program unless it runs; say whether it was started."""
        if self.identity(program.name):
            return False
        end([identity for identity in self.marked() if _runs(identity, program)], seconds=0)  # one that was never recorded
        self._records.mkdir(parents=True, exist_ok=True)
        self._logs.mkdir(parents=True, exist_ok=True)
        limits = {"GOMEMLIMIT": f"{program.memory_mb}MiB"} if program.memory_mb else {}
        shell = ("sh", "-c", _RUN_AGAIN if program.restarts else _RUN, program.name)
        with self.log(program.name).open("ab") as log:
            process = subprocess.Popen(
                (*program.within, *shell, *program.command),
                cwd=PROJECT,
                env={**_PASSED_ON, **limits, **program.environment, MARK: str(self._folder)},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        identity = identify(process.pid, has_ended_too=True)  # one that ended at once is told of too
        if identity:
            file = self._records / f"{program.name}.json"
            file.with_suffix(".partial").write_text(json.dumps(asdict(identity)), encoding="ascii")
            file.with_suffix(".partial").rename(file)
        process.returncode = 0  # it outlives us, and whoever inherits it waits for it
        return True

    def log(self, name: str) -> Path:
        """The file with all that a program said."""
        return self._logs / f"{name}.log"

    def names(self) -> list[str]:
        """Programs that were started and not stopped."""
        return sorted(file.stem for file in self._records.glob("*.json"))

    def identity(self, name: str) -> Identity | None:
        """The process of a program if it runs."""
        try:
            found = Identity(**json.loads((self._records / f"{name}.json").read_text(encoding="ascii")))
        except (OSError, ValueError, TypeError):
            return None
        return found if found.is_alive else None

    def forget_ended(self) -> None:
        """Forget the programs that ended by themselves: they are about to be started again."""
        for name in self.names():
            if not self.identity(name):
                (self._records / f"{name}.json").unlink()

    def epitaph(self) -> str | None:
        """Which program ended by itself, with its last words; None while all run."""
        for name in self.names():
            if not self.identity(name):
                words = self.log(name).read_text(encoding="utf-8", errors="replace").splitlines()[-3:]
                return f"{name} ended (its log: {self.log(name)}): {' | '.join(words)}"
        return None

    def stop(self, name: str, *, seconds: float = STOP_SECONDS) -> None:
        """End a program and forget it; killed if it takes longer than `seconds`."""
        identity = self.identity(name)
        if identity:
            end([identity], seconds=seconds)
        (self._records / f"{name}.json").unlink(missing_ok=True)

    def sweep(self) -> list[Identity]:
        """Kill whatever carries this cluster's mark, recorded or not. Gives what was killed."""
        found = list(self.marked())
        end(found, seconds=0)
        return found

    def marked(self) -> Iterator[Identity]:
        """Every process of the machine that was started for this cluster (of other users, none can be seen)."""
        mark = f"{MARK}={self._folder}".encode()
        for folder in Path("/proc").iterdir():
            if folder.name.isdigit() and int(folder.name) != os.getpid():
                with contextlib.suppress(OSError):
                    if mark in (folder / "environ").read_bytes().split(b"\0"):
                        identity = identify(int(folder.name))
                        if identity:
                            yield identity


def _runs(identity: Identity, program: Program) -> bool:
    try:
        words = Path(f"/proc/{identity.pid}/cmdline").read_bytes().split(b"\0")[:-1]
    except OSError:
        return False
    return words[-len(program.command) :] == [word.encode() for word in program.command]


def mark_of(identity: Identity) -> str | None:
    """The folder of the cluster that a process was started for."""
    with contextlib.suppress(OSError):
        for pair in Path(f"/proc/{identity.pid}/environ").read_bytes().split(b"\0"):
            if pair.startswith(f"{MARK}=".encode()):
                return pair.partition(b"=")[2].decode(errors="replace")
    return None


def end(identities: list[Identity], *, seconds: float) -> None:
    """Ask processes and those of their groups to end, wait, then kill what is left."""
    if seconds:
        for identity in identities:
            _signal(identity, signal.SIGTERM)
        _wait(identities, seconds)
    for identity in identities:
        _signal(identity, signal.SIGKILL, group=True)
    _wait(identities, STOP_SECONDS)


def _signal(identity: Identity, number: signal.Signals, *, group: bool = False) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        handle = os.pidfd_open(identity.pid)  # from here on the number cannot come to mean another process
        try:
            if not identity.is_alive:
                return
            if group and os.getpgid(identity.pid) == identity.pid:
                os.killpg(identity.pid, number)
            else:
                signal.pidfd_send_signal(handle, number)
        finally:
            os.close(handle)


def _wait(identities: list[Identity], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while any(identity.is_alive for identity in identities) and time.monotonic() < deadline:
        time.sleep(0.05)


def memory_mb(identity: Identity) -> float:
    """Resident memory of a process and those of its group, in MB (pages that they share count twice)."""
    total = 0
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            with contextlib.suppress(OSError, IndexError, ValueError):
                fields = (folder / "stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
                if int(fields[2]) == identity.pid:
                    total += int(fields[21]) * os.sysconf("SC_PAGE_SIZE")
    return total / 1e6
