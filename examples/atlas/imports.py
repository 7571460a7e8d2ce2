"""Who imports whom: the graph, the knots in it, and what it would take to untie them.

The graph is read off the source, not off a run: every `import` statement is an edge to the deepest module it names,
whichever platform or condition it is for; `importlib.import_module` and its like are not seen. What a module imports
under `if TYPE_CHECKING:` or `if __name__ == "__main__":` is left out.

A *knot* is a strongly connected component of more than one module: by imports, each of its modules leads to each other.
"""

from __future__ import annotations

import sys
from collections import Counter, defaultdict, deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping
    from collections.abc import Set as AbstractSet

    from .measure import FileFacts
    from .survey import ImportFacts


@dataclass(frozen=True, slots=True)
class Graph:
    """Modules and the modules they import."""

    #: For each module, those it imports, in order of name.
    edges: Mapping[str, tuple[str, ...]]
    #: The edges that only a call follows: the import stands within functions alone.
    deferred: AbstractSet[tuple[str, str]] = frozenset()

    @property
    def size(self) -> int:
        """How many edges there are."""
        return sum(map(len, self.edges.values()))

    def within(self, modules: Collection[str]) -> Graph:
        """The part of the graph that lies among `modules`."""
        kept = set(modules)
        return Graph(
            {module: tuple(other for other in self.edges[module] if other in kept) for module in sorted(kept)},
            frozenset(edge for edge in self.deferred if kept.issuperset(edge)),
        )

    def on_load(self) -> Graph:
        """The graph of what is imported when a module is, without waiting for a call."""
        return Graph(
            {
                module: tuple(other for other in others if (module, other) not in self.deferred)
                for module, others in self.edges.items()
            }
        )

    def importers(self) -> Counter[str]:
        """By how many modules each module is imported."""
        return Counter(other for others in self.edges.values() for other in others)


@dataclass(frozen=True, slots=True)
class ImportMap:
    """What the imports of a corpus come to."""

    graph: Graph
    #: Modules that are the interpreter's own and have no Python source in the corpus, by number of importers.
    compiled: Counter[str]
    #: Modules of neither: other platforms', other people's, or of another age.
    foreign: Counter[str]


def link(files: Iterable[FileFacts]) -> ImportMap:
    """Resolve every import of `files` to the module it means."""
    sources = {facts.file.module: facts for facts in files}
    on_load: defaultdict[str, set[str]] = defaultdict(set)
    on_call: defaultdict[str, set[str]] = defaultdict(set)
    compiled: defaultdict[str, set[str]] = defaultdict(set)
    foreign: defaultdict[str, set[str]] = defaultdict(set)
    for module, facts in sources.items():
        for statement in facts.imports:
            if statement.when == "guarded":
                continue
            named = named_module(statement, module, is_package=facts.file.is_package)
            target = resolve(named, sources)
            if target is None:
                top = named.partition(".")[0]
                (compiled if top in sys.stdlib_module_names else foreign)[top].add(module)
            elif target != module:
                (on_load if statement.when == "load" else on_call)[module].add(target)
    edges = {module: tuple(sorted(on_load[module] | on_call[module])) for module in sorted(sources)}
    deferred = {(module, other) for module, others in on_call.items() for other in others - on_load[module]}
    return ImportMap(Graph(edges, frozenset(deferred)), _sizes(compiled), _sizes(foreign))


def named_module(statement: ImportFacts, importer: str, *, is_package: bool) -> str:
    """The absolute dotted name that an import names, whether or not all of it is a module."""
    named = statement.module
    if statement.level:
        package = importer.split(".")
        up = statement.level - is_package
        named = ".".join([*(package[: len(package) - up] if up else package), *([named] if named else [])])
    if statement.attribute is not None and statement.attribute != "*":
        named = f"{named}.{statement.attribute}"
    return named


def resolve(named: str, modules: Collection[str]) -> str | None:
    """The deepest of `modules` on the way to `named`."""
    while named and named not in modules:
        named = named.rpartition(".")[0]
    return named or None


def _sizes(importers: Mapping[str, Collection[str]]) -> Counter[str]:
    return Counter({module: len(found) for module, found in importers.items()})


