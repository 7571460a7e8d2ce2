"""These commands and their options, as Typer has them. What does the work is imported when it is asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["register"]

_Journal = Annotated[
    str | None,
    typer.Option(
        "--journal",
        metavar="PATH_OR_URL",
        show_default=False,
        help="The journal; else what HEADRACE_JOURNAL names; else runinfo/journal.db.",
    ),
]
_Run = Annotated[
    str,
    typer.Argument(
        metavar="RUN",
        help="The number or path of its run directory, its id or how that begins, or last.",
    ),
]
_RunOption = Annotated[str, typer.Option("--run", "-r", metavar="RUN", help="The run, as `headrace show` takes it.")]
_Task = Annotated[
    str, typer.Argument(metavar="TASK", show_default=False, help="The task: its number, also as in fetch#26.")
]
_Json = Annotated[bool, typer.Option("--json", help="Print it as JSON.")]
_Limit = Annotated[int, typer.Option("--limit", "-n", min=0, help="At most so many; 0: all.")]

_LIST = 20
_LINES = 100


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("runs")(_runs)
    app.command("show")(_show)
    app.command("why")(_why)
    app.command("log")(_log)
    app.command("retry", epilog="Exit code: that of the command; 2 if it cannot be started.")(_retry)
    app.command("clean")(_clean)
    app.command("export")(_export)


def _do(context: typer.Context, command: Callable[[], int]) -> None:
    from headrace.cli.history.place import guarded  # noqa: PLC0415 - see the module's docstring

    context.obj.code = guarded(command)


def _runs(context: typer.Context, *, limit: _Limit = _LIST, journal: _Journal = None, as_json: _Json = False) -> None:
    """Tell which runs there were and are, the latest first."""
    from headrace.cli.history.runs import runs  # noqa: PLC0415 - see the module's docstring

    _do(context, lambda: runs(journal, limit=limit, as_json=as_json))


def _show(
    context: typer.Context,
    run: _Run = "last",
    task: Annotated[
        str | None, typer.Argument(metavar="TASK", show_default=False, help="One of its tasks: its number.")
    ] = None,
    *,
    tasks: Annotated[bool, typer.Option("--tasks", help="List its tasks.")] = False,
    state: Annotated[
        str | None,
        typer.Option("--state", metavar="STATE", show_default=False, help="List those only: failed, running, waiting."),
    ] = None,
    of_app: Annotated[
        str | None, typer.Option("--app", metavar="APP", show_default=False, help="List those of this app only.")
    ] = None,
    limit: _Limit = _LIST,
    journal: _Journal = None,
    as_json: _Json = False,
) -> None:
    """Show a run: what ran, runs and waits, how long it took, and what failed; or one task of it, or a list of them."""
    from headrace.cli.history.show import show_run, show_tasks  # noqa: PLC0415 - see the module's docstring
    from headrace.cli.history.task import show_task  # noqa: PLC0415 - see the module's docstring

    if task is not None:
        _do(context, lambda: show_task(journal, run, task, as_json=as_json))
    elif tasks or state is not None or of_app is not None:
        _do(context, lambda: show_tasks(journal, run, state=state, app=of_app, limit=limit, as_json=as_json))
    else:
        _do(context, lambda: show_run(journal, run, as_json=as_json))


def _why(
    context: typer.Context, task: _Task, *, run: _RunOption = "last", journal: _Journal = None, as_json: _Json = False
) -> None:
    """Tell why a task has not ended, or not well: what it waits for, or what failed first, and who waits for it."""
    from headrace.cli.history.why import why  # noqa: PLC0415 - see the module's docstring

    _do(context, lambda: why(journal, run, task, as_json=as_json))


def _log(
    context: typer.Context,
    task: _Task,
    *,
    run: _RunOption = "last",
    stdout: Annotated[bool, typer.Option("--stdout", help="Print its stdout file alone, whole, as it is.")] = False,
    stderr: Annotated[bool, typer.Option("--stderr", help="Print its stderr file alone, whole, as it is.")] = False,
    lines: Annotated[
        int, typer.Option("--lines", min=0, help="So many lines of the end of each file; 0: all.")
    ] = _LINES,
    journal: _Journal = None,
    as_json: _Json = False,
) -> None:
    """Print what a task printed, if its stdout and stderr were kept, and its moves."""
    from headrace.cli.history.log import log  # noqa: PLC0415 - see the module's docstring

    if stdout and stderr:
        context.fail("--stdout or --stderr, not both: without them it prints the end of each")
    only = "stdout" if stdout else "stderr" if stderr else None
    _do(context, lambda: log(journal, run, task, only=only, lines=lines, as_json=as_json))


def _retry(
    context: typer.Context,
    run: _Run = "last",
    *,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be run, and where.")] = False,
    journal: _Journal = None,
) -> None:
    """Run a run's command again, with the same arguments in the same folder, resuming it: what is done stays done."""
    from headrace.cli.history.retry import retry  # noqa: PLC0415 - see the module's docstring

    _do(context, lambda: retry(journal, run, dry_run=dry_run))


def _clean(
    context: typer.Context,
    runs: Annotated[
        list[str] | None, typer.Argument(metavar="RUN", show_default=False, help="The runs to remove.")
    ] = None,
    *,
    older_than: Annotated[
        str | None,
        typer.Option("--older-than", metavar="AGE", show_default=False, help="Those that ended before: 12h, 30d, 2w."),
    ] = None,
    keep: Annotated[
        int | None, typer.Option("--keep", metavar="N", show_default=False, help="All but so many of the latest.")
    ] = None,
    run_dirs: Annotated[bool, typer.Option("--run-dirs", help="Remove their run directories too.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do it; else only what would go is told.")] = False,
    journal: _Journal = None,
    as_json: _Json = False,
) -> None:
    """Remove runs that have ended from the journal, and the results that no other run can resume from."""
    from headrace.cli.history.clean import Wanted, clean  # noqa: PLC0415 - see the module's docstring

    wanted = Wanted(runs=runs or (), older_than=older_than, keep=keep)
    _do(context, lambda: clean(journal, wanted, run_dirs=run_dirs, yes=yes, as_json=as_json))


def _export(
    context: typer.Context,
    run: _Run = "last",
    *,
    form: Annotated[
        str,
        typer.Option(
            "--format", "-f", metavar="FORMAT", help="trace: a timeline for ui.perfetto.dev; dot or json: the graph."
        ),
    ] = "trace",
    output: Annotated[
        str | None, typer.Option("--output", "-o", metavar="FILE", show_default=False, help="Else to stdout.")
    ] = None,
    journal: _Journal = None,
) -> None:
    """Write a run as a timeline in the Chrome trace format, or as a graph."""
    from headrace.cli.history.export import export  # noqa: PLC0415 - see the module's docstring

    _do(context, lambda: export(journal, run, form=form, output=output))
