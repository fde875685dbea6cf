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
    console.print("Rests on:", style="bold")
    for line in cost.basis:
        console.print(f"  {line}")
    console.print(f"  facts of {cost.snapshot}")


def what(burst: Burst) -> str:
    """The burst in words."""
    run, pool = burst.workload.run, burst.pool
    place = "this machine" if pool.shape is None else f"{pool.num_nodes} x {pool.shape.name}, {pool.purchase}"
    return (
        f"3DGAN ({run.preset}), {burst.workload.dataset.num_showers:,} showers, {run.num_epochs} epochs, "
        f"batch {run.batch_per_rank}, on {place} in {pool.region}"
    )


def old_prices(burst: Burst) -> list[str]:
    """Warnings of old prices that the forecast rests on."""
    if burst.pool.shape is None:
        return []
    from burst.forecast import age, rental_of

    return age.warnings(rental_of(burst), clock.today())