def knots(graph: Graph) -> list[tuple[str, ...]]:
    """The strongly connected components of more than one module, largest first."""
    tangled = [tuple(sorted(component)) for component in _components(graph.edges) if len(component) > 1]
    return sorted(tangled, key=lambda component: (-len(component), component))


def _components(edges: Mapping[str, tuple[str, ...]]) -> Iterator[list[str]]:
    """Strongly connected components, by Kosaraju's way of two searches, the second against the edges."""
    against: defaultdict[str, list[str]] = defaultdict(list)
    for module, others in edges.items():
        for other in others:
            against[other].append(module)
    seen: set[str] = set()
    for root in reversed(_in_order_of_leaving(edges)):
        if root not in seen:
            yield _reachable(root, against, seen)


def _in_order_of_leaving(edges: Mapping[str, tuple[str, ...]]) -> list[str]:
    """The modules in the order in which a depth-first search leaves them; with a stack in place of recursion."""
    left: list[str] = []
    seen: set[str] = set()
    for root in edges:
        trail = [(root, iter(edges[root]))] if root not in seen else []
        seen.add(root)
        while trail:
            module, others = trail[-1]
            entered = next((other for other in others if other not in seen), None)
            if entered is None:
                trail.pop()
                left.append(module)
            else:
                seen.add(entered)
                trail.append((entered, iter(edges[entered])))
    return left


def _reachable(root: str, edges: Mapping[str, list[str]], seen: set[str]) -> list[str]:
    """The modules reachable from `root` that are not `seen` yet; they are then."""
    found = [root]
    seen.add(root)
    for module in found:
        for other in edges.get(module, ()):
            if other not in seen:
                seen.add(other)
                found.append(other)
    return found


def shortest_cycle(graph: Graph) -> tuple[str, ...]:
    """A shortest way round in `graph`, the first by name among equals; nothing if it has no cycle."""
    found = (cycle for module in graph.edges if (cycle := _way_back(graph, module)))
    return min(found, key=lambda cycle: (len(cycle), cycle), default=())


def _way_back(graph: Graph, start: str) -> tuple[str, ...]:
    """The shortest way from a module back to itself, breadth first."""
    came_from = {start: ""}
    queue = deque([start])
    while queue:
        module = queue.popleft()
        for other in graph.edges[module]:
            if other == start:
                way = [module]
                while way[-1] != start:
                    way.append(came_from[way[-1]])
                return tuple(reversed(way))
            if other not in came_from:
                came_from[other] = module
                queue.append(other)
    return ()


@dataclass(frozen=True, slots=True)
class Trial:
    """What became of a knot when one module was taken out of it."""

    #: The module taken out.
    module: str
    #: The knots that the rest still forms.
    left: tuple[tuple[str, ...], ...]

    @property
    def tied(self) -> int:
        """How many modules are still in a knot."""
        return sum(map(len, self.left))

    @property
    def merit(self) -> tuple[int, int, str]:
        """The lower, the better: few modules still tied, no large knot among what is left, then the name."""
        return self.tied, max(map(len, self.left), default=0), self.module


def without(graph: Graph, knot: tuple[str, ...], module: str) -> Trial:
    """Take `module` out of `knot` and see what is left of it."""
    rest = graph.within([other for other in knot if other != module])
    return Trial(module, tuple(knots(rest)))


def keystone(trials: Iterable[Trial]) -> Trial:
    """The trial that loosened the knot most."""
    return min(trials, key=lambda trial: trial.merit)


@dataclass(frozen=True, slots=True)
class Untying:
    """How a knot, and whatever knots came out of it, came undone."""

    #: The modules that were tied.
    modules: tuple[str, ...]
    #: The module taken out.
    keystone: str
    #: What became of the knots left without it.
    then: tuple[Untying, ...] = ()

    @property
    def keystones(self) -> int:
        """How many modules had to go in all: an upper bound, as the best at each step need not lead to the fewest."""
        return 1 + sum(rest.keystones for rest in self.then)

    @property
    def still_tied(self) -> int:
        """How many modules were still in a knot when the keystone was out."""
        return sum(len(rest.modules) for rest in self.then)

    def steps(self) -> list[Untying]:
        """Every step, the largest knot first."""
        steps = [self, *(step for rest in self.then for step in rest.steps())]
        return sorted(steps, key=lambda step: (-len(step.modules), step.modules))
