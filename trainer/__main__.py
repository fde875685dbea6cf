"""`python -m trainer`: train a run, or validate a checkpoint.

With more than one rank this program is both: outside a rank environment it is the launcher, which starts itself once for each
rank; inside one it is a rank.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path

from trainer import launch, lifeline
from trainer.contract import RUN_FILE, RunConfig
from trainer.refusal import Refusal
from trainer.run_folder import begin, locked
from trainer.stop import StopRequest

ELASTIC_VARIABLE = "HOROVOD_ELASTIC"
"""Set by Horovod's elastic driver."""
USAGE = """\
python -m trainer RUN.json [--out DIR]                         train, or go on from the checkpoint in the folder
       python -m trainer validate CHECKPOINT DATA.h5 [--json]  physics of a checkpoint, with statistical errors"""
EPILOG = """\
exit status of a training: 0 succeeded, 1 failed, 2 refused (one line on standard error says why), 3 interrupted by SIGINT
or SIGTERM, after a checkpoint. Events go to standard output and events.jsonl as JSON lines, the result to result.json."""


def main() -> int:
    """Entry point; returns the exit status."""
    started_unix_seconds = time.time()
    try:
        if sys.argv[1:2] == ["validate"]:
            return _validate(sys.argv[2:])
        return _train(sys.argv[1:], started_unix_seconds)
    except Refusal as refusal:
        print(f"refused: {refusal}", file=sys.stderr)
        return launch.EXIT_REFUSED
    except KeyboardInterrupt:
        return launch.EXIT_INTERRUPTED  # before anything was begun: a run at work takes the signal itself


def _train(arguments: list[str], started_unix_seconds: float) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m trainer", usage=USAGE, epilog=EPILOG, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("run", type=Path, metavar="RUN.json", help="the RunConfig (trainer/contract.py)")
    parser.add_argument("--out", type=Path, metavar="DIR", help="run folder; by default the folder of RUN.json")
    given = parser.parse_args(arguments)
    config = RunConfig.read(given.run)
    folder: Path = (given.out or given.run.parent).absolute()
    if launch.is_rank() and launch.STARTED_VARIABLE in os.environ:
        lifeline.die_with_launcher()
        return _rank(config, folder, float(os.environ[launch.STARTED_VARIABLE]))
    from trainer.preflight import check  # reads the data, which a rank of ours need not do again

    check(config)
    if launch.is_rank():
        return _rank(config, folder, started_unix_seconds)
    with locked(folder) as lock:
        if not begin(config, folder):
            return launch.EXIT_SUCCEEDED
        if config.num_ranks == 1:
            return _rank(config, folder, started_unix_seconds)
        environment = {launch.STARTED_VARIABLE: str(started_unix_seconds), "OMP_NUM_THREADS": str(config.threads_per_rank)}
        command = [sys.executable, "-m", "trainer", str(folder / RUN_FILE)]
        return launch.launch(command, num_ranks=config.num_ranks, environment=environment, keep_open=[lock])


def _rank(config: RunConfig, folder: Path, started_unix_seconds: float) -> int:
    should_stop = StopRequest().listen()
    os.environ["OMP_NUM_THREADS"] = str(config.threads_per_rank)  # before torch is imported
    if ELASTIC_VARIABLE in os.environ:
        from trainer.elastic import run_elastic

        return run_elastic(config, folder, request=should_stop, started_unix_seconds=started_unix_seconds)
    from trainer.rank import run

    return run(config, folder, should_stop=should_stop, started_unix_seconds=started_unix_seconds)


def _validate(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m trainer validate", description="Physics of a checkpoint on Geant4's showers, with statistical errors."
    )
    parser.add_argument("checkpoint", type=Path, metavar="CHECKPOINT")
    parser.add_argument("data", metavar="DATA.h5", help="showers of Geant4 in the schema of trainer/showers")
    parser.add_argument("--json", action="store_true", help="print trainer.physics.judge as JSON instead of a table")
    given = parser.parse_args(arguments)
    from trainer.validation import validate

    print(validate(given.checkpoint, given.data, as_json=given.json))
    return launch.EXIT_SUCCEEDED


if __name__ == "__main__":
    sys.exit(main())
