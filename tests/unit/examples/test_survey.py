"""What a walk over a syntax tree finds."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

import pytest

from atlas.survey import FunctionFacts, ImportFacts, Survey

if TYPE_CHECKING:
    from collections.abc import Callable

    from atlas.measure import FileFacts


def the_function(facts: FileFacts) -> FunctionFacts:
    (function,) = facts.functions
    return function


# Complexity, against control-flow graphs drawn by hand.

GRAPHS = [
    pytest.param(
        """
        def f(x):
            y = x
            return y
        """,
        "start-y y-end",
        id="straight",
    ),
    pytest.param(
        """
        def f(x):
            if x:
                a()
            return x
        """,
        "start-if if-a if-return a-return return-end",
        id="if",
    ),
    pytest.param(
        """
        def f(x):
            if x > 1:
                a()
            elif x > 0:
                b()
            else:
                c()
        """,
        "start-if if-a if-elif elif-b elif-c a-end b-end c-end",
        id="elif",
    ),
    pytest.param(
        """
        def f(x, y):
            if x and y:
                a()
        """,
        "start-x x-y x-end y-a y-end a-end",
        id="compound condition",
    ),
    pytest.param(
        """
        def f(items):
            for item in items:
                if item:
                    break
            else:
                a()
            b()
        """,
        "start-for for-if for-a if-for if-b a-b b-end",
        id="loop with else",
    ),
    pytest.param(
        """
        def f(x):
            while x:
                x = a(x)
        """,
        "start-while while-a a-while while-end",
        id="while",
    ),
    pytest.param(
        """
        def f(x):
            match x:
                case 1:
                    a()
                case [y] if y:
                    b()
                case _:
                    c()
        """,
        "start-1 1-a 1-list list-y list-c y-b y-c a-end b-end c-end",
        id="match",
    ),
    pytest.param(
        """
        def f(x):
            return [y for y in x if y]
        """,
        "start-for for-if if-append if-for append-for for-return return-end",
        id="comprehension",
    ),
    pytest.param(
        """
        def f(x):
            try:
                a()
            except KeyError:
                b()
            except ValueError:
                c()
            finally:
                d()
        """,
        # Was it a KeyError? Was it a ValueError? If neither, then nothing was.
        "start-a a-key key-b key-value value-c value-d b-d c-d d-end",
        id="except",
    ),
]


@pytest.mark.parametrize(("source", "graph"), GRAPHS)
def test_complexity_is_edges_less_nodes_plus_two(measured: Callable[..., FileFacts], source: str, graph: str) -> None:
    edges = graph.split()
    nodes = {node for edge in edges for node in edge.split("-")}

    assert the_function(measured(source)).complexity == len(edges) - len(nodes) + 2


@pytest.mark.parametrize(
    ("body", "complexity"),
    [
        ("pass", 1),
        ("return x if x else y", 2),
        ("assert x", 2),
        ("assert x or y", 3),
        ("with x: pass", 1),
        ("return x < y < z", 1),
        ("return x and y and z", 3),
        ("return x and y or z", 3),
        ("return [a for b in x if b if c for a in b]", 5),
        ("return {a: b for a, b in x}", 2),
        ("return lambda a: a if x else y", 2),
        ("while x: pass\n    else: y()", 2),
        ("try: x()\n    finally: y()", 1),
        ("try: x()\n    except: y()\n    else: z()", 2),
        ("try: x()\n    except* OSError: y()", 2),
        ("match x:\n        case _ if y: pass", 2),
        ("match x:\n        case 1 | 2: pass", 2),
        ("match x:\n        case a: pass", 1),
        ("match x:\n        case (1 | a) as b: pass", 1),
        ("async def g():\n        async for a in x: pass\n    return g", 1),
        ("class C:\n        y = 1 if x else 2", 2),
    ],
)
def test_what_decides_counts(measured: Callable[..., FileFacts], body: str, complexity: int) -> None:
    facts = measured(f"def f(x, y, z):\n    {body}\n")

    assert facts.functions[0].complexity == complexity


def test_inner_functions_and_methods_count_by_themselves(measured: Callable[..., FileFacts]) -> None:
    facts = measured(
        """\
        def outer(x):
            if x:
                def inner(y):
                    return y and x
            class Local:
                async def method(self):
                    return [y for y in x]
            return x or inner
        """
    )

    assert [(function.name, function.line, function.complexity) for function in facts.functions] == [
        ("outer", 1, 3),
        ("outer.inner", 3, 2),
        ("outer.Local.method", 6, 2),
    ]


def test_defaults_and_decorators_count_where_they_are_evaluated(measured: Callable[..., FileFacts]) -> None:
    facts = measured(
        """\
        def outer(x):
            @x.wrap(1 if x else 2)
            def inner(y=x or 1) -> (x or 2):
                pass
        """
    )

    assert {function.name: function.complexity for function in facts.functions} == {"outer": 4, "outer.inner": 1}


def test_length_and_nesting(measured: Callable[..., FileFacts]) -> None:
    function = the_function(
        measured(
            """\
            @decorated
            def f(x):
                for y in x:
                    if y:
                        a()
                    elif y is None:
                        b()
                    else:
                        if x:
                            with y:
                                c()
            """
        )
    )

    assert (function.line, function.length, function.depth) == (2, 10, 4)


@pytest.mark.parametrize(
    ("source", "slots", "annotated"),
    [
        ("def f(): pass", 1, 0),
        ("def f() -> None: pass", 1, 1),
        ("def f(a: int, /, b, *c: str, d: int, **e): pass", 6, 3),
        ("class C:\n    def f(self, a: int) -> int: pass", 2, 2),
        ("class C:\n    @staticmethod\n    def f(a, b: int): pass", 3, 1),
        ("class C:\n    @classmethod\n    def f(cls): pass", 1, 0),
    ],
)
def test_places_for_annotations(measured: Callable[..., FileFacts], source: str, slots: int, annotated: int) -> None:
    function = the_function(measured(source))

    assert (function.slots, function.annotated) == (slots, annotated)


def test_public_names_and_docstrings(measured: Callable[..., FileFacts]) -> None:
    facts = measured(
        '''\
        """The module, documented."""

        class Public:
            """Documented."""

            def method(self):
                """Documented."""
                def local(): pass

            def _private(self):
                """Documented, but private."""

        class _Private:
            def method(self): pass

        def undocumented(): pass
        '''
    )

    assert (facts.public, facts.documented, facts.classes) == (4, 3, 2)


def test_imports_are_told_with_when_they_run(measured: Callable[..., FileFacts]) -> None:
    facts = measured(
        """\
        import os, xml.dom
        from typing import TYPE_CHECKING
        if TYPE_CHECKING:
            import ast
        else:
            import dis
        try:
            from . import fast as speed
        except ImportError:
            from ..slow import *
        class C:
            import enum
        def f():
            import json
            if TYPE_CHECKING:
                import sys
        if __name__ == "__main__":
            import pdb
        """
    )

    assert facts.imports == (
        ImportFacts(1, "os", None, 0, "load"),
        ImportFacts(1, "xml.dom", None, 0, "load"),
        ImportFacts(2, "typing", "TYPE_CHECKING", 0, "load"),
        ImportFacts(4, "ast", None, 0, "guarded"),
        ImportFacts(6, "dis", None, 0, "load"),
        ImportFacts(8, "", "fast", 1, "load"),
        ImportFacts(10, "slow", "*", 2, "load"),
        ImportFacts(12, "enum", None, 0, "load"),
        ImportFacts(14, "json", None, 0, "deferred"),
        ImportFacts(16, "sys", None, 0, "guarded"),
        ImportFacts(18, "pdb", None, 0, "guarded"),
    )


@pytest.mark.parametrize(
    ("source", "idiom"),
    [
        ("'%s' % x", "percent"),
        ("b'%s' % x", "percent"),
        ("'{}'.format(x)", "str.format"),
        ("f'{x:{y}}'", "f-string"),
        ("f'{x}' f'{y}'", "f-string"),
        ("super().f()", "plain super"),
        ("super(C, self).f()", "super with arguments"),
        ("class C(object): pass", "object base"),
        ("try: x\nexcept: y", "bare except"),
        ("def f(x=[]): pass", "mutable default"),
        ("def f(*, x={}): pass", "mutable default"),
        ("def f(x, /): pass", "positional only"),
        ("async def f(): pass", "async def"),
        ("def f(): yield from x", "yield from"),
        ("x: int", "annotated variable"),
        ("(x := y)", "walrus"),
        ("match x:\n    case _: pass", "match"),
        ("try: x\nexcept* OSError: y", "except star"),
    ],
)
def test_an_idiom_is_counted_once(measured: Callable[..., FileFacts], source: str, idiom: str) -> None:
    assert {key: count for key, count in measured(source).idioms.items() if count} == {idiom: 1}


@pytest.mark.parametrize("source", ["x % y", "x.format(y)", "'%s'", "class C: pass", "def f(x=()): pass", "'a' + 'b'"])
def test_what_only_looks_like_an_idiom_is_none(measured: Callable[..., FileFacts], source: str) -> None:
    assert measured(source).idioms.total() == 0


def test_a_tree_deeper_than_the_stack_is_walked() -> None:
    expression: ast.expr = ast.Name("x", ast.Load())
    for _ in range(20_000):
        expression = ast.UnaryOp(ast.Not(), expression)
    tree = ast.Module([ast.Expr(ast.NamedExpr(ast.Name("y", ast.Store()), expression))], [])

    assert Survey(tree).idioms["walrus"] == 1
