"""Starts the ranks of a run on this machine and sees them to their end.

Horovod's own rendezvous server and slot assignment (what `horovodrun --gloo` is made of) over the loopback interface, each rank
a process of this same program. What horovodrun leaves open is closed here: the server listens on 127.0.0.1 alone, on a port
that the kernel chose; a rank that fails ends the run at once with its last words; no rank outlives the launcher
(`trainer.lifeline`).
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Mapping, Sequence
from types import FrameType
from typing import IO

from trainer import lifeline
from trainer.refusal import Refusal

EXIT_SUCCEEDED, EXIT_FAILED, EXIT_REFUSED, EXIT_INTERRUPTED = 0, 1, 2, 3
EXIT_LOST = 4
"""Of a rank, never of a run: another rank is gone, and will say why."""
LAST_LINES = 20
GRACE_SECONDS = 4.0
"""From asking the ranks to stop, when the parent is gone, to killing them: an orphan must not live 10 s."""
POLL_SECONDS = 0.05
HOST = "127.0.0.1"
CYCLE_MILLISECONDS = "4"
"""How often Horovod's background thread looks for messages. At its default of 1 ms that takes a tenth of a processor core from
the training; a step has three messages and lasts 150 ms or more."""
STARTED_VARIABLE = "HEPBURST_STARTED_UNIX_SECONDS"
"""Tells a rank when its launcher began, which is when the run did."""
RANK_VARIABLES = ("HOROVOD_RANK", "OMPI_COMM_WORLD_RANK")


def is_rank() -> bool:
    """Whether this process was started as one of several ranks, by us, by horovodrun or by mpirun."""
    return any(variable in os.environ for variable in RANK_VARIABLES)


def launch(command: Sequence[str], *, num_ranks: int, environment: Mapping[str, str], keep_open: Sequence[int] = ()) -> int:
    """Run `command` as `num_ranks` ranks, with `environment` added to this process's; returns the exit status of the run.

    Rank 0 has this process's standard output. Every rank's standard error is passed on. SIGINT and SIGTERM become a SIGTERM to
    each rank, which stops after its current step; a second one kills. `keep_open`: file descriptors the ranks inherit.
    """
    from horovod.runner.http.http_server import RendezvousHandler, RendezvousHTTPServer

    slots = _slots(num_ranks)
    server = RendezvousHTTPServer((HOST, 0), RendezvousHandler, 0)
    server.init(slots)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    shared = {**environment, **_shared_environment(server.server_address[1])}
    ranks: list[_Rank] = []
    with Signals() as signals:
        try:
            ranks.extend(
                _Rank(command, index, {**shared, **_slot_environment(slot)}, keep_open) for index, slot in enumerate(slots)
            )
            return _follow(ranks, signals)
        finally:
            for rank in ranks:
                rank.kill()
            server.shutdown()
            server.server_close()


def _follow(ranks: list[_Rank], signals: Signals) -> int:
    """Wait until all ranks have ended well, or one has not."""
    stop_by, was_asked, lost_since = None, False, None
    while True:
        statuses = [rank.process.poll() for rank in ranks]
        failed = [rank for rank, status in zip(ranks, statuses, strict=True) if status not in (None, *_GOOD_ENDS)]
        # One that was killed comes before those that fail, and these before those that only miss another.
        failed.sort(key=lambda rank: (rank.process.returncode == EXIT_LOST, rank.process.returncode >= 0))
        if failed and was_asked and failed[0].process.returncode == -signal.SIGTERM:
            return EXIT_INTERRUPTED  # it had not begun to listen: nothing was trained yet
        if failed and failed[0].process.returncode == EXIT_LOST and lost_since is None:
            lost_since = time.monotonic()
        if failed and (failed[0].process.returncode != EXIT_LOST or time.monotonic() > (lost_since or 0.0) + GRACE_SECONDS):
            return _failure(failed[0])
        if None not in statuses and not failed:
            return max(status for status in statuses if status is not None)
        if signals.take():
            was_asked = True
            for rank in ranks:
                rank.interrupt()
        if signals.impatient:
            return EXIT_INTERRUPTED
        if stop_by is None and lifeline.parent_is_gone():
            stop_by = time.monotonic() + GRACE_SECONDS
            was_asked = True
            for rank in ranks:
                rank.interrupt()
        if stop_by is not None and time.monotonic() > stop_by:
            return EXIT_INTERRUPTED
        time.sleep(POLL_SECONDS)


_GOOD_ENDS = (EXIT_SUCCEEDED, EXIT_INTERRUPTED)


def _failure(rank: _Rank) -> int:
    """Say which rank ended the run and how; a rank that refused or failed knowingly has said so itself."""
    status = rank.process.wait()
    words = rank.last_words()
    if status in (EXIT_FAILED, EXIT_REFUSED) and "Traceback" not in words:
        return status
    how = f"was killed by {signal.Signals(-status).name}" if status < 0 else f"ended with status {status}"
    print(f"rank {rank.index} {how}{'; its last lines:' if words else ''}\n{words}".rstrip(), file=sys.stderr, flush=True)
    return EXIT_FAILED


class _Rank:
    """One rank: a process in a process group of its own, so that a Ctrl-C of the terminal comes by the launcher alone."""

    def __init__(self, command: Sequence[str], index: int, environment: Mapping[str, str], keep_open: Sequence[int]) -> None:
        self.index = index
        self._lines: deque[str] = deque(maxlen=LAST_LINES)
        self.process = subprocess.Popen(
            command,
            env={**os.environ, **environment},
            stdin=subprocess.DEVNULL,
            stdout=None if index == 0 else subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            start_new_session=True,
            pass_fds=keep_open,
            text=True,
            errors="replace",
        )
        assert self.process.stderr is not None
        self._reader = threading.Thread(target=self._pass_on, args=(self.process.stderr,), daemon=True)
        self._reader.start()

    def _pass_on(self, lines: IO[str]) -> None:
        with lines:
            for line in lines:
                self._lines.append(line)
                sys.stderr.write(line)
                sys.stderr.flush()

    def last_words(self) -> str:
        """What the process said last on standard error."""
        self._reader.join(timeout=1)
        return "".join(self._lines)

    def interrupt(self) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self._reader.join(timeout=1)


class Signals:
    """Notes SIGINT and SIGTERM while it is open."""

    def __init__(self) -> None:
        self._new, self._count = False, 0
        self.impatient = False
        """Whether a second one came."""

    @property
    def came(self) -> bool:
        """Whether any came, ever."""
        return self._count > 0

    def take(self) -> bool:
        """Whether one came since the last call."""
        came, self._new = self._new, False
        return came

    def _note(self, number: int, frame: FrameType | None) -> None:
        self._new, self._count = True, self._count + 1
        self.impatient = self._count > 1

    def __enter__(self) -> Signals:
        self._before = {number: signal.signal(number, self._note) for number in (signal.SIGINT, signal.SIGTERM)}
        return self

    def __exit__(self, *exception: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)


def _slots(num_ranks: int) -> list[object]:
    from horovod.runner.common.util.hosts import get_host_assignments, parse_hosts

    return list(get_host_assignments(parse_hosts(f"{HOST}:{num_ranks}"), num_ranks))


def _slot_environment(slot: object) -> dict[str, str]:
    from horovod.runner.gloo_run import create_slot_env_vars

    return dict(create_slot_env_vars(slot))


def _shared_environment(port: int) -> dict[str, str]:
    """What all ranks share; the variables are those of horovod.runner.gloo_run."""
    return {
        "HOROVOD_GLOO_RENDEZVOUS_ADDR": HOST,
        "HOROVOD_GLOO_RENDEZVOUS_PORT": str(port),
        "HOROVOD_CONTROLLER": "gloo",
        "HOROVOD_CPU_OPERATIONS": "gloo",
        "HOROVOD_GLOO_IFACE": _loopback_interface(),
        "HOROVOD_STALL_CHECK_DISABLE": "1",  # rank 0 evaluates while the others wait, longer than Horovod likes
        "HOROVOD_CYCLE_TIME": os.environ.get("HOROVOD_CYCLE_TIME", CYCLE_MILLISECONDS),
        lifeline.LAUNCHER_VARIABLE: str(os.getpid()),
        "PYTHONUNBUFFERED": "1",
    }


def _loopback_interface() -> str:
    names = [name for _, name in socket.if_nameindex()]
    for name in ("lo", "lo0"):  # Linux, macOS
        if name in names:
            return name
    raise Refusal(
        f"network interfaces {', '.join(names)}", expected="a loopback interface, lo or lo0", remedy="set num_ranks to 1"
    )
