"""What a walk over one file's syntax tree finds.

**Complexity** is McCabe's cyclomatic number v(G) = e - n + 2 of a function's control-flow graph ("A Complexity
Measure", IEEE Transactions on Software Engineering SE-2(4), 1976). For structured code it is the number of decisions
plus one, and a compound condition counts once for each simple condition in it. So a function starts at 1 and gains

- 1 for each `if`, `elif`, conditional expression, `for`, `while`, `except` clause and `assert`,
- 1 for each `and` and `or`,
- 1 for each `for` and each `if` of a comprehension,
- 1 for each `case` that can fail to match, and 1 for its guard.

`else`, `finally`, `with`, `case _` and a chained comparison decide nothing further. A nested function or a method has a
graph of its own and adds nothing to the function around it; lambdas and comprehensions, having no name to be listed
under, count where they are written, as the body of a class does.
"""

from __future__ import annotations

import ast
from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar, Final

from .idioms import has_mutable_default, idiom_of_call, is_percent_formatting

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

Function = ast.FunctionDef | ast.AsyncFunctionDef
Documented = ast.Module | ast.ClassDef | Function


@dataclass(frozen=True, slots=True)
class FunctionFacts:
    """One function or method."""

    #: Dotted name within its module.
    name: str
    #: Line of its `def`.
    line: int
    #: Lines from its `def` to its end, docstring and comments included.
    length: int
    #: McCabe's cyclomatic complexity.
    complexity: int
    #: How deep its compound statements nest.
    depth: int
    #: Places for an annotation: every parameter but a method's first, and the return value.
    slots: int
    #: How many of them are annotated.
    annotated: int


@dataclass(frozen=True, slots=True)
class ImportFacts:
    """One import statement's name, as written."""

    #: Line of the statement.
    line: int
    #: The module named: after `from`, or by a plain `import`.
    module: str
    #: What a `from` import takes out of the module; nothing for a plain import.
    attribute: str | None
    #: Leading dots of a relative import.
    level: int
    #: When it runs: on "load" of the module, "deferred" until a function is called, or "guarded" by
    #: `if TYPE_CHECKING:` or `if __name__ == "__main__":`, which an import of the module never enters.
    when: str


