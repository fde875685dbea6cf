"""Brings a finished run home: its files, verified, then its report."""

from __future__ import annotations

import dataclasses
import time
from dataclasses import dataclass
from pathlib import Path

from burst import collected
from burst.cluster import RUN_VOLUME_PATH, RUNS_FOLDER, ClusterAccess
from burst.spec import Burst
from cli.following import home
from cli.following.access import refusal_of
from cli.following.api import Api, Object, Rejected, Unreachable
from cli.following.collector import collector
from cli.following.execution import CommandFailed, execute
from cli.following.labels import LINEAGE_LABEL, RUN_LABEL
from cli.following.observation import name_of
from cli.following.screen import Screen
from trainer.contract import RESULT_FILE, RUN_FILE, Json, RunConfig, RunResult
from trainer.refusal import Refusal

LIST = 'cd "$1" || exit 4; shift; for f in "$@"; do if [ -f "$f" ]; then sha256sum -- "$f" || exit 5; fi; done'
PACK = 'cd "$1" || exit 4; shift; exec tar -cf - -- "$@"'
MAX_TRIES = 3
"""Of a file that comes damaged."""
RETRY_SECONDS = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Brought:
    """What came home."""

    folder: Path
    result: RunResult
    report: Path | None
    was_there: bool
    """Nothing had to be fetched."""


def collect(api: Api, access: ClusterAccess, job: Object, burst: Burst, screen: Screen, *, patience_seconds: float) -> Brought:
    """Fetch what the run left and write its report. Refuses what cannot be had; then what was here before is as it was."""
    labels = job["metadata"].get("labels", {})
    run_id, lineage_id = labels.get(RUN_LABEL, ""), labels.get(LINEAGE_LABEL, "")
    if not run_id or not lineage_id:
        raise Refusal(
            f"job {name_of(job)} names no run", expected="the labels of hepburst", remedy=f"pulumi up -s {burst.name}"
        )
    folder = collected.stack_folder(burst.name) / "runs" / lineage_id
    was_there = _patiently(api, access, job, lineage_id, folder, screen, patience_seconds)
    result = RunResult.read(folder / RESULT_FILE)
    if result.run_id != run_id:
        raise Refusal(
            f"the run volume has the result of run {result.run_id}",
            expected=f"that of run {run_id}",
            remedy="see `burst attach --run`: a longer run of the same lineage may have gone on from this one",
        )
    return Brought(folder=folder, result=result, report=_report(burst, folder, result, screen), was_there=was_there)


def _patiently(
    api: Api, access: ClusterAccess, job: Object, lineage_id: str, folder: Path, screen: Screen, patience_seconds: float
) -> bool:
    """Again and again while the cluster is away, a few times where files come damaged. Whether all was here already."""
    deadline, damaged = time.monotonic() + patience_seconds, 0
    while True:
        try:
            return _fetch(api, access, job, f"{RUN_VOLUME_PATH}/{RUNS_FOLDER}/{lineage_id}", folder, screen)
        except Unreachable as problem:
            if time.monotonic() > deadline:
                raise refusal_of(problem, access, server=api.server) from None
            screen.say(f"fetching broke off ({problem}); trying again", "yellow")
        except Rejected as rejected:
            raise refusal_of(rejected, access, server=api.server) from None
        except home.Damaged as problem:
            damaged += 1
            if damaged == MAX_TRIES:
                raise Refusal(
                    f"fetching from the run volume failed {MAX_TRIES} times: {problem}",
                    expected="whole files",
                    remedy="attach again; the results stay on the run volume",
                ) from None
        time.sleep(RETRY_SECONDS)


def _fetch(api: Api, access: ClusterAccess, job: Object, remote: str, folder: Path, screen: Screen) -> bool:
    screen.status("fetching the results: starting a pod that reads the run volume")
    with collector(api, job, access.namespace) as pod, home.workbench(folder) as bench:
        text = bytearray()
        _run(api, access, pod, ["sh", "-c", LIST, "sh", remote, *home.FILES], text.extend)
        there = home.listed(text.decode(errors="replace"))
        for name in (RUN_FILE, RESULT_FILE):
            if name not in there:
                raise Refusal(
                    f"{remote} on the run volume has no {name}",
                    expected="what a finished run leaves",
                    remedy="see the launcher's log; raise hepburst:workload.attempt to train again",
                )
        if home.digests(folder) == there:
            return True
        archive, new = bench / "files.tar", bench / "files"
        with archive.open("wb") as file:
            counted = _Counted(screen)
            _run(api, access, pod, ["sh", "-c", PACK, "sh", remote, *there], lambda part: counted(file.write(part)))
        new.mkdir()
        home.unpack(archive, new, there)
        home.replace(folder, new)
    return False


class _Counted:
    """Tells how much has come."""

    def __init__(self, screen: Screen) -> None:
        self._screen, self._num_bytes = screen, 0

    def __call__(self, num_bytes: int) -> None:
        self._num_bytes += num_bytes
        self._screen.status(f"fetching the results: {self._num_bytes / 1e6:.1f} MB")


def _run(api: Api, access: ClusterAccess, pod: str, command: list[str], take: object) -> None:
    assert callable(take)
    try:
        execute(api, namespace=access.namespace, pod=pod, command=command, take=take)
    except CommandFailed as failure:
        raise Refusal(
            f"the run's folder cannot be read: {failure}",
            expected="the files of a finished run on the run volume",
            remedy="see that the volume is the job's and that nobody has emptied it",
        ) from None


def _report(burst: Burst, folder: Path, result: RunResult, screen: Screen) -> Path | None:
    """Write the page. What the run cost is told of the run as it was trained, whatever the settings say by now."""
    from burst.report import write_report

    out = collected.report_path(burst.name)
    cost: dict[str, Json] = {}
    try:
        from burst.forecast import actual, forecast

        trained = RunConfig.read(folder / RUN_FILE)
        run = dataclasses.replace(burst.workload.run, **{name: getattr(trained, name) for name in _NAMES})
        burst = dataclasses.replace(burst, workload=dataclasses.replace(burst.workload, run=run))
        cost = {"forecast": forecast(burst).to_output(), "actual": actual(burst, result).to_output()}
    except Refusal as refusal:
        screen.say(f"warning: the report is without costs: {refusal}", "yellow")
    try:
        write_report(folder, cost=cost, out=out)
    except Refusal as refusal:
        screen.say(f"warning: no report: {refusal}", "yellow")
        return None
    return out


_NAMES = tuple(field.name for field in dataclasses.fields(RunConfig))
