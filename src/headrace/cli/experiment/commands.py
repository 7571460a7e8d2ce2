"""These commands and their options, as Typer has them. What does the work is imported when it is asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from collections.abc import Callable

    from headrace.cli.experiment.request import How, Request

__all__ = ["register"]

_Root = Annotated[
    str | None,
    typer.Option(
        "--root-dir",
        metavar="DIR",
        show_default=False,
        help="Where the folders of all experiments are; else the user's state folder.",
    ),
]
_Exp = Annotated[
    str, typer.Argument(metavar="EXP", help="The experiment's name, the path of a run's directory, or last.")
]
_ThisExp = Annotated[
    str,
    typer.Argument(
        metavar="EXP", show_default=False, help="The experiment's name, the path of a run's directory, or last."
    ),
]
_Run = Annotated[str, typer.Option("--run", "-r", metavar="RUN", help="The run's name, or how it begins; last.")]
_Journal = Annotated[
    str | None,
    typer.Option(
        "--journal",
        metavar="PATH_OR_URL",
        show_default=False,
        help="The run's journal, if its controller wrote to one of its own.",
    ),
]
_Json = Annotated[bool, typer.Option("--json", help="Print it as JSON.")]
_Set = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="RESOURCE.ATTRIBUTE=VALUE",
        show_default=False,
        help="Set an attribute of a resource, by its name or guid. May be given several times.",
    ),
]
_Timeout = Annotated[
    str | None,
    typer.Option("--timeout", metavar="TIME", show_default=False, help="How long it may take: 90s, 2m30s."),
]
_Watch = Annotated[
    bool | None,
    typer.Option(
        "--watch/--plain", show_default=False, help="A live table, or lines; else a table if stderr is a terminal."
    ),
]
_Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Say nothing before the summary.")]
_AllowFailures = Annotated[
    bool, typer.Option("--allow-failures", help="Failures of resources that are not critical leave the exit code 0.")
]

_CODES = (
    "Exit codes: 0 if all got there; 1 if something failed, or could not be released; 2 for a wrong command line or "
    "file; 124 if the time was up; 130 after Ctrl-C; 143 after SIGTERM."
)
_LIST = 20


def register(app: typer.Typer) -> None:
    """Add the commands, under `experiment`."""
    experiment = typer.Typer(
        name="experiment",
        help="Run experiments: hosts, applications, links and whatever else has a life, and conditions between them.",
        no_args_is_help=True,
        rich_markup_mode="rich",
    )
    experiment.command("run", epilog=_CODES)(_run)
    experiment.command("list")(_list)
    experiment.command("status")(_status)
    experiment.command("why")(_why)
    experiment.command("trace")(_trace)
    experiment.command("recover", epilog=_CODES)(_recover)
    experiment.command("release")(_release)
    experiment.command("plot")(_plot)
    app.add_typer(experiment)


def _do(context: typer.Context, command: Callable[[], int]) -> None:
    from headrace.cli.experiment.place import guarded  # noqa: PLC0415 - see the module's docstring

    context.obj.code = guarded(command)


def _how(watch: bool | None, quiet: bool) -> How:  # noqa: FBT001 - as Typer has them
    return "quiet" if quiet else None if watch is None else "live" if watch else "plain"


def _conduct(context: typer.Context, request: Callable[[], Request]) -> None:
    def conduct() -> int:
        from headrace.cli.experiment.run import run  # noqa: PLC0415 - see the module's docstring

        return run(request())

    _do(context, conduct)


def _run(
    context: typer.Context,
    file: Annotated[
        str, typer.Argument(metavar="FILE", show_default=False, help="What describes it: .yaml, .json, or NEPI's .xml.")
    ],
    *,
    assignments: _Set = None,
    timeout: _Timeout = None,
    runs: Annotated[
        str | None,
        typer.Option(
            "--runs", metavar="MIN:MAX", show_default=False, help="Run it so often: 5, 3:20, 3: for no limit."
        ),
    ] = None,
    exp_id: Annotated[
        str | None,
        typer.Option(
            "--exp-id", metavar="NAME", show_default=False, help="The experiment's name, instead of the file's."
        ),
    ] = None,
    run_id: Annotated[
        str | None, typer.Option("--run-id", metavar="NAME", show_default=False, help="The run's name; else the time.")
    ] = None,
    root_dir: _Root = None,
    watch: _Watch = None,
    quiet: _Quiet = False,
    allow_failures: _AllowFailures = False,
    as_json: _Json = False,
) -> None:
    """Run an experiment from a file, and show how its resources are doing.

    Everything is deployed, started as its conditions say, waited for, and released. What headrace has to say goes to
    stderr; at the end a summary with what failed, of what, and where its traces are.

    Ctrl-C and SIGTERM release everything first; a second one ends at once, and leaves what is not released to
    `headrace experiment release`.
    """

    def request() -> Request:
        from headrace.cli.experiment.place import root_of  # noqa: PLC0415 - see the module's docstring
        from headrace.cli.experiment.request import (  # noqa: PLC0415 - see the module's docstring
            Request,
            parse_assignment,
            parse_runs,
            parse_timeout,
        )

        return Request(
            root=root_of(root_dir),
            file=file,
            exp_id=exp_id,
            run_id=run_id,
            assignments=tuple(parse_assignment(each) for each in assignments or ()),
            timeout=None if timeout is None else parse_timeout(timeout),
            runs=None if runs is None else parse_runs(runs),
            allow_failures=allow_failures,
            how=_how(watch, quiet),
            as_json=as_json,
        )

    _conduct(context, request)


def _recover(
    context: typer.Context,
    exp: _Exp = "last",
    *,
    run: _Run = "last",
    assignments: _Set = None,
    timeout: _Timeout = None,
    root_dir: _Root = None,
    journal: _Journal = None,
    watch: _Watch = None,
    quiet: _Quiet = False,
    allow_failures: _AllowFailures = False,
    as_json: _Json = False,
) -> None:
    """Go on with a run whose controller died: find again what still runs, and see it to its end."""
    _conduct_old(
        *(context, exp, run, root_dir, journal),
        assignments=assignments,
        timeout=timeout,
        how=_how(watch, quiet),
        allow_failures=allow_failures,
        as_json=as_json,
    )


def _release(
    context: typer.Context,
    exp: _Exp = "last",
    *,
    run: _Run = "last",
    assignments: _Set = None,
    root_dir: _Root = None,
    journal: _Journal = None,
    watch: _Watch = None,
    quiet: _Quiet = False,
    as_json: _Json = False,
) -> None:
    """Release what a run has left whose controller died. One whose controller lives is left alone: interrupt that."""
    _conduct_old(
        *(context, exp, run, root_dir, journal),
        only_release=True,
        assignments=assignments,
        how=_how(watch, quiet),
        as_json=as_json,
    )


def _conduct_old(
    context: typer.Context,
    exp: str,
    run: str,
    root_dir: str | None,
    journal: str | None,
    *,
    assignments: list[str] | None,
    timeout: str | None = None,
    only_release: bool = False,
    how: How = None,
    allow_failures: bool = False,
    as_json: bool = False,
) -> None:
    def request() -> Request:
        from headrace.cli.experiment.place import find_place, root_of  # noqa: PLC0415 - see the module's docstring
        from headrace.cli.experiment.request import (  # noqa: PLC0415 - see the module's docstring
            Request,
            parse_assignment,
            parse_timeout,
        )

        root = root_of(root_dir)
        return Request(
            root=root,
            place=find_place(root, exp, run),
            journal=journal,
            only_release=only_release,
            assignments=tuple(parse_assignment(each) for each in assignments or ()),
            timeout=None if timeout is None else parse_timeout(timeout),
            allow_failures=allow_failures,
            how=how,
            as_json=as_json,
        )

    _conduct(context, request)


def _list(
    context: typer.Context,
    exp: Annotated[
        str | None, typer.Argument(metavar="EXP", show_default=False, help="Only runs of this experiment.")
    ] = None,
    *,
    limit: Annotated[int, typer.Option("--limit", "-n", min=0, help="At most so many; 0: all.")] = _LIST,
    root_dir: _Root = None,
    as_json: _Json = False,
) -> None:
    """Tell which runs of which experiments there were and are, the latest first."""

    def command() -> int:
        from headrace.cli.experiment.place import root_of  # noqa: PLC0415 - see the module's docstring
        from headrace.cli.experiment.status import list_runs  # noqa: PLC0415 - see the module's docstring

        return list_runs(root_of(root_dir), exp, limit=limit, as_json=as_json)

    _do(context, command)


def _status(
    context: typer.Context,
    exp: _Exp = "last",
    *,
    run: _Run = "last",
    root_dir: _Root = None,
    journal: _Journal = None,
    as_json: _Json = False,
) -> None:
    """Show how the resources of a run are, while it goes on or afterwards."""

    def command() -> int:
        from headrace.cli.experiment.place import find_place, root_of  # noqa: PLC0415 - see the module's docstring
        from headrace.cli.experiment.status import show_status  # noqa: PLC0415 - see the module's docstring

        return show_status(find_place(root_of(root_dir), exp, run), journal, as_json=as_json)

    _do(context, command)


def _why(
    context: typer.Context,
    words: Annotated[
        list[str],
        typer.Argument(
            metavar="[EXP] RESOURCE", show_default=False, help="The resource: its name or guid. EXP as for `status`."
        ),
    ],
    *,
    run: _Run = "last",
    root_dir: _Root = None,
    journal: _Journal = None,
    as_json: _Json = False,
) -> None:
    """Tell what a resource waits for and who waits for it, or what it failed of."""
    if len(words) > 2:  # noqa: PLR2004 - EXP RESOURCE
        context.fail("name one resource: headrace experiment why EXP RESOURCE")
    exp = words[0] if len(words) > 1 else "last"

    def command() -> int:
        from headrace.cli.experiment.place import find_place, root_of  # noqa: PLC0415 - see the module's docstring
        from headrace.cli.experiment.why import why  # noqa: PLC0415 - see the module's docstring

        return why(find_place(root_of(root_dir), exp, run), words[-1], journal, as_json=as_json)

    _do(context, command)


def _trace(
    context: typer.Context,
    exp: _ThisExp,
    resource: Annotated[
        str, typer.Argument(metavar="RESOURCE", show_default=False, help="Whose trace it is: a name or guid.")
    ],
    name: Annotated[
        str | None, typer.Argument(metavar="NAME", show_default=False, help="The trace; without it: which there are.")
    ] = None,
    *,
    block: Annotated[
        int | None, typer.Option("--block", min=1, show_default=False, help="Only one block, of so many bytes.")
    ] = None,
    offset: Annotated[
        int | None, typer.Option("--offset", min=0, show_default=False, help="Only one block: its number, from 0.")
    ] = None,
    path: Annotated[bool, typer.Option("--path", help="Only where its file is.")] = False,
    size: Annotated[bool, typer.Option("--size", help="Only how many bytes it has.")] = False,
    run: _Run = "last",
    root_dir: _Root = None,
    journal: _Journal = None,
    as_json: _Json = False,
) -> None:
    """Print what a resource recorded, as it is. What is on other hosts is here only once it was collected."""
    streams = block is not None or offset is not None
    if streams + path + size > 1:
        context.fail("--path, --size, or a block by --block and --offset: one of these")

    def command() -> int:
        from headrace.cli.experiment.place import find_place, root_of  # noqa: PLC0415 - see the module's docstring
        from headrace.cli.experiment.trace import write_trace  # noqa: PLC0415 - see the module's docstring
        from headrace.experiments.trace import TraceAttr  # noqa: PLC0415 - see the module's docstring

        attr = TraceAttr.PATH if path else TraceAttr.SIZE if size else TraceAttr.STREAM if streams else TraceAttr.ALL
        place = find_place(root_of(root_dir), exp, run)
        return write_trace(place, resource, name, attr, block or 512, offset or 0, journal, as_json=as_json)

    _do(context, command)


def _plot(
    context: typer.Context,
    source: Annotated[str, typer.Argument(metavar="FILE|EXP", help="A file, or a run as for `status`.")] = "last",
    *,
    what: Annotated[str, typer.Option("--what", metavar="GRAPH", help="connections or conditions.")] = "connections",
    output: Annotated[
        str | None,
        typer.Option(
            "--output", "-o", metavar="FILE", show_default=False, help=".dot, .svg or .png; else DOT to stdout."
        ),
    ] = None,
    run: _Run = "last",
    root_dir: _Root = None,
    journal: _Journal = None,
) -> None:
    """Draw an experiment's resources and their connections, or who waits for whom, coloured by state."""

    def command() -> int:
        from headrace.cli.experiment.place import root_of  # noqa: PLC0415 - see the module's docstring
        from headrace.cli.experiment.plot import plot  # noqa: PLC0415 - see the module's docstring

        return plot(root_of(root_dir), source, run, what, output, journal)

    _do(context, command)