class _Tally:
    """What adds up while a function's body is walked; the module's own code has one too."""

    __slots__ = ("complexity", "deepest")

    def __init__(self) -> None:
        self.complexity = 1
        self.deepest = 0


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a node stands."""

    #: What the node counts for.
    tally: _Tally
    #: What a name defined here begins with.
    prefix: str = ""
    #: Whether names defined here are those of a class.
    in_class: bool = False
    #: Whether a name defined here can be public.
    public: bool = True
    #: When an import here runs.
    when: str = "load"


#: Fields that never hold a node to count: names, operators, contexts.
_PLAIN_FIELDS: Final = frozenset({"attr", "ctx", "id", "kind", "lineno", "name", "names", "op", "ops", "type_comment"})

#: The other fields of each kind of node.
_FIELDS: Final = {
    kind: tuple(field for field in kind._fields if field not in _PLAIN_FIELDS)
    for kind in vars(ast).values()
    if isinstance(kind, type) and issubclass(kind, ast.AST)
}

#: Values of a field that lead nowhere.
_LEAVES: Final = frozenset({ast.Constant, ast.Name, ast.Pass, ast.Break, ast.Continue, type(None), str, int, bool})

_PLAIN_IDIOMS: Final[dict[type[ast.AST], str]] = {
    ast.JoinedStr: "f-string",
    ast.NamedExpr: "walrus",
    ast.YieldFrom: "yield from",
    ast.AnnAssign: "annotated variable",
}


class Survey:
    """One walk over a syntax tree.

    It keeps a stack of its own: the trees of the wild are deeper than Python lets functions call one another.
    """

    def __init__(self, tree: ast.Module) -> None:
        self._functions: list[tuple[Function, str, _Tally, bool]] = []
        self.classes = 0
        self.imports: list[ImportFacts] = []
        self.idioms: Counter[str] = Counter()
        self.public = 0
        self.documented = 0
        self.docstring_lines: set[int] = set()
        self._stack: list[tuple[ast.AST, _Place, int]] = []
        self._walk(tree)

    def functions(self) -> list[FunctionFacts]:
        """Every function and method, in the order of the source."""
        facts = [_function_facts(node, name, tally, is_method=method) for node, name, tally, method in self._functions]
        return sorted(facts, key=lambda function: function.line)

    def _walk(self, tree: ast.Module) -> None:
        place = _Place(_Tally())
        self._note_docstring(tree, public=True)
        self._push(tree.body, place, 0)
        stack = self._stack
        while stack:
            node, place, depth = stack.pop()
            visit = self._VISITS.get(type(node))
            if visit is not None:
                visit(self, node, place, depth)
            else:
                self._push(_children(node), place, depth)

    def _push(self, nodes: Iterable[ast.AST], place: _Place, depth: int) -> None:
        self._stack.extend([(node, place, depth) for node in nodes if type(node) not in _LEAVES])

    def _note_docstring(self, node: Documented, *, public: bool) -> None:
        first = node.body[0] if node.body else None
        documented = (
            isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and isinstance(first.value.value, str)
        )
        if documented and first is not None:
            self.docstring_lines.update(range(first.lineno, (first.end_lineno or first.lineno) + 1))
        self.public += public
        self.documented += public and documented

    # What each kind of node adds. Those not listed add nothing and are only walked through.

    def _function(self, node: Function, place: _Place, depth: int) -> None:
        tally = _Tally()
        public = place.public and not node.name.startswith("_")
        name = place.prefix + node.name
        self._functions.append((node, name, tally, place.in_class))
        self._note_docstring(node, public=public)
        self.idioms["async def"] += isinstance(node, ast.AsyncFunctionDef)
        self.idioms["positional only"] += bool(node.args.posonlyargs)
        self.idioms["mutable default"] += has_mutable_default(node.args)
        when = "guarded" if place.when == "guarded" else "deferred"
        inside = _Place(tally, f"{name}.", in_class=False, public=False, when=when)
        self._push(node.body, inside, 0)
        outside = [*node.decorator_list, node.args, *([node.returns] if node.returns else [])]
        self._push(outside, place, depth)

    def _class(self, node: ast.ClassDef, place: _Place, depth: int) -> None:
        self.classes += 1
        public = place.public and not node.name.startswith("_")
        self._note_docstring(node, public=public)
        self.idioms["object base"] += any(isinstance(base, ast.Name) and base.id == "object" for base in node.bases)
        inside = replace(place, prefix=f"{place.prefix}{node.name}.", in_class=True, public=public)
        self._push(node.body, inside, depth)
        self._push([*node.decorator_list, *node.bases, *node.keywords], place, depth)

    def _if(self, node: ast.If, place: _Place, depth: int) -> None:
        place.tally.complexity += 1
        inside = replace(place, when="guarded") if _is_guard(node.test) else place
        place.tally.deepest = max(place.tally.deepest, depth + 1)
        self._push([node.test], place, depth)
        self._push(node.body, inside, depth + 1)
        self._push(node.orelse, place, depth if _is_elif(node) else depth + 1)

    def _compound(self, node: ast.AST, place: _Place, depth: int) -> None:
        place.tally.complexity += isinstance(node, ast.For | ast.AsyncFor | ast.While)
        place.tally.deepest = max(place.tally.deepest, depth + 1)
        self.idioms["match"] += isinstance(node, ast.Match)
        self.idioms["except star"] += isinstance(node, ast.TryStar)
        self._push(_children(node), place, depth + 1)

    def _handler(self, node: ast.ExceptHandler, place: _Place, depth: int) -> None:
        place.tally.complexity += 1
        self.idioms["bare except"] += node.type is None
        self._push(_children(node), place, depth)

    def _case(self, node: ast.match_case, place: _Place, depth: int) -> None:
        place.tally.complexity += (not _always_matches(node.pattern)) + (node.guard is not None)
        self._push(_children(node), place, depth)

    def _decision(self, node: ast.AST, place: _Place, depth: int) -> None:
        place.tally.complexity += 1
        self._push(_children(node), place, depth)

    def _bool_op(self, node: ast.BoolOp, place: _Place, depth: int) -> None:
        place.tally.complexity += len(node.values) - 1
        self._push(node.values, place, depth)

    def _comprehension(self, node: ast.comprehension, place: _Place, depth: int) -> None:
        place.tally.complexity += 1 + len(node.ifs)
        self._push(_children(node), place, depth)

    def _import(self, node: ast.Import, place: _Place, _depth: int) -> None:
        self.imports.extend(ImportFacts(node.lineno, alias.name, None, 0, place.when) for alias in node.names)

    def _import_from(self, node: ast.ImportFrom, place: _Place, _depth: int) -> None:
        self.imports.extend(
            ImportFacts(node.lineno, node.module or "", alias.name, node.level, place.when) for alias in node.names
        )

    def _call(self, node: ast.Call, place: _Place, depth: int) -> None:
        if idiom := idiom_of_call(node):
            self.idioms[idiom] += 1
        self._push(_children(node), place, depth)

    def _bin_op(self, node: ast.BinOp, place: _Place, depth: int) -> None:
        self.idioms["percent"] += is_percent_formatting(node)
        self._push([node.left, node.right], place, depth)

    def _formatted_value(self, node: ast.FormattedValue, place: _Place, depth: int) -> None:
        # A format specification is an f-string to the parser, not to whoever wrote it.
        specification = node.format_spec.values if isinstance(node.format_spec, ast.JoinedStr) else []
        self._push([node.value, *specification], place, depth)

    def _idiom(self, node: ast.AST, place: _Place, depth: int) -> None:
        self.idioms[_PLAIN_IDIOMS[type(node)]] += 1
        self._push(_children(node), place, depth)

    #: What to do at each kind of node.
    _VISITS: ClassVar[dict[type[ast.AST], Callable[[Survey, Any, _Place, int], None]]] = {
        ast.FunctionDef: _function,
        ast.AsyncFunctionDef: _function,
        ast.ClassDef: _class,
        ast.If: _if,
        ast.ExceptHandler: _handler,
        ast.match_case: _case,
        ast.BoolOp: _bool_op,
        ast.comprehension: _comprehension,
        ast.Import: _import,
        ast.ImportFrom: _import_from,
        ast.Call: _call,
        ast.BinOp: _bin_op,
        ast.FormattedValue: _formatted_value,
        **dict.fromkeys((ast.IfExp, ast.Assert), _decision),
        **dict.fromkeys(
            (ast.For, ast.AsyncFor, ast.While, ast.Try, ast.TryStar, ast.With, ast.AsyncWith, ast.Match), _compound
        ),
        **dict.fromkeys(_PLAIN_IDIOMS, _idiom),
    }


def _function_facts(node: Function, name: str, tally: _Tally, *, is_method: bool) -> FunctionFacts:
    slots = _annotation_slots(node, is_method=is_method)
    return FunctionFacts(
        name=name,
        line=node.lineno,
        length=(node.end_lineno or node.lineno) - node.lineno + 1,
        complexity=tally.complexity,
        depth=tally.deepest,
        slots=len(slots),
        annotated=sum(slot is not None for slot in slots),
    )


def _annotation_slots(node: Function, *, is_method: bool) -> list[ast.expr | None]:
    """What each place for an annotation holds."""
    arguments = node.args
    positional = [*arguments.posonlyargs, *arguments.args]
    decorators = {decorator.id for decorator in node.decorator_list if isinstance(decorator, ast.Name)}
    if is_method and "staticmethod" not in decorators:
        positional = positional[1:]
    others = [arguments.vararg, *arguments.kwonlyargs, arguments.kwarg]
    return [*(arg.annotation for arg in (*positional, *others) if arg is not None), node.returns]


def _children(node: ast.AST) -> list[ast.AST]:
    """What is directly below `node`: nodes, and some leaves among them."""
    children: list[ast.AST] = []
    for field in _FIELDS[type(node)]:
        value = getattr(node, field)
        if type(value) is list:
            children += value
        else:
            children.append(value)
    return children


def _is_guard(test: ast.expr) -> bool:
    """Whether `test` is one that an import of the module never passes."""
    match test:
        case ast.Name("TYPE_CHECKING") | ast.Attribute(attr="TYPE_CHECKING"):
            return True
        case ast.Compare(ast.Name("__name__"), [ast.Eq()], [ast.Constant("__main__")]):
            return True
        case _:
            return False


def _is_elif(node: ast.If) -> bool:
    """Whether the `else` of `node` is an `elif`: an `if` all by itself that starts in the same column."""
    return len(node.orelse) == 1 and isinstance(node.orelse[0], ast.If) and node.orelse[0].col_offset == node.col_offset


def _always_matches(pattern: ast.pattern) -> bool:
    """Whether a `case` of this pattern cannot fail."""
    match pattern:
        case ast.MatchAs(pattern=None):
            return True
        case ast.MatchAs(pattern=inner) if inner is not None:
            return _always_matches(inner)
        case ast.MatchOr(patterns):
            return any(_always_matches(alternative) for alternative in patterns)
        case _:
            return False
