"""The verbs of `burst`, and how each mistake ends: one line, no traceback.

Exit status: 0; 1 where the answer is no (limits that nothing meets, timings that are not predicted); 2 for what is refused.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterable, Sequence
from typing import NoReturn

import typer

from cli import attach, calibrate, check_timing, facts, forecast, plan
from cli.mistakes import flattened
from trainer.refusal import Refusal

EXIT_REFUSED = 2
EXIT_BROKEN_PIPE = 141
"""As a shell tells of a program that SIGPIPE has ended."""
UsageError: type[Exception] = typer.BadParameter.__mro__[1]
"""What typer raises for a command line that it cannot read; it exports the subclass alone."""

VERBS = ("plan", "forecast", "attach", "facts", "calibrate", "check-timing")

app = typer.Typer(
    name="burst",
    help="What a training burst will cost in dollars, hours and kgCO2e, and the best way to run it.",
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command(name="plan")(plan.plan)
app.command(name="forecast")(forecast.forecast)
app.command(name="attach")(attach.attach)
app.add_typer(facts.app, name="facts")
app.command(name="calibrate")(calibrate.calibrate)
app.command(name="check-timing")(check_timing.check_timing)


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command line and end."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")  # a terminal that has no en dash shows a question mark
    try:
        status = _status(given)
        sys.stdout.flush()
    except (BrokenPipeError, SystemExit):  # what typer and rich make of a broken pipe; nothing else of theirs ends so
        _leave_the_pipe()
        status = EXIT_BROKEN_PIPE
    sys.exit(status)


def _status(arguments: list[str]) -> int:
    try:
        return int(app(arguments or ["--help"], prog_name="burst", standalone_mode=False) or 0)
    except UsageError as mistake:
        say([_refusal(mistake, arguments)])
    except Refusal as refusal:
        say([refusal])
    except ExceptionGroup as refusals:
        say(flattened(refusals))
    return EXIT_REFUSED


def _refusal(mistake: Exception, arguments: Sequence[str]) -> Refusal:
    """What typer says of a command line, in our words."""
    verb = next((f" {argument}" for argument in arguments[:1] if argument in VERBS), "")
    see = f"see burst{verb} --help"
    if isinstance(mistake, typer.BadParameter) and mistake.param is not None:
        return _bad_value(mistake, arguments, see)
    said = " ".join(str(getattr(mistake, "format_message", lambda: mistake)()).split()).rstrip(".")
    return Refusal(said, expected="what the help lists", remedy=see)


def _bad_value(mistake: typer.BadParameter, arguments: Sequence[str], see: str) -> Refusal:
    """A value of the wrong kind, as it was given: `--hours abc` or `--hours=abc`."""
    assert mistake.param is not None
    option = next((name for name in mistake.param.opts if any(_is(name, each) for each in arguments)), "")
    values = [
        following if given == option else given.partition("=")[2]
        for given, following in zip(arguments, [*arguments[1:], ""], strict=True)
        if _is(option, given)
    ]
    kind = "a whole number" if "integer" in mistake.format_message() else "a number"
    return Refusal(f"{option} is {' and '.join(values)}", expected=kind, remedy=f"correct {option}; {see}")


def _is(option: str, argument: str) -> bool:
    return argument == option or argument.startswith(f"{option}=")


def say(refusals: Iterable[Refusal]) -> None:
    """Each refusal as one line on stderr."""
    from cli.printing import errors

    console = errors()
    for refusal in refusals:
        console.print(f"refused: {' '.join(str(refusal).split())}", style="red", soft_wrap=True)


def _leave_the_pipe() -> None:
    """Nobody reads on: what is still to be written goes nowhere, so that Python's own last flush does not complain."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
