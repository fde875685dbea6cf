"""`python -m trainer.pods`: the launcher of a run inside a cluster."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Mapping
from pathlib import Path

from trainer.contract import RUN_FILE, RunConfig
from trainer.launch import EXIT_INTERRUPTED, EXIT_REFUSED, EXIT_SUCCEEDED, Signals
from trainer.pods import elastic, environment, hosts, static
from trainer.pods.ending import EXIT_INCOMPLETE, Ending
from trainer.pods.gang import Gang, ending_of
from trainer.pods.hosts import Host, HostsMissing
from trainer.pods.line import Line
from trainer.pods.mending import give_back, mending
from trainer.refusal import Refusal
from trainer.run_folder import begin, locked

LOCK_SECONDS = 60.0
"""A predecessor that is ending keeps the run folder's lock for a while."""
USAGE = "python -m trainer.pods RUN.json --out DIR [--elastic --min-ranks N] [options]"
DESCRIPTION = """\
Trains a run on the worker pods of an MPIJob: starts the ranks there by ssh and follows them. Standard output has rank 0's
events as JSON lines, standard error all else. SIGTERM stops the ranks after a checkpoint, from which the next start goes on."""
EPILOG = """\
exit status: 0 succeeded, 1 failed, 2 refused (one line on standard error says why), 3 interrupted, 5 not all workers came
within --gang-seconds"""


def main(arguments: list[str] | None = None) -> int:
    """Entry point; returns the exit status, and leaves it with the last words in the termination message."""
    started_unix_seconds = time.time()
    given = _parser().parse_args(arguments)
    run_id = ""
    with Signals() as signals:
        try:
            config = RunConfig.read(given.run)
            run_id = config.run_id()
            ending = _launch(config, given, signals, started_unix_seconds)
        except Refusal as refusal:
            print(f"refused: {refusal}", file=sys.stderr, flush=True)
            ending = Ending(exit_status=EXIT_REFUSED, message=str(refusal))
    ending.write(given.termination_message, run_id)
    return ending.exit_status


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m trainer.pods",
        usage=USAGE,
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("run", type=Path, metavar="RUN.json", help="the RunConfig (trainer/contract.py)")
    add("--out", type=Path, required=True, metavar="DIR", help="run folder, on a volume that all pods share")
    add("--elastic", action="store_true", help="go on when a rank is lost, from the last checkpoint")
    add("--min-ranks", type=int, default=1, metavar="N", help="with --elastic: fewer cannot go on (default 1)")
    add("--hostfile", type=Path, default=Path("/etc/mpi/hostfile"), metavar="FILE", help="lines `name slots=N`")
    add("--discovery", type=Path, default=Path("/etc/mpi/discover_hosts.sh"), metavar="SCRIPT", help="prints hosts; elastic")
    add("--ssh-port", type=int, default=2222, metavar="PORT")
    add("--wait-seconds", type=float, default=300.0, metavar="S", help="for the worker pods (default 300)")
    add("--gang-seconds", type=float, metavar="S", help="instead: for them all, from the first launcher of --job on")
    add("--job", default="", metavar="ID", help="what made this launcher, and makes it anew")
    add("--token", type=Path, metavar="DIR", help="with token and ca.crt: workers that end are made anew in the cluster")
    add("--grace-seconds", type=float, default=25.0, metavar="S", help="from a signal to the end of all ranks (default 25)")
    add("--cooldown-seconds", type=int, default=5, metavar="S", help="how soon a host that lost a rank is tried again; elastic")
    add("--termination-message", type=Path, default=Path("/dev/termination-log"), metavar="FILE")
    return parser


def _launch(config: RunConfig, given: argparse.Namespace, signals: Signals, started_unix_seconds: float) -> Ending:
    if given.elastic and not 1 <= given.min_ranks <= config.num_ranks:
        raise Refusal(
            f"--min-ranks is {given.min_ranks}", expected=f"1 to num_ranks = {config.num_ranks}", remedy="set --min-ranks"
        )
    workers = _workers(config, given)
    from trainer.pods.staging import stage_sample
    from trainer.preflight import check

    if stage_sample(config):
        print(f"the shipped showers are now at {config.data_path}", file=sys.stderr, flush=True)
    check(config)
    folder = given.out.absolute()
    with locked(folder, wait_seconds=LOCK_SECONDS):
        if not begin(config, folder):
            return Ending(exit_status=EXIT_SUCCEEDED, message="this run has succeeded already")
        with mending(given.token, workers):
            ending = _train(config, folder, workers, given, signals, started_unix_seconds)
        if ending.exit_status == EXIT_INCOMPLETE:
            give_back(given.token, workers)
        return ending


