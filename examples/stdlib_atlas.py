"""An atlas of the Python standard library, drawn by a dataflow.

Run it with `python examples/stdlib_atlas.py`, or `headrace run --allow-failures examples/stdlib_atlas.py`: the library
holds files that are not meant to parse. It needs the extras `demo` and `processes`. It reads every source file of the
standard library on this machine, measures each, adds the figures up, maps who imports whom, looks for what ties modules
into knots, counts words, packs packages, and writes one HTML page.

What it shows of Headrace:

- a call of an app is a task, its result a future, and a future given to another app is a dependency;
- a task that fails, like those for the files that do not parse, fails alone: its exception waits in its future;
- a join app decides by an intermediate result what tasks to start: here how often a knot must be cut, and where;
- a command is a task too: a pipeline of the shell's counts words, a program without a shell packs packages, each in a
  directory of its own; the files that they declare as outputs are what further tasks wait for;
- each app runs on the executor that suits it: measuring on processes, sums on threads, drawing on a single thread.
"""

from __future__ import annotations

import argparse
import contextlib
import shlex
import time
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import headrace
from atlas import charts, corpus, imports, packing, summary, words
from atlas.findings import Atlas, Failure, findings
from atlas.machine import cpu_seconds, machine, usable_cores
from atlas.measure import FileFacts, measure
from atlas.progress import Progress
from atlas.report import Run, app_colours, render
from atlas.timeline import Recorder
from headrace import (
    AUTO_LOGNAME,
    Config,
    File,
    ProcessPoolExecutor,
    ThreadPoolExecutor,
    bash_app,
    command_app,
    join_app,
    python_app,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from concurrent.futures import Future

    from headrace.dataflow.streams import Stream

T = TypeVar("T")

#: Figures are added up in groups of this many, the groups' sums likewise, until one is left.
GROUP = 24

# Any function can be made an app. This one runs on processes, so that every core can parse.
measure_file = python_app(executors=["processes"])(measure)


@python_app(executors=["threads"])
def summarise(inputs: list[FileFacts]) -> summary.Summary:
    """Add up the figures of some files."""
    return summary.summarise(inputs)


@python_app(executors=["threads"])
def merge(inputs: list[summary.Summary]) -> summary.Summary:
    """Add up figures that were added up before."""
    return summary.merge(inputs)


@python_app(executors=["threads"])
def by_name(names: list[str], inputs: list[summary.Summary]) -> dict[str, summary.Summary]:
    """Put names to summaries."""
    return dict(zip(names, inputs, strict=True))


@python_app(executors=["threads"])
def link(inputs: list[FileFacts]) -> imports.ImportMap:
    """Resolve who imports whom."""
    return imports.link(inputs)


@join_app
def untie_all(found: imports.ImportMap) -> list[Future[imports.Untying]]:
    """Untie every knot there is. How many there are is known only now that the graph is."""
    return [untie(found.graph, knot) for knot in imports.knots(found.graph)]


@join_app
def untie(graph: imports.Graph, knot: tuple[str, ...]) -> Future[imports.Untying]:
    """Try the knot without each of its modules, and go on from the best of these trials."""
    trials = [without(graph, knot, module) for module in knot]
    return go_on(graph, knot, inputs=trials)


@python_app(executors=["threads"])
def without(graph: imports.Graph, knot: tuple[str, ...], module: str) -> imports.Trial:
    """See what is left of a knot without one module."""
    return imports.without(graph, knot, module)


@join_app
def go_on(graph: imports.Graph, knot: tuple[str, ...], inputs: list[imports.Trial]) -> Future[imports.Untying]:
    """Take the keystone out; untie whatever knots are left, each in the same way."""
    best = imports.keystone(inputs)
    return untied(knot, best.module, inputs=[untie(graph, rest) for rest in best.left])


@python_app(executors=["threads"])
def untied(knot: tuple[str, ...], keystone: str, inputs: list[imports.Untying]) -> imports.Untying:
    """Put together how a knot came undone."""
    return imports.Untying(knot, keystone, tuple(inputs))


# A command in a sandbox has a directory of its own. What is in `outputs` is moved from there to its place when the
# command has ended well: nobody sees half a file. Should it fail, its error tells where the file of its stderr is.
@bash_app(executors=["commands"], sandbox=True, env={"LC_ALL": "C"})
def count_words(files: list[str], outputs: list[File], stderr: Stream = AUTO_LOGNAME) -> str:  # noqa: ARG001 - headrace's
    """Count each word of some files, as lines of a count and a word."""
    split = "tr --complement --squeeze-repeats A-Za-z_ '\\n' | sed '/^$/d'"
    return f"set -o pipefail; cat {shlex.join(files)} | {split} | sort | uniq --count > {shlex.quote(str(outputs[0]))}"


@python_app(executors=["processes"])
def merge_words(inputs: list[File]) -> words.Vocabulary:
    """Add the counts of words up."""
    return words.merge(inputs)


# A command app returns a program and its arguments: no shell, so nothing to quote.
@command_app(executors=["commands"], sandbox=True, walltime=30)
def pack(files: list[str], outputs: list[File], stderr: Stream = AUTO_LOGNAME) -> list[str]:  # noqa: ARG001 - headrace's
    """Pack some files into an archive."""
    return ["tar", "--create", "--gzip", "--absolute-names", "--file", str(outputs[0]), *files]


@python_app(executors=["threads"])
def weigh(sources: dict[str, list[str]], inputs: list[File]) -> tuple[packing.Packed, ...]:
    """Compare each package with its archive."""
    return tuple(packing.weigh(*source, archive) for source, archive in zip(sources.items(), inputs, strict=True))


@python_app(executors=["threads"])
def bind(  # noqa: PLR0917 - all that an atlas holds
    files: int,
    failures: tuple[Failure, ...],
    packages: dict[str, summary.Summary],
    library: summary.Summary,
    tests: summary.Summary,
    found: imports.ImportMap,
    knots: list[imports.Untying],
    vocabulary: words.Vocabulary,
    packed: tuple[packing.Packed, ...],
) -> Atlas:
    """Bring the results together."""
    return Atlas(
        files=files,
        failures=failures,
        packages=packages,
        library=library,
        tests=tests,
        imports=found,
        knots=tuple(knots),
        circles={knot.modules: imports.shortest_cycle(found.graph.within(knot.modules)) for knot in knots},
        load_knots=tuple(imports.knots(found.graph.on_load())),
        vocabulary=vocabulary,
        packed=packed,
    )


# Matplotlib wants to be called from one thread at a time: an executor of a single one sees to that.
draw = python_app(executors=["drawing"])(charts.draw)


def fold(summaries: Sequence[Future[summary.Summary]]) -> Future[summary.Summary]:
    """Merge in groups, and the groups in groups, so that no task waits for everything."""
    while len(summaries) > 1:
        summaries = [merge(inputs=list(group)) for group in grouped(summaries)]
    return summaries[0] if summaries else merge(inputs=[])


def grouped(items: Sequence[T]) -> Iterator[Sequence[T]]:
    """Cut a sequence into groups."""
    return (items[start : start + GROUP] for start in range(0, len(items), GROUP))


def survey(files: list[corpus.SourceFile], progress: Progress) -> tuple[Future[Atlas], dict[str, Future[str]]]:
    """Set the whole analysis going; return futures of its results and of its charts."""
    measuring = {file: measure_file(file) for file in files}
    progress.follow(measuring.values(), "files measured")

    # An app's exception waits in its future until someone asks. What failed is told, and the rest goes on without it.
    failures = tuple(Failure.of(file, error) for file, task in measuring.items() if (error := task.exception()))
    of_library: dict[str, list[Future[FileFacts]]] = defaultdict(list)
    of_tests: list[Future[FileFacts]] = []
    sources: dict[str, list[str]] = defaultdict(list)
    for file, task in measuring.items():
        if task.exception() is None:
            (of_tests if file.is_test else of_library[file.package]).append(task)
            if not file.is_test:
                sources[file.package].append(file.path)
    progress.tell(f"{len(files) - len(failures):,} files to reduce and map; {len(failures):,} could not be read")

    summaries = [fold([summarise(inputs=group) for group in grouped(tasks)]) for tasks in of_library.values()]
    packages = by_name(list(of_library), inputs=summaries)
    library = fold(summaries)
    tests = fold([summarise(inputs=group) for group in grouped(of_tests)])
    found = link(inputs=[task for tasks in of_library.values() for task in tasks])
    knots = untie_all(found)
    counted = [
        # The command makes the file, and the future of the file is what the merging waits for.
        count_words(group, outputs=[File(f"words/{number:03}.txt")]).outputs[0]
        for number, group in enumerate(grouped([path for paths in sources.values() for path in paths]))
    ]
    vocabulary = merge_words(inputs=counted)
    archives = [
        pack(paths, outputs=[File(f"packed/{package}.tar.gz")]).outputs[0] for package, paths in sources.items()
    ]
    packed = weigh(sources, inputs=archives)
    atlas = bind(len(files), failures, packages, library, tests, found, knots, vocabulary, packed)
    drawings: dict[str, Future[str]] = {
        "complexity": draw(charts.complexity, library, tests),
        "packages": draw(charts.packages, packages),
        "formatting": draw(charts.formatting, packages),
        "core": draw(charts.core, found.graph, knots),
        "untying": draw(charts.untying, knots),
        "words": draw(charts.words, vocabulary),
        "packing": draw(charts.packing, packed),
    }
    return atlas, drawings


def main() -> None:
    """Survey the corpus, write the report, and say what it found."""
    options = parse_options()
    files = corpus.sample(corpus.discover(options.corpus), options.limit)
    if not files:
        raise SystemExit(f"no Python files below {options.corpus}")
    config = Config(
        executors=[
            ProcessPoolExecutor("processes", options.processes),
            ThreadPoolExecutor("threads", options.threads),
            # A thread for each command that runs at a time; it waits for the command's end.
            ThreadPoolExecutor("commands", options.processes),
            ThreadPoolExecutor("drawing", 1),
        ]
    )
    computer, began, cpu = machine(), time.monotonic(), cpu_seconds()
    recorder = Recorder(began)
    # What the tasks write lies below the report's directory.
    with contextlib.chdir(options.output), headrace.load(config) as kernel, Progress(recorder) as progress:
        kernel.observe(recorder.note)
        progress.tell(f"{len(files):,} files below {options.corpus}")
        atlas, drawings = survey(files, progress)
        progress.follow([atlas, *drawings.values()], "results and charts")
    spans = recorder.spans()
    run = Run(
        version=headrace.__version__,
        machine=computer,
        title="the Python standard library" if options.corpus == corpus.standard_library() else options.corpus.name,
        corpus=str(options.corpus),
        workers={executor.label: executor.capacity or 0 for executor in config.labelled_executors},
        wall=max(span.ended for span in spans),
        cpu=cpu_seconds() - cpu,
        spans=spans,
    )
    svgs = {name: drawing.result() for name, drawing in drawings.items()}
    svgs["timeline"] = charts.timeline(spans, app_colours(spans))
    report = options.output / "stdlib-atlas.html"
    report.write_text(render(atlas.result(), svgs, run), encoding="utf-8")
    conclude(atlas.result(), run, report)


def conclude(atlas: Atlas, run: Run, report: Path) -> None:
    """Print what was found, and where the rest of it is."""
    print()
    for finding in findings(atlas):
        print(f"  * {finding.headline.replace('`', '')}")
    if atlas.failures:
        print(f"  * {len(atlas.failures)} of {atlas.files:,} files could not be read; the report names them")
    print(f"\n{run.tasks:,} tasks, {run.failed:,} failed, in {run.wall:.1f} s on {run.machine.cores} cores")
    print(f"Report: {report}")


def parse_options() -> argparse.Namespace:
    """Read the command line."""
    here = Path(__file__).resolve().parent
    parser = argparse.ArgumentParser(description="Draw an atlas of the Python standard library.")
    parser.add_argument("--output", type=Path, default=here.parent / "build" / "demo", help="directory for the report")
    parser.add_argument("--corpus", type=Path, default=corpus.standard_library(), help="directory of Python source")
    parser.add_argument("--limit", type=int, help="measure no more than this many files, spread over the corpus")
    parser.add_argument("--threads", type=int, default=usable_cores(), help="threads that add up and link")
    parser.add_argument("--processes", type=int, default=usable_cores(), help="processes, and commands, at a time")
    options = parser.parse_args()
    options.corpus = options.corpus.resolve()
    options.output.mkdir(parents=True, exist_ok=True)
    return options


if __name__ == "__main__":
    main()
