"""Ways of writing things that tell a source's age."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Idiom:
    """One way of writing something."""

    #: What the measuring counts it under.
    key: str
    #: How it looks, for the reader.
    example: str
    #: The first version of Python that takes it, as a reader would write it.
    since: str
    #: What has taken its place, or nothing if it is the current way.
    superseded_by: str = ""


#: Three generations of putting values into a string.
FORMATTING: Final = ("percent", "str.format", "f-string")

#: Every idiom counted, by age.
IDIOMS: Final = (
    Idiom("percent", '"%s" % name', "1.0", "f-string"),
    Idiom("bare except", "except:", "1.0", "except Exception:"),
    Idiom("mutable default", "def f(x=[])", "1.0", "x=None"),
    Idiom("object base", "class C(object):", "2.2", "class C:"),
    Idiom("super with arguments", "super(C, self)", "2.2", "super()"),
    Idiom("str.format", '"{}".format(name)', "2.6", "f-string"),
    Idiom("plain super", "super()", "3.0"),
    Idiom("yield from", "yield from items", "3.3"),
    Idiom("async def", "async def f():", "3.5"),
    Idiom("f-string", 'f"{name}"', "3.6"),
    Idiom("annotated variable", "x: int = 0", "3.6"),
    Idiom("walrus", "if (m := f()):", "3.8"),
    Idiom("positional only", "def f(x, /):", "3.8"),
    Idiom("match", "match value:", "3.10"),
    Idiom("except star", "except* OSError:", "3.11"),
)


def is_percent_formatting(node: ast.BinOp) -> bool:
    """Whether `node` formats a string literal with `%`."""
    left = node.left
    literal = isinstance(left, ast.JoinedStr) or (
        isinstance(left, ast.Constant) and isinstance(left.value, str | bytes)
    )
    return literal and isinstance(node.op, ast.Mod)


def idiom_of_call(node: ast.Call) -> str | None:
    """The idiom that a call is, if it is one: `str.format` on a literal, or either `super`."""
    called = node.func
    if isinstance(called, ast.Attribute):
        on_literal = isinstance(called.value, ast.Constant) and isinstance(called.value.value, str)
        return "str.format" if on_literal and called.attr == "format" else None
    if isinstance(called, ast.Name) and called.id == "super":
        return "super with arguments" if node.args else "plain super"
    return None


def has_mutable_default(arguments: ast.arguments) -> bool:
    """Whether a parameter's default is a list, dict or set display, shared by every call."""
    defaults = (*arguments.defaults, *arguments.kw_defaults)
    return any(isinstance(default, ast.List | ast.Dict | ast.Set) for default in defaults)
