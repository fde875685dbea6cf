"""`burst forecast`: what a stack will cost, as `pulumi preview` shows it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from cli import clock
from cli.project import in_project

if TYPE_CHECKING:
    from burst.spec import Burst


def forecast(
    stack: Annotated[str, typer.Argument(help="A stack: STACK for Pulumi.STACK.yaml.", metavar="STACK")],
    as_json: Annotated[bool, typer.Option("--json", help="The stack output `cost.forecast` as JSON.")] = False,
) -> None:
    """Tell what a stack will cost in dollars, hours, kWh and kgCO2e, before anything is created.

    The same figures, rounding and sources as the output `cost` of `pulumi preview`: low (everything goes well), expected and
    high (everything goes badly at once). It reads Pulumi.STACK.yaml and the facts alone, in or outside of the project's folder.
    """
    from burst.forecast import forecast as forecast_of
    from cli.cost_table import cost_table
    from cli.printing import output, print_json, warn
    from stacks import settings

    with in_project() as project:
        burst = settings.from_file(stack, project)
        cost = forecast_of(burst)
    warn(old_prices(burst))
    if as_json:
        print_json(cost.to_output())
        return
    console = output()
    console.print(f"Stack {stack}: {what(burst)}", style="bold")
    console.print(cost_table(cost))
    if burst.gke is not None:
        from burst.forecast.speedup import speedup
        from cli.speedup_table import speedup_table

        console.print("With fewer GPUs, expected:", style="bold")
        console.print(speedup_table(speedup(burst)))
    console.print("Rests on:", style="bold")
    for line in cost.basis:
        console.print(f"  {line}")
    console.print(f"  facts of {cost.snapshot}")


def what(burst: Burst) -> str:
    """The burst in words."""
    run = burst.workload.run
    return (
        f"3DGAN ({run.preset}), {burst.workload.dataset.num_showers:,} showers, {run.num_epochs} epochs, "
        f"batch {run.batch_per_rank}, on {_machines(burst)}"
    )


def _machines(burst: Burst) -> str:
    """On what it runs, and where, in words."""
    from burst.spec import Purchase

    pool = burst.pools[0]
    if pool.shape is None:
        return f"this machine in {pool.region}"
    if pool.purchase is not Purchase.OWNED:
        rented = (f"{each.num_nodes} x {each.shape.name}, {each.purchase}" for each in burst.pools if each.shape)
        return f"{' + '.join(rented)} in {pool.region}"
    ranks = _counted(burst.workload.run.num_ranks // pool.num_nodes, "rank")
    of_each = pool.shape.name if pool.shape.accelerator else ranks
    return f"{_counted(pool.num_nodes, 'worker')} of {of_each} in a cluster of your own (grid of {pool.region})"


def _counted(number: int, thing: str) -> str:
    return f"{number} {thing}" + ("" if number == 1 else "s")


def old_prices(burst: Burst) -> list[str]:
    """Warnings of old prices that the forecast rests on."""
    from burst.forecast import warnings

    return warnings(burst, clock.today())
