"""Elastic runs: Horovod's elastic driver over Gloo. A rank that is lost costs the work since the last checkpoint, not the run.

Horovod decides who is in (host discovery, a cooldown for hosts that failed, ranks numbered anew); what it would have workers
listen on to hear of new hosts is not needed, as every rank keeps a line to the launcher. Ranks go on with
`trainer.elastic.run_elastic`. With fewer than `min_ranks` left the launcher fails, and its next start resumes.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from trainer.contract import EventName
from trainer.launch import EXIT_FAILED, EXIT_INTERRUPTED, EXIT_REFUSED, EXIT_SUCCEEDED, Signals
from trainer.pods import hosts, remote
from trainer.pods.driver import driver_of
from trainer.pods.ending import EXIT_INCOMPLETE, Ending
from trainer.pods.gang import Gang
from trainer.pods.hosts import Host
from trainer.pods.line import NAME_VARIABLE, Line, Word
from trainer.pods.output import Speakers

POLL_SECONDS = 0.2
MAX_COOLDOWN_SECONDS = 60
MAX_LOSSES = 10
"""So many ranks lost without a checkpoint in between end the run: no new start of a rank will mend it."""
GLOO_TIMEOUT_SECONDS = "90"
"""How long ranks wait for each other. A new one needs a while to start; on the other hand ranks notice only after as long that
the machine of another has vanished (a rank that is killed is noticed at once)."""
FINAL = (EXIT_SUCCEEDED, EXIT_FAILED, EXIT_REFUSED, EXIT_INTERRUPTED)
"""Exit statuses that a rank chose; any other means that it was lost."""
CHECKPOINT_MARK = json.dumps({"event": EventName.CHECKPOINT.value})[1:-1]


@dataclass(frozen=True, slots=True, kw_only=True)
class Elastic:
    """How to start the ranks, and how few may go on."""

    rank_command: Sequence[str]
    min_ranks: int
    max_ranks: int
    discovery: Path
    """Script that prints the hosts there are."""
    default_slots: int
    """Of a host for which the script does not say."""
    environment: Mapping[str, str]
    """Of each rank."""
    ssh_port: int
    cooldown_seconds: int
    """A host that lost a rank is left alone for two or three times as long, doubled with each loss, up to a minute."""
    wait_seconds: float
    """For `max_ranks` to have a host at the start; then `min_ranks` will do."""
    own_address: str
    gang: Gang | None = None
    """On rented nodes: whose clock `wait_seconds` is of."""


def run(elastic: Elastic, line: Line, signals: Signals, *, grace_seconds: float) -> Ending:
    """Start the ranks and keep them going to the end; a signal stops them after a checkpoint, or so many seconds later."""
    driver, rendezvous_port = driver_of(
        discover=lambda: {host.name: host.num_slots for host in _answering(elastic)},
        tell_ranks=lambda: line.say(Word.REGROUP),
        ranks=range(elastic.min_ranks, elastic.max_ranks + 1),
        address=elastic.own_address,
        cooldown_seconds=(elastic.cooldown_seconds, max(elastic.cooldown_seconds, MAX_COOLDOWN_SECONDS)),
    )
    workers = _Workers(elastic, line, rendezvous_port)
    try:
        if not _has_begun(driver, workers, elastic, signals):
            return _ending(workers, was_asked=signals.impatient or workers.was_asked)
        stop_by = None
        while not driver.finished() and workers.final is None:
            if signals.take():
                workers.was_asked = True
                line.say(Word.STOP)
                stop_by = stop_by or time.monotonic() + grace_seconds
            if signals.impatient or (stop_by is not None and time.monotonic() > stop_by):
                break
            time.sleep(POLL_SECONDS)
        if not signals.impatient and not workers.problem:
            workers.let_end(seconds=grace_seconds)
        return _ending(workers, was_asked=workers.was_asked)
    finally:
        workers.kill()
        driver.stop()


def _has_begun(driver: Any, workers: _Workers, elastic: Elastic, signals: Signals) -> bool:
    """Start when all ranks have a host, or as many as there are when the time is up. False: too few, or a signal came."""
    began = said = time.monotonic()
    while (num_slots := driver.num_slots()) < elastic.max_ranks:
        now = time.monotonic()
        if signals.take():
            workers.was_asked = True
            return False
        if now - began > elastic.wait_seconds:
            if num_slots >= elastic.min_ranks:
                break
            waited_seconds = elastic.gang.seconds if elastic.gang else elastic.wait_seconds
            workers.problem = f"{num_slots} of {elastic.min_ranks} ranks have a host after {waited_seconds:.0f} s"
            workers.final = EXIT_INCOMPLETE if elastic.gang else None
            return False
        if now - said > hosts.SAY_SECONDS:
            said = now
            print(f"waiting for hosts: {num_slots} of {elastic.max_ranks} ranks have one", file=sys.stderr, flush=True)
        time.sleep(POLL_SECONDS)
    if elastic.gang:
        elastic.gang.is_whole()
    driver.start(min(num_slots, elastic.max_ranks), workers.create)
    return True


class _Workers:
    """The processes that the driver asks for: each a rank, though its number may change."""

    def __init__(self, elastic: Elastic, line: Line, rendezvous_port: int) -> None:
        self._elastic, self._line, self._port = elastic, line, rendezvous_port
        self._speakers = Speakers()
        self._lock = threading.Lock()
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self._num_started = self._num_losses = 0
        self.was_asked, self.problem = False, ""
        self.final: int | None = None
        """The first exit status that a rank chose."""
        self._first_to_fail = ""

    def create(self, slot: Any, events: Sequence[threading.Event]) -> tuple[int, float]:
        """Start a rank, see it to its end or to one of the events, and return its exit status with the time."""
        name, process = self._start(slot)
        readers = [
            threading.Thread(target=self._pass_on, args=(name, stream, is_stdout), daemon=True)
            for stream, is_stdout in ((process.stdout, True), (process.stderr, False))
        ]
        for reader in readers:
            reader.start()
        while process.poll() is None:
            if any(event.is_set() for event in events):
                self._end(name, process)
                break
            time.sleep(POLL_SECONDS)
        status = process.wait()
        for reader in readers:
            reader.join(timeout=1)
        with self._lock:
            self._running.pop(name, None)
        self._note_end(name, status)
        return status, time.time()

    def let_end(self, *, seconds: float) -> None:
        """The other ranks end as the first has: they met before."""
        deadline = time.monotonic() + seconds
        while self._running and time.monotonic() < deadline:
            time.sleep(POLL_SECONDS)

    def kill(self) -> None:
        """All that still run."""
        with self._lock:
            running = dict(self._running)
        for name, process in running.items():
            self._end(name, process)

    def last_words(self) -> list[str]:
        """Of the rank that failed first."""
        return self._speakers.last_words(self._first_to_fail)

    def _start(self, slot: Any) -> tuple[str, subprocess.Popen[bytes]]:
        with self._lock:
            self._num_started += 1
            name = f"{slot.hostname}:{slot.local_rank}#{self._num_started}"
            host = Host(name=slot.hostname)
            environment = {
                **self._elastic.environment,
                **_rendezvous_environment(slot, self._elastic.own_address, self._port),
                NAME_VARIABLE: name,
            }
            process = remote.start(host, self._elastic.rank_command, environment, ssh_port=self._elastic.ssh_port)
            self._running[name] = process
        return name, process

    def _pass_on(self, name: str, stream: Any, is_stdout: bool) -> None:
        with stream:
            for raw in stream:
                text = raw.decode(errors="replace").rstrip("\r\n")
                is_event = is_stdout and text.startswith("{")
                if is_event and CHECKPOINT_MARK in text:
                    self._num_losses = 0
                self._speakers.said(name, text, is_event=is_event)

    def _end(self, name: str, process: subprocess.Popen[bytes]) -> None:
        """Killing ssh alone would leave the rank, so it is told."""
        self._line.drop(name)
        process.kill()

    def _note_end(self, name: str, status: int) -> None:
        with self._lock:
            if self.final is not None:
                return
            if status in FINAL:
                self.final, self._first_to_fail = status, name
                return
            self._num_losses += 1
            how = "its host is gone, or it was killed" if status == remote.EXIT_SSH else f"status {status}"
            print(f"rank {name} is lost: {how}", file=sys.stderr, flush=True)
            if not self._first_to_fail or self._num_losses == 1:
                self._first_to_fail = name
            if self._num_losses >= MAX_LOSSES:
                self.problem = f"{MAX_LOSSES} ranks were lost without a checkpoint in between"
            # Horovod's driver would wait for the host, but not start its rank again. A new start of the launcher does.
            if (num_left := len(self._running)) < self._elastic.min_ranks:
                self.problem = f"too few ranks are left: {num_left}, and {self._elastic.min_ranks} must be"
            if self.problem:
                self.final = EXIT_FAILED


def _answering(elastic: Elastic) -> list[Host]:
    found = hosts.discover(elastic.discovery, default_slots=elastic.default_slots)
    return [host for host in found if hosts.answers(host, elastic.ssh_port)]


def _ending(workers: _Workers, *, was_asked: bool) -> Ending:
    words = workers.last_words()
    if workers.final == EXIT_SUCCEEDED:
        return Ending(exit_status=EXIT_SUCCEEDED, message="")
    if was_asked or workers.final == EXIT_INTERRUPTED:
        return Ending(exit_status=EXIT_INTERRUPTED, message="stopped; the next start goes on from the last checkpoint")
    message = workers.problem or (words[-1] if words and workers.final is not None else "too few ranks are left to go on")
    status = EXIT_FAILED if workers.final is None else workers.final
    if workers.problem or workers.final is None:
        print(f"failed: {message}", file=sys.stderr, flush=True)
    return Ending(exit_status=status, message=message, last_words=words)


def _rendezvous_environment(slot: Any, address: str, port: int) -> dict[str, str]:
    """As horovod.runner.gloo_run sets it; the numbers are those at the start of the process."""
    from horovod.runner.gloo_run import create_slot_env_vars

    return {
        **create_slot_env_vars(slot),
        "HOROVOD_GLOO_RENDEZVOUS_ADDR": address,
        "HOROVOD_GLOO_RENDEZVOUS_PORT": str(port),
        "HOROVOD_CONTROLLER": "gloo",
        "HOROVOD_CPU_OPERATIONS": "gloo",
        "HOROVOD_ELASTIC": "1",
        "HOROVOD_GLOO_TIMEOUT_SECONDS": os.environ.get("HOROVOD_GLOO_TIMEOUT_SECONDS", GLOO_TIMEOUT_SECONDS),
    }
