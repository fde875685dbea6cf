"""`burst attach`: follow the run of a stack in its cluster, and bring home what it left."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from cli.mistakes import Mistakes, above_zero
from cli.project import in_project
from trainer.refusal import Refusal

if TYPE_CHECKING:
    from burst.cluster import ClusterAccess
    from burst.spec import Burst
    from cli.following.api import Api, Object
    from cli.following.collecting import Brought
    from cli.following.follow import Ending
    from cli.following.screen import Screen

EXIT_SUCCEEDED, EXIT_FAILED, EXIT_INTERRUPTED = 0, 1, 3
EXIT_TIMEOUT = 124
"""As of `timeout`."""
EXIT_CTRL_C = 130


def attach(
    stack: Annotated[str, typer.Argument(help="A stack: STACK for Pulumi.STACK.yaml.", metavar="STACK")],
    run: Annotated[
        str | None, typer.Option(help="Its run of this id.", metavar="ID", show_default="the newest of the stack")
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="The run's own JSON lines on standard output, sentences on standard error.")
    ] = False,
    patience: Annotated[
        float, typer.Option(help="So long the cluster may be away before this gives up.", metavar="MINUTES")
    ] = 10.0,
    timeout: Annotated[
        float | None,
        typer.Option(help="Stop waiting after this; the run goes on.", metavar="MINUTES", show_default="wait to the end"),
    ] = None,
) -> int:
    """Follow the run of a stack in its Kubernetes cluster, and bring home its result, best checkpoint and report.

    It may be begun, stopped (Ctrl-C) and begun again at any time, also after the end: the run does not need it. Exit status:
    0 the run succeeded, 1 it failed, 2 refused, 3 it was interrupted or deleted, 124 after --timeout, 130 after Ctrl-C.
    """
    from cli.following.access import connect
    from cli.following.jobs import find
    from cli.following.rented import fetch_kubeconfig, until_gone
    from cli.following.screen import screen_for
    from stacks import settings

    mistakes = Mistakes()
    mistakes.attempt(lambda: above_zero("--patience", patience, "minutes"))
    mistakes.attempt(lambda: above_zero("--timeout", timeout, "minutes"))
    mistakes.end()
    with in_project() as project:
        burst = settings.from_file(stack, project)
        access = _access(burst)
        if burst.gke is not None:
            fetch_kubeconfig(burst)
        screen = screen_for(as_json=as_json)
        api = connect(access)
        try:
            with until_gone(burst, api, str):
                job = find(api, access, stack=stack, run_id=run)
            return _follow(burst, api, access, job, screen, patience_seconds=60 * patience, timeout_minutes=timeout)
        except KeyboardInterrupt:
            screen.close()
            screen.say(f"not followed any longer; the run goes on in the cluster; to see it again: burst attach {stack}")
            return EXIT_CTRL_C
        finally:
            screen.close()
            api.close()


def _access(burst: Burst) -> ClusterAccess:
    if burst.cluster is None:
        run_folder = f".hepburst/{burst.name}/runs/{burst.workload.run.lineage_id()}"
        raise Refusal(
            f"stack {burst.name} trains on this machine, with target {burst.target}",
            expected="a stack whose target is a Kubernetes cluster",
            remedy=f"follow it with its output run.follow: tail -f {run_folder}/events.jsonl",
        )
    return burst.cluster.access


def _follow(
    burst: Burst,
    api: Api,
    access: ClusterAccess,
    job: Object,
    screen: Screen,
    *,
    patience_seconds: float,
    timeout_minutes: float | None,
) -> int:
    from cli.following.follow import Follower
    from cli.following.rented import GONE_PATIENCE_SECONDS, is_past, until_gone
    from trainer.contract import RunStatus

    screen.say(f"job {job['metadata']['name']} in namespace {access.namespace}")
    follower = Follower(
        api,
        access,
        job,
        screen,
        patience_seconds=lambda: min(patience_seconds, GONE_PATIENCE_SECONDS) if is_past(burst) else patience_seconds,
        timeout_seconds=None if timeout_minutes is None else 60 * timeout_minutes,
    )
    with until_gone(burst, api, lambda: follower.last):
        ending = follower.run()
    screen.close()
    if ending.status is None:
        screen.say(f"no end after {timeout_minutes:g} min; the run goes on in the cluster; again: burst attach {burst.name}")
        return EXIT_TIMEOUT
    if ending.status is not RunStatus.SUCCEEDED or ending.job is None:
        _say_end(ending, screen)
        return EXIT_INTERRUPTED if ending.status is RunStatus.INTERRUPTED else EXIT_FAILED
    from cli.following.collecting import collect

    screen.say("succeeded; fetching its results")
    with until_gone(burst, api, lambda: "it succeeded"):
        brought = collect(api, access, ending.job, burst, screen, patience_seconds=patience_seconds)
    screen.close()
    _say_brought(brought, burst.name, screen)
    return EXIT_SUCCEEDED


def _say_end(ending: Ending, screen: Screen) -> None:
    screen.say(ending.message, "red")
    for line in ending.last_lines:
        screen.say(f"  {line}")


def _say_brought(brought: Brought, stack: str, screen: Screen) -> None:
    """What a user wants to know first, and where the rest is."""
    from burst.numerals import number
    from burst.outputs import headline_physics, physics_output

    result = brought.result
    screen.say("its results were here already, unchanged" if brought.was_there else f"its results are in {brought.folder}")
    screen.say(
        f"{result.num_epochs} epochs, {number(result.samples_per_second)} showers/s over {result.num_ranks} ranks, "
        f"{result.train_seconds / 60:.1f} min of training"
    )
    for name, value in physics_output(headline_physics(result.physics)).items():
        screen.say(f"{name.replace('_', ' ')}: {value}")
    if brought.report is not None:
        screen.say(f"report: {brought.report}")
    screen.say(f"the next `pulumi up -s {stack}` fills cost.actual")
