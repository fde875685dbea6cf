"""Static runs: mpirun starts all ranks, and one that is lost ends the run. The next start resumes from the last checkpoint."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from trainer.launch import EXIT_FAILED, EXIT_INTERRUPTED, EXIT_REFUSED, EXIT_SUCCEEDED, Signals
from trainer.pods.ending import Ending
from trainer.pods.environment import of_mpi
from trainer.pods.line import Line, Word
from trainer.pods.output import MPIRUN, Speakers, read_tagged
from trainer.pods.remote import ssh_options

POLL_SECONDS = 0.1
LOST_SECONDS = 20.0
"""From the end of one rank to the end of mpirun, which sees to the others; after that it is helped."""
KILL_SECONDS = 5.0
KILLED = re.compile(r"process rank (\d+) .*exited on signal (\d+)")
FAILED = re.compile(r"Process name: \[\[\d+,\d+\],(\d+)\]")
EXIT_CODE = re.compile(r"Exit code: +(\d+)")
LOST_NODE = re.compile(r"Remote daemon: .* on node (\S+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Mpirun:
    """How to start the ranks."""

    rank_command: Sequence[str]
    num_ranks: int
    hostfile: Path
    environment: Mapping[str, str]
    """Of each rank."""
    ssh_port: int

    def command(self) -> list[str]:
        """mpirun with its arguments. Values of variables are not on it, as they may be secret."""
        passed_on = [word for name in sorted(self.environment) for word in ("-x", name)]
        places = ["--hostfile", str(self.hostfile), "--map-by", "slot", "--bind-to", "none"]
        ssh = ["--mca", "plm_rsh_args", " ".join(ssh_options(self.ssh_port))]
        return ["mpirun", "-n", str(self.num_ranks), *places, *ssh, "--tag-output", *passed_on, *self.rank_command]


def run(mpirun: Mpirun, line: Line, signals: Signals, *, grace_seconds: float) -> Ending:
    """Start the ranks and follow them to their end; a signal stops them after a checkpoint, or so many seconds later."""
    speakers, complaints = Speakers(), Complaints()

    def on_stdout(speaker: str, text: str) -> None:
        speakers.said(speaker, text, is_event=speaker == "0" and text.startswith("{"))

    def on_stderr(speaker: str, text: str) -> None:
        if speaker == MPIRUN:
            complaints.add(text)
        speakers.said(speaker, text)

    given = {**os.environ, **mpirun.environment}
    with subprocess.Popen(
        mpirun.command(),
        env={**given, **of_mpi(given)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        readers = [read_tagged(process.stdout, on_stdout), read_tagged(process.stderr, on_stderr)]
        try:
            was_asked = _follow(process, line, signals, grace_seconds)
        finally:
            _end(process)
        for reader in readers:
            reader.join(timeout=KILL_SECONDS)
    return _ending(process.returncode, line.lost, complaints, speakers, was_asked=was_asked)


def _follow(process: subprocess.Popen[bytes], line: Line, signals: Signals, grace_seconds: float) -> bool:
    """Until mpirun has ended or must be; returns whether a signal asked for it."""
    stop_by = lost_since = None
    while process.poll() is None:
        now = time.monotonic()
        if signals.take():
            line.say(Word.STOP)
            stop_by = stop_by or now + grace_seconds
        if signals.impatient or (stop_by is not None and now > stop_by):
            return True
        if line.lost and lost_since is None:
            lost_since = now
        if lost_since is not None and now > lost_since + LOST_SECONDS:
            print(f"rank {line.lost[0]} is gone, and mpirun has not noticed", file=sys.stderr, flush=True)
            return stop_by is not None
        time.sleep(POLL_SECONDS)
    return stop_by is not None


def _end(process: subprocess.Popen[bytes]) -> None:
    """mpirun ends its ranks on SIGTERM."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(timeout=KILL_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)


class Complaints:
    """What mpirun says of the first rank that ended badly.

    >>> complaints = Complaints()
    >>> complaints.add("mpirun noticed that process rank 1 with PID 12 on node b exited on signal 9 (Killed).")
    >>> complaints.rank, complaints.how
    ('1', 'was killed by SIGKILL')
    """

    def __init__(self) -> None:
        self.rank = self.how = self.node = ""

    def add(self, text: str) -> None:
        """One line of its own; the first complaint counts."""
        if (killed := KILLED.search(text)) and not self.how:
            self.rank, self.how = killed[1], f"was killed by {_signal_name(int(killed[2]))}"
        elif (failed := FAILED.search(text)) and not self.rank:
            self.rank = failed[1]
        elif (code := EXIT_CODE.search(text)) and not self.how:
            self.how = f"ended with status {code[1]}"
        elif (lost := LOST_NODE.search(text)) and not self.node:
            self.node = lost[1]


def _ending(status: int, lost: Sequence[str], complaints: Complaints, speakers: Speakers, *, was_asked: bool) -> Ending:
    """`lost`: the ranks that left the line, the first of which is the one to ask; one that never came is known to mpirun."""
    if status == EXIT_SUCCEEDED:
        return Ending(exit_status=EXIT_SUCCEEDED, message="")
    if status == EXIT_INTERRUPTED or was_asked:
        return Ending(exit_status=EXIT_INTERRUPTED, message="stopped; the next start goes on from the last checkpoint")
    rank = lost[0] if lost else complaints.rank
    words = [word for word in speakers.last_words(rank or MPIRUN) if word.strip("- ")]
    if rank and words and status in (EXIT_FAILED, EXIT_REFUSED) and not any("Traceback" in word for word in words):
        return Ending(exit_status=status, message=words[-1], last_words=words)  # it said so itself, knowingly
    if complaints.node:
        message = f"the worker {complaints.node} is gone"
    elif rank:
        message = f"rank {rank} {(complaints.how if rank == complaints.rank else '') or 'ended'}"
    else:
        message = f"mpirun ended with status {status} before any rank began: {' '.join(words[:2])}"
    told = "".join(f"\n{word}" for word in words) if rank else ""
    print(f"{message}{'; its last lines:' if told else ''}{told}", file=sys.stderr, flush=True)
    return Ending(exit_status=EXIT_FAILED, message=message, last_words=words)


def _signal_name(number: int) -> str:
    return signal.Signals(number).name if number in set(signal.Signals) else f"signal {number}"