def _workers(config: RunConfig, given: argparse.Namespace) -> list[Host]:
    """Of the hostfile, with room for all ranks. An elastic run may do without a hostfile, as hosts are discovered."""
    if given.elastic and not given.hostfile.exists():
        if not given.discovery.exists():
            raise Refusal(f"no {given.discovery}", expected="a script that prints the hosts", remedy="give --discovery")
        return []
    workers = hosts.read_hostfile(given.hostfile)
    num_slots = sum(worker.num_slots for worker in workers)
    if num_slots < config.num_ranks:
        raise Refusal(
            f"{given.hostfile} has {num_slots} slots", expected=f"num_ranks = {config.num_ranks}", remedy="add workers or slots"
        )
    return workers


def _first(workers: list[Host], given: argparse.Namespace, signals: Signals, wait_seconds: float) -> Host | None:
    """The first of the workers, when all answer; of an elastic run any that does. None: a signal came."""
    if given.elastic:
        return hosts.wait_for_any(
            given.discovery, given.ssh_port, seconds=wait_seconds, give_up=lambda: signals.came, num_hosts=len(workers)
        )
    hosts.wait_for(workers, given.ssh_port, seconds=wait_seconds, give_up=lambda: signals.came)
    return workers[0]


def _train(
    config: RunConfig,
    folder: Path,
    workers: list[Host],
    given: argparse.Namespace,
    signals: Signals,
    started_unix_seconds: float,
) -> Ending:
    """With mpirun all workers must be there; Horovod's driver looks for its own."""
    job = given.job or config.run_id()
    gang = Gang(folder=folder, job=job, seconds=given.gang_seconds) if given.gang_seconds else None
    try:
        first = _first(workers, given, signals, gang.seconds_left() if gang else given.wait_seconds)
        if first is None or signals.came:
            return Ending(exit_status=EXIT_INTERRUPTED, message="stopped before any rank began")
        address = hosts.own_address(first, given.ssh_port)
    except HostsMissing as problem:
        ending = ending_of(problem, gang)
        print(f"failed: {ending.message}", file=sys.stderr, flush=True)
        return ending
    if gang:
        started_unix_seconds = time.time()  # what came before was waiting for nodes, of which some were not there
    with Line(address) as line:
        variables = environment.of_ranks(
            line_address=line.address, started_unix_seconds=started_unix_seconds, num_threads=config.threads_per_rank
        )
        command = [sys.executable, "-m", "trainer", str(folder / RUN_FILE)]
        if given.elastic:
            plan = _elastic(config, workers, given, gang, command=command, variables=variables, address=address)
            return elastic.run(plan, line, signals, grace_seconds=given.grace_seconds)
        if gang:
            gang.is_whole()
        mpirun = static.Mpirun(
            rank_command=command,
            num_ranks=config.num_ranks,
            hostfile=given.hostfile,
            environment=variables,
            ssh_port=given.ssh_port,
        )
        return static.run(mpirun, line, signals, grace_seconds=given.grace_seconds)


def _elastic(
    config: RunConfig,
    workers: list[Host],
    given: argparse.Namespace,
    gang: Gang | None,
    *,
    command: list[str],
    variables: Mapping[str, str],
    address: str,
) -> elastic.Elastic:
    return elastic.Elastic(
        rank_command=command,
        min_ranks=given.min_ranks,
        max_ranks=config.num_ranks,
        discovery=given.discovery,
        default_slots=max((worker.num_slots for worker in workers), default=1),
        environment=variables,
        ssh_port=given.ssh_port,
        cooldown_seconds=given.cooldown_seconds,
        wait_seconds=gang.seconds_left() if gang else given.wait_seconds,
        own_address=address,
        gang=gang,
    )


if __name__ == "__main__":
    sys.exit(main())
