"""The commands and their options, as Typer has them. They only say what is asked for; `headrace.cli.main` has it done.

A workflow therefore runs outside of Typer's own calls, which would handle its exceptions and its exit for it.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import Annotated

import typer

from headrace import __version__
from headrace.cli.experiment.commands import register as register_experiments
from headrace.cli.history.commands import register as register_history
from headrace.cli.request import RunRequest

__all__ = ["app", "parse"]

_OK = 0
_USAGE_ERROR = 2

app = typer.Typer(
    name="headrace",
    help="Run scientific workflows: Python functions that run in parallel as their inputs become ready.",
    epilog="Try: headrace run workflow.py",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)


@dataclass(slots=True)
class _Answer:
    """What the command that was called left for `parse` to return."""

    request: RunRequest | None = None
    code: int = _OK


def parse(arguments: list[str]) -> RunRequest | int:
    """Read a command line; return the run it asks for, or the exit code when all is done already.

    A usage error has been told on stderr, and its exit code is 2.
    """
    if arguments and arguments[0].endswith(".py"):
        script = arguments[0]
        sys.stderr.write(f"headrace: there is no command {script!r}; to run a script: headrace run {script}\n")
        return _USAGE_ERROR
    answer = _Answer()
    try:
        typer.main.get_command(app).main(_separated(arguments), prog_name="headrace", obj=answer)
    except SystemExit as end:
        if end.code:
            return end.code if isinstance(end.code, int) else 1
    return answer.request or answer.code


def _separated(arguments: list[str]) -> list[str]:
    """Put ``--`` behind the module's name of `run -m`: what follows is the module's, as it is for `python -m`."""
    if arguments[:1] != ["run"]:
        return arguments
    for place, word in enumerate(arguments[1:], start=1):
        if word in {"-m", "--module"}:
            return [*arguments[: place + 2], "--", *arguments[place + 2 :]]
        if word.startswith(("-m", "--module=")):
            return [*arguments[: place + 1], "--", *arguments[place + 1 :]]
        if word == "--" or not word.startswith("-"):
            break
    return arguments


def _say_version(wanted: bool) -> None:  # noqa: FBT001 - Typer calls it with the option's value
    if wanted:
        sys.stdout.write(f"headrace {__version__}\n")
        raise typer.Exit


@app.callback()
def _headrace(
    *,
    version: Annotated[
        bool, typer.Option("--version", help="Print the version and exit.", callback=_say_version, is_eager=True)
    ] = False,
) -> None:
    """Run scientific workflows: Python functions that run in parallel as their inputs become ready."""


@app.command(
    "run",
    context_settings={"allow_interspersed_args": False},
    epilog=(
        "Exit codes: the script's own if it exits or raises; 3 if it ended well but tasks failed; "
        "2 for a wrong command line; 130 after Ctrl-C; 143 after SIGTERM."
    ),
)
def _run(
    context: typer.Context,
    *,
    script: Annotated[str | None, typer.Argument(metavar="SCRIPT", show_default=False, help="A Python script.")] = None,
    arguments: Annotated[
        list[str] | None,
        typer.Argument(metavar="ARGS", show_default=False, help="Its own arguments, handed on untouched."),
    ] = None,
    module: Annotated[
        str | None, typer.Option("--module", "-m", metavar="MODULE", help="Run a module instead, as `python -m` does.")
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Say nothing, except what failed.")] = False,
    no_progress: Annotated[bool, typer.Option("--no-progress", help="Say nothing before the summary.")] = False,
    allow_failures: Annotated[
        bool, typer.Option("--allow-failures", help="Exit with the script's own code even if tasks failed.")
    ] = False,
    parsl: Annotated[
        bool, typer.Option("--parsl", help="Run a script that is written for Parsl: `import parsl` gives Headrace.")
    ] = False,
    nepi: Annotated[
        bool, typer.Option("--nepi", help="Run a script that is written for NEPI: `import nepi` gives Headrace.")
    ] = False,
    resume: Annotated[
        str | None,
        typer.Option(metavar="RUN", show_default=False, help="Resume this run, not the last one of the same script."),
    ] = None,
    fresh: Annotated[bool, typer.Option("--fresh", help="Resume nothing: run everything.")] = False,
    drain: Annotated[
        float | None,
        typer.Option(
            metavar="SECONDS",
            min=0,
            show_default=False,
            help="Wait so long for running tasks when told to end, not as long as each Config says.",
        ),
    ] = None,
) -> None:
    """Run a Python script, and show how its tasks are doing.

    The script runs as `python SCRIPT ARGS` would run it; options of headrace come before it. What headrace has to say
    goes to stderr: a live view if that is a terminal, else a line now and then; at the end a summary with the slowest
    apps and every failure with its cause.

    What calls of cached apps gave in the last run of the same script with the same arguments is not computed again.

    Ctrl-C and SIGTERM cancel what has not begun and wait for what runs; a second one ends at once. Either way the run
    can be resumed.
    """
    words = [*([] if script is None else [script]), *(arguments or [])]
    if module is None and not words:
        context.fail("name a script to run: headrace run workflow.py")
    if resume is not None and fresh:
        context.fail("--resume and --fresh contradict one another: choose one")
    context.obj.request = RunRequest(
        target=words[0] if module is None else module,
        is_module=module is not None,
        arguments=tuple(words[1:] if module is None else words),
        quiet=quiet,
        progress=not (quiet or no_progress),
        allow_failures=allow_failures,
        parsl=parsl,
        nepi=nepi,
        # Parsl resumes nothing unless it is told to.
        resume=resume or (None if fresh or parsl else "last"),
        drain=drain,
    )


@app.command("doctor")
def _doctor(
    context: typer.Context,
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print it as JSON.")] = False,
) -> None:
    """Tell what is installed, and what each extra would add.

    A missing extra is no error; a core dependency that is missing or broken makes the exit code 1.
    """
    from headrace.cli.doctor import doctor  # noqa: PLC0415 - `run` has no use for it

    context.obj.code = doctor(as_json=as_json)


register_history(app)
register_experiments(app)
